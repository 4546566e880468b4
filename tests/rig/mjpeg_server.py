"""A network camera over HTTP, well-behaved or not: each path is a way to behave."""

from __future__ import annotations

import base64
import hashlib
import re
import socket
import struct
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import cv2
from stamp import jpeg, stamped

USER, PASSWORD = "joe", "p@ss/word"
_REALM, _NONCE = "camera", "dcd98b7102dd2f0e8b11d0f600bfb0c093"


class MjpegServer(ThreadingHTTPServer):
    """Listens on a free port of this machine; `stop` ends whatever is being sent."""

    daemon_threads = True

    def __init__(self, port: int = 0, fps: float = 25.0) -> None:
        super().__init__(("127.0.0.1", port), _Handler)
        self.stopping = threading.Event()
        self.period_s = 1 / fps
        self.requests: list[str] = []

    @property
    def place(self) -> str:
        return f"127.0.0.1:{self.server_address[1]}"

    def url(self, path: str, login: str = "") -> str:
        return f"http://{login}{self.place}/{path}"


@contextmanager
def serving(port: int = 0, fps: float = 25.0) -> Iterator[MjpegServer]:
    """Run a server for a while."""
    server = MjpegServer(port, fps)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.stopping.set()
        server.shutdown()
        server.server_close()
        thread.join()


@contextmanager
def black_hole(port: int = 0) -> Iterator[int]:
    """Accept connections and never say a word; yields the port."""
    with socket.create_server(("127.0.0.1", port)) as listener:
        held: list[socket.socket] = []

        def accept() -> None:
            with suppress(OSError):  # it was shut down
                while True:
                    held.append(listener.accept()[0])

        thread = threading.Thread(target=accept, daemon=True)
        thread.start()
        try:
            yield int(listener.getsockname()[1])
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            thread.join()
            for connection in held:
                connection.close()


class _Handler(BaseHTTPRequestHandler):
    server: MjpegServer

    def log_message(self, format: str, *args: Any) -> None:
        self.server.requests.append(format % args)

    def do_GET(self) -> None:
        behave = _WAYS.get(self.path.split("?")[0].lstrip("/"))
        with suppress(BrokenPipeError, ConnectionResetError):  # who watched has left
            if behave is None:
                self.send_error(404)
            else:
                behave(self)

    def begin(self, kind: str = "multipart/x-mixed-replace; boundary=frame") -> None:
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.end_headers()

    def pictures(self, count: int = 10**9, size: tuple[int, int] = (320, 240)) -> Iterator[bytes]:
        """Draw a picture now and then; ends with the server."""
        for _ in range(count):
            if self.server.stopping.wait(self.server.period_s):
                return
            yield jpeg(*size)

    def part(self, data: bytes, length: int | None = None) -> None:
        size = len(data) if length is None else length
        head = f"--frame\r\nContent-Type: image/jpeg\r\nContent-Length: {size}\r\n\r\n"
        self.wfile.write(head.encode() + data + b"\r\n")

    def hold(self) -> None:
        """Stay connected without a word."""
        self.server.stopping.wait(60)


def _good(to: _Handler) -> None:
    to.begin()
    for data in to.pictures():
        to.part(data)


def _no_length(to: _Handler) -> None:
    """No lengths, LF instead of CRLF, the boundary named with its dashes."""
    to.begin('multipart/x-mixed-replace;boundary="--frame"')
    for data in to.pictures():
        to.wfile.write(b"--frame\nContent-Type: image/jpeg\n\n" + data + b"\n")


def _no_dashes(to: _Handler) -> None:
    """The boundary line lacks its dashes."""
    to.begin("multipart/x-mixed-replace; boundary=--frame")
    for data in to.pictures():
        head = f"\r\nframe\r\nContent-Length: {len(data)}\r\n\r\n"
        to.wfile.write(head.encode() + data)


def _untyped(to: _Handler) -> None:
    """The type is that of a download, as ffmpeg says it."""
    to.begin("application/octet-stream")
    for data in to.pictures():
        to.part(data)


def _unnamed(to: _Handler) -> None:
    """The boundary is named nowhere; something stands before the first."""
    to.begin("multipart/x-mixed-replace")
    to.wfile.write(b"\r\nhello\r\n")
    for data in to.pictures():
        to.part(data)


def _wrong_length(to: _Handler) -> None:
    """Every length is ten bytes short."""
    to.begin()
    for data in to.pictures():
        to.part(data, len(data) - 10)


def _chunked(to: _Handler) -> None:
    to.protocol_version = "HTTP/1.1"
    to.send_response(200)
    to.send_header("Content-Type", "multipart/x-mixed-replace; boundary=frame")
    to.send_header("Transfer-Encoding", "chunked")
    to.end_headers()
    for data in to.pictures():
        body = b"--frame\r\nContent-Type: image/jpeg\r\n\r\n" + data + b"\r\n"
        to.wfile.write(b"%x\r\n%s\r\n" % (len(body), body))


def _truncated(to: _Handler) -> None:
    """Every second picture lacks its last third."""
    to.begin()
    for index, data in enumerate(to.pictures()):
        to.part(data if index % 2 else data[: len(data) * 2 // 3])


def _garbage(to: _Handler) -> None:
    to.begin()
    for _ in to.pictures():
        to.part(b"\0\1\2 this is no picture")


def _no_parts(to: _Handler) -> None:
    to.begin()
    to.wfile.write(b"nothing like a boundary " * 1000)
    to.hold()


def _huge_length(to: _Handler) -> None:
    to.begin()
    to.part(jpeg(), 2_000_000_000)
    to.hold()


def _huge_part(to: _Handler) -> None:
    """A part without an end."""
    to.begin()
    to.wfile.write(b"--frame\r\n\r\n\xff\xd8")
    while not to.server.stopping.is_set():
        to.wfile.write(b"\0" * 1_000_000)


def _huge_picture(to: _Handler) -> None:
    """A picture of 16000x16000, by what its head says."""
    to.begin()
    for data in to.pictures():
        at = data.index(b"\xff\xc0") + 5
        to.part(data[:at] + struct.pack(">HH", 16000, 16000) + data[at + 4 :])


def _resize(to: _Handler) -> None:
    """The size changes after three pictures."""
    to.begin()
    for data in to.pictures(3):
        to.part(data)
    for data in to.pictures(size=(640, 480)):
        to.part(data)


def _silence(to: _Handler) -> None:
    """Nothing more comes after three pictures."""
    to.begin()
    for data in to.pictures(3):
        to.part(data)
    to.hold()


def _drip(to: _Handler) -> None:
    """After three pictures, the next comes byte by byte."""
    to.begin()
    for data in to.pictures(3):
        to.part(data)
    data = jpeg()
    to.wfile.write(f"--frame\r\nContent-Length: {len(data)}\r\n\r\n".encode())
    for byte in data:
        to.wfile.write(bytes([byte]))
        if to.server.stopping.wait(0.05):
            return


def _drip_head(to: _Handler) -> None:
    """Even the answer's first line comes byte by byte."""
    for byte in b"HTTP/1.0 200 OK\r\n" + b"X-Header: 1\r\n" * 1000:
        to.wfile.write(bytes([byte]))
        to.wfile.flush()
        if to.server.stopping.wait(0.05):
            return


def _close(to: _Handler) -> None:
    """The connection ends after three pictures."""
    to.begin()
    for data in to.pictures(3):
        to.part(data)


def _reset(to: _Handler) -> None:
    """The connection breaks after three pictures."""
    _close(to)
    to.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    to.connection.shutdown(socket.SHUT_RD)


def _html(to: _Handler) -> None:
    to.begin("text/html; charset=utf-8")
    to.wfile.write(b"<html><body>Please log in</body></html>")


def _snapshot(to: _Handler) -> None:
    data = jpeg()
    to.send_response(200)
    to.send_header("Content-Type", "image/jpeg")
    to.send_header("Content-Length", str(len(data)))
    to.end_headers()
    to.wfile.write(data)


def _redirect(to: _Handler) -> None:
    to.send_response(302)
    to.send_header("Location", "/good")
    to.end_headers()


def _elsewhere(to: _Handler) -> None:
    to.send_response(307)
    to.send_header("Location", to.path.partition("?")[2])
    to.end_headers()


@cache
def avi() -> bytes:
    """Return a file of 25 pictures, 20 a second."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "video.avi"
        writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), 20, (320, 240))
        for _ in range(25):
            writer.write(stamped())
        writer.release()
        return path.read_bytes()


def _video(to: _Handler) -> None:
    data = avi()
    to.send_response(200)
    to.send_header("Content-Type", "video/x-msvideo")
    to.send_header("Content-Length", str(len(data)))
    to.end_headers()
    to.wfile.write(data)


def _circle(to: _Handler) -> None:
    to.send_response(301)
    to.send_header("Location", "/circle")
    to.end_headers()


def _basic(to: _Handler) -> None:
    expected = "Basic " + base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
    if to.headers.get("Authorization") == expected:
        _good(to)
    else:
        refuse(to, f'Basic realm="{_REALM}"')


def _digest(to: _Handler) -> None:
    """RFC 7616, section 3.4.1, with qop=auth."""
    given = to.headers.get("Authorization") or ""
    said = dict(re.findall(r'(\w+)="?([^",]*)"?', given))

    def md5(*parts: str) -> str:
        return hashlib.md5(":".join(parts).encode()).hexdigest()

    secret, asked = md5(USER, _REALM, PASSWORD), md5("GET", to.path)
    numbers = [said.get(name, "") for name in ("nc", "cnonce", "qop")]
    if said.get("response") == md5(secret, _NONCE, *numbers, asked) and all(numbers):
        _good(to)
    else:
        refuse(to, f'Digest realm="{_REALM}", nonce="{_NONCE}", qop="auth,auth-int"')


def refuse(to: _Handler, challenge: str) -> None:
    to.send_response(401)
    to.send_header("WWW-Authenticate", challenge)
    to.end_headers()


_WAYS: dict[str, Callable[[_Handler], None]] = {
    name[1:].replace("_", "-"): way
    for name, way in list(globals().items())
    if name.startswith("_") and name[1:2].islower() and callable(way)
}
