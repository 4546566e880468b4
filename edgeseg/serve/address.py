"""Where the page is served: the address from the command line, its socket, its URL."""

from __future__ import annotations

import contextlib
import errno
import ipaddress
import re
import socket
from dataclasses import dataclass

from edgeseg.errors import ConfigError, OutputError

_HOME = "127.0.0.1"
_LARGEST_PORT = 65535
_EXAMPLE = "type --serve 8080, --serve 0.0.0.0:8080 or --serve '[::]:8080'"
# Documentation addresses (RFC 5737, RFC 3849): a route is looked up to them, nothing is sent.
_ELSEWHERE = {socket.AF_INET: "192.0.2.1", socket.AF_INET6: "2001:db8::1"}


@dataclass(frozen=True)
class Address:
    """Where to listen; port 0 is any that is free."""

    host: str
    port: int

    def __str__(self) -> str:
        """Return the form that the command line takes."""
        return f"{_bracketed(self.host)}:{self.port}"


def parse_address(text: str) -> Address:
    """Read `[HOST:]PORT`, IPv6 in brackets; without a host only this device can look.

    Raises:
        ConfigError: it is no such text.
    """
    found = re.fullmatch(r"(?:(?:\[([0-9a-fA-F:.%\w-]+)\]|([^\[\]:/\s]+)):)?([0-9]{1,5})", text)
    if not found or int(found[3]) > _LARGEST_PORT:
        raise ConfigError(f"{text!r} is no [HOST:]PORT; {_EXAMPLE}")
    return Address(found[1] or found[2] or _HOME, int(found[3]))


def listen(address: Address) -> socket.socket:
    """Return a socket that listens there.

    Raises:
        OutputError: the port is taken or reserved, the address is not of this device, or unknown.
    """
    try:
        family, where = _resolve(address)
        both = family == socket.AF_INET6 and address.host == "::" and socket.has_dualstack_ipv6()
        return socket.create_server(where, family=family, dualstack_ipv6=both)
    except (OSError, UnicodeError) as error:
        raise OutputError(f"cannot serve on {address}: {_reason(error, address)}") from error


def is_loopback(listening: socket.socket) -> bool:
    """Return whether only this device can reach the socket."""
    return ipaddress.ip_address(_host_of(listening).partition("%")[0]).is_loopback


def url_of(listening: socket.socket) -> str:
    """Return the address for browsers; where all are served, one that other devices can reach."""
    host, port = _host_of(listening), listening.getsockname()[1]
    if ipaddress.ip_address(host.partition("%")[0]).is_unspecified:
        host = _own_address(listening.family)
    return f"http://{_bracketed(host)}:{port}/"


def _resolve(address: Address) -> tuple[int, tuple[str, int]]:
    """Return family and socket address; IPv4 goes first, for `localhost` means it to most."""
    found = socket.getaddrinfo(
        address.host, address.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
    )
    family, _, _, _, where = min(found, key=lambda entry: entry[0] != socket.AF_INET)
    return family, where  # type: ignore[return-value]  # IPv6 has two more fields


def _reason(error: Exception, address: Address) -> str:
    if isinstance(error, socket.gaierror | UnicodeError):
        return f"no address is known for {address.host}; {_EXAMPLE}"
    code = getattr(error, "errno", None)
    if code == errno.EADDRINUSE:
        return f"port {address.port} is in use; give another one, as in --serve {address.port + 1}"
    if code == errno.EADDRNOTAVAIL:
        return f"{address.host} is not an address of this device; {_EXAMPLE}"
    if code == errno.EACCES:
        return f"port {address.port} is reserved for root; give one above 1023, as in --serve 8080"
    return getattr(error, "strerror", None) or str(error)


def _own_address(family: int) -> str:
    """Return the address by which this device speaks to others, its name where it has none."""
    for kind in (socket.AF_INET, family):
        with contextlib.suppress(OSError), socket.socket(kind, socket.SOCK_DGRAM) as asking:
            asking.connect((_ELSEWHERE[socket.AddressFamily(kind)], 9))
            return str(asking.getsockname()[0])
    return socket.gethostname()


def _host_of(listening: socket.socket) -> str:
    return str(listening.getsockname()[0])


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host
