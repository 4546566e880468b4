"""A URL that gives one JPEG, asked for again and again."""

from __future__ import annotations

import time

from edgeseg.sources.grabber import Grabbed, GrabError, Mode
from edgeseg.sources.http_stream import HttpStream
from edgeseg.sources.mjpeg_parts import LARGEST_BYTES, decoded, jpeg_mode

# Cameras take a moment for each picture, and some fall over when asked more often.
_SHORTEST_PERIOD_S = 0.1


class Snapshots:
    """Asks for a picture at most ten times a second, each time on a connection of its own."""

    def __init__(self, url: str, first: HttpStream, timeout_s: float) -> None:
        """Begin with an answer that is there already.

        Args:
            url: of the picture.
            first: the answer to a first request.
            timeout_s: for each picture, from connecting to its last byte.
        """
        self._url = url
        self._timeout_s = timeout_s
        self._first: HttpStream | None = first
        self._waiting: tuple[bytes, float] | None = None
        self._asked_s = 0.0

    def open(self) -> Mode:
        """Read the first picture; raises GrabError."""
        first = self._first
        assert first is not None  # it is opened once
        self._first = None
        self._asked_s = time.monotonic()
        self._waiting = self._body(first, self._asked_s + self._timeout_s)
        return jpeg_mode(self._waiting[0])

    def grab(self) -> Grabbed:
        """Ask for the next picture; raises GrabError."""
        waiting, self._waiting = self._waiting, None
        return decoded(*(waiting or self._ask()))

    def close(self) -> None:
        """Hang up, if there is still an answer that was not read."""
        if self._first is not None:
            self._first.close()
            self._first = None

    def _ask(self) -> tuple[bytes, float]:
        time.sleep(max(0.0, self._asked_s + _SHORTEST_PERIOD_S - time.monotonic()))
        self._asked_s = time.monotonic()
        stream = HttpStream(self._url, self._timeout_s)
        if not stream.content_type.startswith("image/"):
            stream.close()
            raise GrabError(f"instead of a picture came {stream.content_type or 'something else'}")
        return self._body(stream, self._asked_s + self._timeout_s)

    def _body(self, stream: HttpStream, end_s: float) -> tuple[bytes, float]:
        """Return all that is sent, and when it began to come."""
        began_s = time.monotonic()
        body = bytearray()
        try:
            while (piece := stream.read(end_s)) != b"":
                body += piece or b""
                if max(len(body), stream.length or 0) > LARGEST_BYTES:
                    raise GrabError(f"more than {LARGEST_BYTES / 1e6:.0f} MB are no picture")
                if piece is None or time.monotonic() >= end_s:
                    raise GrabError(f"no whole picture in {self._timeout_s:g} s", stalled=True)
        finally:
            stream.close()
        return bytes(body), began_s
