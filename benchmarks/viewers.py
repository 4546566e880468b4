"""Viewers of the page, as a process of their own: some look, some take nothing.

`python -m edgeseg.benchmarks.viewers HOST PORT LOOKING STALLING` obeys lines on its standard input:
`on` opens the connections, `off` closes them, the end of the input ends it. After each it says how
many pictures came so far.
"""

from __future__ import annotations

import base64
import os
import select
import socket
import struct
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

TEXT, BINARY, CLOSE = 1, 2, 8
_TIMEOUT_S = 15.0
_AGAIN_S = 0.2


class RefusedError(Exception):
    """The server opens no WebSocket; `status` is its HTTP status."""

    def __init__(self, status: int, text: str) -> None:
        """Keep the answer."""
        super().__init__(f"{status} {text}")
        self.status = status


class Viewer:
    """A WebSocket client of the page (RFC 6455), of no more than that takes."""

    def __init__(self, host: str, port: int, headers: dict[str, str] | None = None) -> None:
        """Connect.

        Raises:
            RefusedError: the server has no place, or does not let in.
            OSError: nobody is there.
        """
        self.socket = socket.create_connection((host, port), timeout=_TIMEOUT_S)
        try:
            self._greet(f"{host}:{port}", headers or {})
        except BaseException:
            self.socket.close()
            raise

    def _greet(self, host: str, headers: dict[str, str]) -> None:
        fields = {
            "Host": host,
            "Upgrade": "websocket",
            "Connection": "Upgrade",
            "Sec-WebSocket-Version": "13",
            "Sec-WebSocket-Key": base64.b64encode(os.urandom(16)).decode(),
            **headers,
        }
        lines = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
        self.socket.sendall(f"GET /watch HTTP/1.1\r\n{lines}\r\n".encode())
        head = b""
        while b"\r\n\r\n" not in head:
            data = self.socket.recv(1)  # not a byte of what follows
            if not data:
                raise ConnectionError("the server hung up")
            head += data
        status = int(head.split(b" ", 2)[1])
        if status != 101:
            raise RefusedError(status, self.socket.recv(4096).decode(errors="replace"))

    def receive(self) -> tuple[int, bytes]:
        """Return the next message: its kind and content."""
        head, length = self._exactly(2)
        length &= 127
        if length >= 126:
            form, size = ("!H", 2) if length == 126 else ("!Q", 8)
            (length,) = struct.unpack(form, self._exactly(size))
        return head & 15, bytes(self._exactly(length))

    def done(self) -> None:
        """Say that the last message is dealt with."""
        # Masked, as a client must, by zeros: the content stays as it is.
        self.socket.sendall(bytes([0x80 | TEXT, 0x80 | 4, 0, 0, 0, 0]) + b"done")

    def close(self) -> None:
        """Hang up."""
        with suppress(OSError):
            self.socket.shutdown(socket.SHUT_RDWR)
        self.socket.close()

    def __enter__(self) -> Viewer:
        """Return the viewer."""
        return self

    def __exit__(self, *_: object) -> None:
        """Hang up."""
        self.close()

    def _exactly(self, size: int) -> bytearray:
        data = bytearray(size)
        view, have = memoryview(data), 0
        while have < size:
            got = self.socket.recv_into(view[have:])
            if not got:
                raise ConnectionError("the server hung up")
            have += got
        return data


class Crowd:
    """Many viewers, each on a thread of its own; those that are dropped come again."""

    def __init__(self, host: str, port: int, looking: int, stalling: int) -> None:
        """Open no connection yet."""
        self.pictures = 0
        self._where = (host, port)
        self._works = [self._look] * looking + [self._stall] * stalling
        self._open: set[Viewer] = set()
        self._lock = threading.Lock()
        self._off = threading.Event()
        self._threads: list[threading.Thread] = []

    def on(self) -> None:
        """Open the connections."""
        self._off = threading.Event()
        self._threads = [
            threading.Thread(target=self._stay, args=(work,), daemon=True) for work in self._works
        ]
        for thread in self._threads:
            thread.start()

    def off(self) -> None:
        """Close the connections."""
        self._off.set()
        with self._lock:
            for viewer in self._open:
                viewer.close()
        for thread in self._threads:
            thread.join(_TIMEOUT_S)

    def _stay(self, work: object) -> None:
        assert callable(work)
        off = self._off
        while not off.is_set():
            with suppress(OSError, RefusedError), self._viewer() as viewer:
                work(viewer)
            off.wait(_AGAIN_S)

    @contextmanager
    def _viewer(self) -> Iterator[Viewer]:
        viewer = Viewer(*self._where)
        with self._lock:
            self._open.add(viewer)
        try:
            if not self._off.is_set():
                yield viewer
        finally:
            with self._lock:
                self._open.discard(viewer)
            viewer.close()

    def _look(self, viewer: Viewer) -> None:
        while not self._off.is_set():
            kind, _ = viewer.receive()
            if kind == CLOSE:
                return
            if kind == BINARY:
                with self._lock:
                    self.pictures += 1
            viewer.done()

    def _stall(self, viewer: Viewer) -> None:
        waiting = select.poll()
        waiting.register(viewer.socket, 0)  # errors and the end are told all the same
        while not self._off.is_set() and not waiting.poll(100):
            pass


def main(arguments: list[str]) -> None:
    """Obey the standard input."""
    host, *numbers = arguments
    crowd = Crowd(host, *map(int, numbers))
    for line in sys.stdin:
        start_s = time.monotonic()
        (crowd.on if line.strip() == "on" else crowd.off)()
        answer = f"{crowd.pictures} pictures, after {time.monotonic() - start_s:.1f} s\n"
        sys.stdout.write(answer)
        sys.stdout.flush()
    crowd.off()


if __name__ == "__main__":
    main(sys.argv[1:])
