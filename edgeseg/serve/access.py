"""Who may look: the token, its cookie, and the checks against pages of other sites."""

from __future__ import annotations

import hashlib
import hmac
import os
import re
import secrets
from urllib.parse import urlsplit

from edgeseg.errors import ConfigError

TOKEN_VARIABLE = "EDGESEG_TOKEN"
_SHORTEST = 8
_TOKEN = re.compile(r"[A-Za-z0-9._~+/=-]+")  # what needs no quoting in a URL, a header or a cookie
_HOME_NAMES = ("localhost", "127.0.0.1", "::1")


def choose_token(given: str | None, *, loopback: bool) -> str | None:
    """Return the token to ask for: the given one, the environment's, or a new one off loopback.

    Returns:
        None where none is needed: on loopback, when none was given.

    Raises:
        ConfigError: the token is too short or has signs that need quoting.
    """
    token = given if given is not None else os.environ.get(TOKEN_VARIABLE)
    if token is None:
        return None if loopback else secrets.token_urlsafe(16)
    if len(token) < _SHORTEST or not _TOKEN.fullmatch(token):
        raise ConfigError(
            f"the token of the page has {len(token)} signs; expected {_SHORTEST} or more of A-Z "
            f"a-z 0-9 . _ ~ + / = -; leave --serve-token and {TOKEN_VARIABLE} out for a random one"
        )
    return token


class Gate:
    """Checks requests by their headers alone.

    On loopback the Host header must be a name of this device: a page of another site can make its
    own name point to 127.0.0.1 (DNS rebinding), but the browser then sends that name. An Origin
    header must be of the same host: browsers let any page open a WebSocket to any address.
    """

    def __init__(self, token: str | None, *, loopback: bool, host: str) -> None:
        """Let in who knows the token; None lets everyone in. `host` was asked to be served."""
        self._token = token
        self._hosts = {*_HOME_NAMES, host.lower()} if loopback else None
        # Of the token, not the token: a stolen cookie opens this page and nothing else.
        self.cookie = (
            ""
            if token is None
            else hmac.new(token.encode(), b"edgeseg", hashlib.sha256).hexdigest()
        )

    @property
    def open(self) -> bool:
        """Whether no token is needed."""
        return self._token is None

    def knows_host(self, header: str) -> bool:
        """Return whether a Host header names this device."""
        if self._hosts is None:
            return True
        name = _name_of(f"//{header}")
        return name is not None and (name in self._hosts or name.endswith(".localhost"))

    def same_site(self, origin: str | None, host: str) -> bool:
        """Return whether an Origin header, if there is one, is of the page itself."""
        return origin is None or urlsplit(origin).netloc.lower() == host.lower()

    def takes_token(self, text: str) -> bool:
        """Return whether this is the token."""
        return self._token is None or _equal(text, self._token)

    def takes_cookie(self, text: str) -> bool:
        """Return whether this is the cookie that the token was changed for."""
        return self._token is None or _equal(text, self.cookie)

    def takes_header(self, authorization: str) -> bool:
        """Return whether an Authorization header carries the token."""
        kind, _, text = authorization.partition(" ")
        return self._token is None or (
            kind.lower() == "bearer" and _equal(text.strip(), self._token)
        )


def _equal(one: str, other: str) -> bool:
    return hmac.compare_digest(one.encode(errors="replace"), other.encode())


def _name_of(url: str) -> str | None:
    try:
        return urlsplit(url).hostname
    except ValueError:
        return None
