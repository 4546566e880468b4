"""Connecting to a camera in the network, and what may go wrong there, in words."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Sequence

from edgeseg.sources.address import Address


def connect(address: Address, timeout_s: float) -> socket.socket:
    """Return a connection, over TLS where the address says so; cameras have no real certificates.

    Raises:
        OSError: refused, unknown, or nobody answers.
    """
    server = socket.create_connection((address.host, address.port), timeout_s)
    if not address.encrypted:
        return server
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    try:
        return context.wrap_socket(server, server_hostname=address.host)
    except BaseException:
        server.close()
        raise


def connection_trouble(address: Address, error: OSError) -> str:
    """Say in words what connecting failed with."""
    if isinstance(error, socket.gaierror):
        return f"the name {address.host} is not known"
    if isinstance(error, ConnectionRefusedError):
        return f"{address.place} refuses the connection; is the camera's server running there?"
    if isinstance(error, TimeoutError):
        return f"nobody answers at {address.place}"
    return f"{address.place}: {error.strerror or str(error) or type(error).__name__}"


def login_trouble(user: str, challenges: Sequence[str], example: str) -> str:
    """Say in words what a 401 means here."""
    if not user:
        return f"it wants a user and a password (401); type {example}"
    methods = {challenge.split()[0].lower() for challenge in challenges if challenge.split()}
    if methods and not methods & {"basic", "digest"}:
        return f"it wants a way to log in that is not known here (401, {', '.join(methods)})"
    return "user or password are wrong (401)"
