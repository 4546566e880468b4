"""Why an RTSP stream does not open: FFmpeg does not say, so the server is asked once more."""

from __future__ import annotations

import re
import socket
import time
from collections.abc import Sequence

from edgeseg.sources.address import Address
from edgeseg.sources.grabber import GrabError
from edgeseg.sources.login import answer
from edgeseg.sources.server import connect, connection_trouble, login_trouble

# The answer to DESCRIBE is a page of text.
_LONGEST_ANSWER = 65536

_WORDS = {
    403: "the server forbids it (403)",
    404: "the server has no stream of that name (404); look up the path in the camera's manual",
    453: "the server has too little bandwidth for another viewer (453)",
    454: "the server has no stream of that name (454)",
    461: "the server refuses this transport (461); try the other one of tcp and udp",
    503: "the server serves no more viewers now (503)",
}


def why_not(address: Address, timeout_s: float) -> GrabError:
    """Ask for the stream's description once more and return what is wrong, in words.

    Args:
        address: of the stream.
        timeout_s: for connecting, and again for all answers together.
    """
    try:
        with connect(address, timeout_s) as server:
            answered = _describe(server, address, time.monotonic() + timeout_s)
    except OSError as error:
        return GrabError(connection_trouble(address, error))
    if answered is None:
        return GrabError(f"{address.place} takes the connection but never answers", stalled=True)
    return GrabError(_words(address, *answered))


def _words(address: Address, status: int, challenges: Sequence[str], text: str) -> str:
    if status == 0:
        return f"{address.place} answers, but not as an RTSP server"
    if status == 401:
        return login_trouble(address.user, challenges, "rtsp://USER:PASSWORD@...")
    if status == 200:
        if not re.search(r"(?m)^m=video", text):
            return "there is no video stream in it"
        return "it announces a video stream but none that FFmpeg can open"
    return _WORDS.get(status, f"the server answers with the error {status}")


def _describe(
    server: socket.socket, address: Address, end_s: float
) -> tuple[int, list[str], str] | None:
    """Return status (0 for none), login challenges and description; None when nothing came."""
    found = _ask(server, address, 1, "", end_s)
    if found is None or found[0] != 401:
        return found
    url = address.bare_url
    known = answer(found[1], "DESCRIBE", url, address.user, address.password)
    return _ask(server, address, 2, known, end_s) if known else found


def _ask(
    server: socket.socket, address: Address, number: int, known: str, end_s: float
) -> tuple[int, list[str], str] | None:
    lines = [f"DESCRIBE {address.bare_url} RTSP/1.0", f"CSeq: {number}", "Accept: application/sdp"]
    if known:
        lines.append(f"Authorization: {known}")
    server.sendall("\r\n".join([*lines, "", ""]).encode())
    data = _receive(server, end_s)
    if not data:
        return None
    head, _, body = data.decode("latin-1").partition("\r\n\r\n")
    status = re.match(r"RTSP/1\.\d (\d{3})", head)
    challenges = re.findall(r"(?im)^WWW-Authenticate:\s*(.*?)\s*$", head)
    return int(status[1]) if status else 0, challenges, body


def _receive(server: socket.socket, end_s: float) -> bytes:
    """Return what is answered, cut short by the time or its length."""
    data = b""
    while len(data) < _LONGEST_ANSWER and not _is_whole(data):
        server.settimeout(max(0.01, end_s - time.monotonic()))
        try:
            piece = server.recv(4096)
        except TimeoutError:
            break
        if not piece:
            break
        data += piece
    return data


def _is_whole(data: bytes) -> bool:
    head, found, body = data.partition(b"\r\n\r\n")
    length = re.search(rb"(?im)^Content-Length:\s*(\d{1,6})", head)
    return bool(found) and len(body) >= (int(length[1]) if length else 0)
