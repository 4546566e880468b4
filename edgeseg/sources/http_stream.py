"""One HTTP answer that need not end, read in pieces, with an end to all waiting."""

from __future__ import annotations

import http.client
import select
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urljoin

from edgeseg.sources.address import Address, read_address
from edgeseg.sources.grabber import GrabError
from edgeseg.sources.login import answer
from edgeseg.sources.server import connect, connection_trouble, login_trouble

_MOST_HOPS = 5
_PIECE = 65536

_WORDS = {
    403: "the server forbids it (403)",
    404: "the server has nothing of that name (404); look up the path in the camera's manual",
    429: "the server wants fewer requests (429)",
    503: "the server serves no more viewers now (503)",
}


class HttpStream:
    """An answer to GET: its type, and its bytes as they come.

    Attributes:
        content_type: in lower case, without parameters: "multipart/x-mixed-replace".
        boundary: between the parts of a multipart answer, as the server names it.
        length: in bytes, None where the server does not say.
    """

    def __init__(self, url: str, timeout_s: float) -> None:
        """Ask for `url`: redirected, logged in, and all that within `timeout_s`.

        Raises:
            GrabError: refused, not found, nobody answers, ...
        """
        end_s = time.monotonic() + timeout_s
        self._seen = b""
        address, known = read_address(url), ""
        for _ in range(_MOST_HOPS):
            self._connection = _Connection(address, end_s)
            self._answer = self._connection.get(known, end_s)
            status = self._answer.status
            if status == 200:
                self._describe()
                return
            again = self._next_request(address, bool(known))
            self.close()
            if isinstance(again, GrabError):
                raise again
            address, known = again
        raise GrabError("the server redirects in a circle")

    def read(self, end_s: float) -> bytes | None:
        """Return some bytes, none of them at the end of the answer, None when `end_s` came first.

        Raises:
            GrabError: the connection broke.
        """
        if self._seen:
            seen, self._seen = self._seen, b""
            return seen
        self._connection.set_timeout(end_s)
        try:
            return self._answer.read1(_PIECE)
        except TimeoutError:
            return None
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise GrabError(f"the connection broke ({_text(error)})") from None

    def begins_with(self, sign: bytes, end_s: float) -> bool:
        """Return whether the answer, past empty lines, begins like this; `read` still gives it."""
        while len(self._seen.lstrip(b"\r\n")) < len(sign):
            seen, self._seen = self._seen, b""
            piece = self.read(end_s)
            self._seen = seen + (piece or b"")
            if not piece or len(self._seen) > _PIECE:
                break
        return self._seen.lstrip(b"\r\n").startswith(sign)

    def has_more(self) -> bool:
        """Return whether bytes wait already, so that `read` would not."""
        return bool(self._seen) or self._connection.has_more()

    def close(self) -> None:
        """Hang up."""
        self._answer.close()
        self._connection.close()

    def _describe(self) -> None:
        headers = self._answer.headers
        self.content_type = headers.get_content_type() if "Content-Type" in headers else ""
        boundary = headers.get_param("boundary", "")
        self.boundary = boundary if isinstance(boundary, str) else ""
        self.length = self._answer.length

    def _next_request(self, address: Address, asked: bool) -> tuple[Address, str] | GrabError:
        """Return what to ask next: another place, or the same again with a login."""
        status, headers = self._answer.status, self._answer.headers
        if status in {301, 302, 303, 307, 308} and headers.get("Location"):
            return _redirected(address, headers["Location"])
        if status == 401:
            challenges = headers.get_all("WWW-Authenticate") or []
            login = (address.user, address.password)
            known = answer(challenges, "GET", address.target, *login)
            if known and not asked:
                return address, known
            example = f"{address.scheme}://USER:PASSWORD@..."
            return GrabError(login_trouble(address.user, challenges, example))
        return GrabError(_WORDS.get(status, f"the server answers with the error {status}"))


class _Connection:
    """A connection with a server, and one request on it."""

    def __init__(self, address: Address, end_s: float) -> None:
        self._address = address
        try:
            self._socket = connect(address, max(0.01, end_s - time.monotonic()))
        except OSError as error:
            raise GrabError(connection_trouble(address, error)) from None
        self._http = http.client.HTTPConnection(address.host, address.port)
        self._http.sock = self._socket

    def get(self, known: str, end_s: float) -> http.client.HTTPResponse:
        headers = {"Accept": "*/*", "User-Agent": "edgeseg"}
        if known:
            headers["Authorization"] = known
        place, trouble = self._address.place, ""
        try:
            with _hung_up_at(self._socket, end_s) as late:
                self._http.request("GET", self._address.target, headers=headers)
                answered = self._http.getresponse()
        except (OSError, http.client.HTTPException, ValueError) as error:
            trouble = _text(error)
        if late.is_set():  # what was read until then may look like an answer
            self.close()
            raise GrabError(f"{place} takes the connection but never answers", stalled=True)
        if trouble:
            self.close()
            raise GrabError(f"{place} answers, but not as a web server ({trouble})")
        return answered

    def set_timeout(self, end_s: float) -> None:
        # Zero would mean not to wait at all, which is another kind of error.
        self._socket.settimeout(max(0.001, end_s - time.monotonic()))

    def has_more(self) -> bool:
        if getattr(self._socket, "pending", int)():  # decrypted already
            return True
        return bool(select.select([self._socket], [], [], 0)[0])

    def close(self) -> None:
        self._http.close()
        self._socket.close()


@contextmanager
def _hung_up_at(connection: socket.socket, end_s: float) -> Iterator[threading.Event]:
    """Break off what the body waits for at `end_s`, however slowly bytes drip in until then.

    Yields an event that is set when that happened.
    """
    late = threading.Event()
    left_s = max(0.01, end_s - time.monotonic())

    def hang_up() -> None:
        late.set()
        try:
            connection.shutdown(socket.SHUT_RDWR)
        except OSError:
            return  # it ended by itself

    connection.settimeout(left_s + 1)
    timer = threading.Timer(left_s, hang_up)
    timer.daemon = True
    timer.start()
    try:
        yield late
    finally:
        timer.cancel()


def _redirected(address: Address, location: str) -> tuple[Address, str] | GrabError:
    there = urljoin(address.bare_url, location)
    if not there.lower().startswith(("http://", "https://")):
        return GrabError("the server redirects to what is no web address")
    target = read_address(there)
    # Whom the password is for is the host that the user named, and no other.
    if target.host == address.host and not target.user:
        target = Address(
            target.scheme, target.host, target.port, target.target, address.user, address.password
        )
    return target, ""


def _text(error: Exception) -> str:
    return str(error) or type(error).__name__
