"""The address of a network camera: its parts, and a form that may be shown (no password)."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from urllib.parse import SplitResult, unquote, urlsplit

from edgeseg.sources.grabber import GrabError

_PORTS = {"rtsp": 554, "rtsps": 322, "http": 80, "https": 443}
_HIDDEN = "***"
# Cameras take passwords in the query too: /snapshot.cgi?user=admin&pwd=1234
_SECRET_OPTION = re.compile(r"(?i)([?&][^=&]*(?:pas|pwd|pw|token|secret|key|auth)[^=&]*=)[^&#]*")


@dataclass(frozen=True)
class Address:
    """Where a stream is.

    Attributes:
        scheme: `rtsp`, `rtsps`, `http` or `https`.
        host: name or number, without brackets.
        port: given, or the usual one of the scheme.
        target: path and query, what is asked for.
        user: empty where the URL names none.
        password: of the user.
    """

    scheme: str
    host: str
    port: int
    target: str
    user: str = ""
    password: str = field(default="", repr=False)

    @property
    def place(self) -> str:
        """Host and port, for messages."""
        return f"{self.host}:{self.port}"

    @property
    def encrypted(self) -> bool:
        """Whether it is spoken over TLS."""
        return self.scheme in {"rtsps", "https"}

    @property
    def bare_url(self) -> str:
        """The whole URL without user and password."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{host}:{self.port}{self.target}"


def read_address(url: str) -> Address:
    """Take a URL apart.

    Raises:
        GrabError: it is no such URL; final.
    """
    try:
        parts = urlsplit(url)
        return _address(parts)
    except ValueError:  # a port that is no number, a bracket that stands alone
        advice = "; write / ? # @ : of a password as %2F %3F %23 %40 %3A" if "@" in url else ""
        raise GrabError(
            f"this is no address; expected something like {_example(url)}{advice}", final=True
        ) from None


def _address(parts: SplitResult) -> Address:
    port = parts.port if parts.port is not None else _PORTS.get(parts.scheme, 0)
    if not parts.hostname or not port or re.search(r"[\x00-\x20\x7f]", parts.geturl()):
        raise ValueError
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return Address(
        parts.scheme,
        parts.hostname,
        port,
        target,
        user=unquote(parts.username or ""),
        password=unquote(parts.password or ""),
    )


def _example(url: str) -> str:
    if url.lower().startswith("http"):
        return "http://192.168.1.20/video.mjpg"
    return "rtsp://USER:PASSWORD@192.168.1.20/stream1"


def redacted(url: str) -> str:
    """Return a URL as it may be shown: user, password and secret options hidden.

    A password with an unescaped / or ? breaks the URL; then everything up to the last @ is hidden,
    rather too much than too little.
    """
    scheme, found, rest = url.partition("://")
    if not found:
        return _without_secret_options(url)
    authority = re.split(r"[/?#]", rest, maxsplit=1)[0]
    if "@" in authority:
        rest = f"{_HIDDEN}@{rest[authority.rindex('@') + 1 :]}"
    elif "@" in rest and ":" in authority:
        rest = f"{_HIDDEN}@{rest[rest.rindex('@') + 1 :]}"
    return f"{scheme}://{_without_secret_options(rest)}"


def _without_secret_options(text: str) -> str:
    return _SECRET_OPTION.sub(lambda found: found[1] + _HIDDEN, text)
