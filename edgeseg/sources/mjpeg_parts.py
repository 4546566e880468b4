"""JPEGs that come one after the other in one HTTP answer (multipart/x-mixed-replace)."""

from __future__ import annotations

import time
from typing import Final

import numpy as np

from edgeseg.sources import jpeg
from edgeseg.sources.grabber import Grabbed, GrabError, Mode
from edgeseg.sources.http_stream import HttpStream
from edgeseg.sources.multipart import MultipartError, PartReader

# A JPEG of 64 megapixels in the best quality has less.
LARGEST_BYTES: Final = 32_000_000

# So many pictures are passed over at most, or a server that sends without pause would not let go.
_MOST_SKIPPED = 30


class JpegStream:
    """Reads parts, passes over those that a newer one has overtaken, and decodes the newest."""

    def __init__(self, stream: HttpStream, first_timeout_s: float, read_timeout_s: float) -> None:
        """Read an answer.

        Args:
            stream: its content is multipart.
            first_timeout_s: for the first part.
            read_timeout_s: for every other; a part that drips in is late like one that is missing.
        """
        self._stream = stream
        self._first_timeout_s = first_timeout_s
        self._read_timeout_s = read_timeout_s
        self._parts = PartReader(stream.boundary, LARGEST_BYTES)
        self._began_s = 0.0
        self._ended = False
        self._waiting: tuple[bytes, float] | None = None

    def open(self) -> Mode:
        """Wait for the first picture; raises GrabError."""
        self._waiting = self._next_part(self._first_timeout_s)
        return jpeg_mode(self._waiting[0])

    def grab(self) -> Grabbed:
        """Wait for the next picture, and take the newest that is there; raises GrabError."""
        part = self._waiting or self._next_part(self._read_timeout_s)
        self._waiting = None
        skipped = 0
        while skipped < _MOST_SKIPPED and (newer := self._part_at_hand()) is not None:
            part = newer
            skipped += 1
        return decoded(*part, skipped=skipped)

    def close(self) -> None:
        """Hang up."""
        self._stream.close()

    def _next_part(self, timeout_s: float) -> tuple[bytes, float]:
        """Return a part's content and when that began to come."""
        end_s = time.monotonic() + timeout_s
        while (part := self._cut()) is None:
            if self._ended:
                self.close()
                raise GrabError("the server ended the stream")
            if not self._read(end_s):
                self.close()
                came = "only a part of a picture" if self._parts.began else "no picture"
                raise GrabError(f"{came} in {timeout_s:g} s", stalled=True)
        return part

    def _part_at_hand(self) -> tuple[bytes, float] | None:
        """Return the next part when all of it is there, without waiting."""
        while (part := self._cut()) is None:
            if self._ended or not self._stream.has_more():
                return None
            self._read(time.monotonic() + self._read_timeout_s)
        return part

    def _cut(self) -> tuple[bytes, float] | None:
        try:
            content = self._parts.next_part()
        except MultipartError as error:
            self.close()
            raise GrabError(str(error)) from None
        if self._parts.began and not self._began_s:
            self._began_s = time.monotonic()
        if content is None:
            return None
        began_s, self._began_s = self._began_s or time.monotonic(), 0.0
        return content, began_s

    def _read(self, end_s: float) -> bool:
        """Take bytes in; return whether it was in time."""
        data = self._stream.read(end_s)
        if data is None:
            return False
        self._ended = not data
        self._parts.feed(data)
        return time.monotonic() < end_s


def jpeg_mode(data: bytes) -> Mode:
    """Return what a first picture tells; one that is not to be used tells no size."""
    try:
        size = jpeg.check(data)
    except jpeg.DamagedJpegError:
        return Mode(None, None, "MJPG")
    usable = size.width * size.height <= jpeg.LARGEST_PIXELS
    return Mode(size if usable else None, None, "MJPG")


def decoded(data: bytes, captured_s: float, skipped: int = 0) -> Grabbed:
    """Decode a JPEG, or say why it is not to be used."""
    try:
        return Grabbed(jpeg.decode(data), captured_s, skipped=skipped)
    except jpeg.DamagedJpegError as error:
        nothing = np.zeros((0, 0, 3), np.uint8)
        return Grabbed(nothing, captured_s, damaged=str(error), skipped=skipped)
