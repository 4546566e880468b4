"""Pictures in memory that two processes share, and the messages that announce them.

The writing process keeps a ring of buffers in a memory file and says through a socket which holds
the newest picture. It never waits for its reader. Each buffer begins with the number of its
picture, which is 0 while it is written: a reader that finds another number before or after it
copied has a picture that was overwritten, and throws it away.
"""

from __future__ import annotations

import json
import mmap
import os
import socket
import struct
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from edgeseg.sources import Layout

# One that is read, the newest, one that is written, and one for a reader that is late.
BUFFERS: Final = 4
LONGEST_MESSAGE: Final = 65536

_LAYOUTS: Final[tuple[Layout, ...]] = ("bgr", "rgb", "grey", "yuyv", "nv12")
_NUMBER = struct.Struct("<Q")
_HEAD_BYTES = 64
_PAGE_BYTES = mmap.PAGESIZE

_PICTURE_TAG, _MEMORY_TAG, _STATE_TAG = b"P", b"M", b"S"
_PICTURE = struct.Struct("<cBBBIIQQQdd")
_MEMORY = struct.Struct("<cQ")
_NO_BUFFER = 255


@dataclass(frozen=True)
class Picture:
    """Where the pixels of a picture are: in which buffer, and how to read them there."""

    buffer: int
    shape: tuple[int, ...]
    layout: Layout


@dataclass(frozen=True)
class Taken:
    """Said after each picture that was taken; counts run from the start of the process.

    Attributes:
        captured: pictures so far, good or bad; also the number of this one.
        damaged: of those, not whole.
        frozen: of those, the very same as the one before.
        captured_s: time.monotonic() of this one.
        still_s: for how long this very picture has been coming.
        picture: where it is, None when it is not to be used.
    """

    captured: int
    damaged: int
    frozen: int
    captured_s: float
    still_s: float = 0.0
    picture: Picture | None = None


@dataclass(frozen=True)
class Memory:
    """A new memory file; pictures announced from now on are in it. `fd` is the receiver's own."""

    buffer_bytes: int
    fd: int


@dataclass(frozen=True)
class News:
    """What happened to the connection.

    Attributes:
        event: `opening`, `opened` or `failed`.
        mode: of the opened device, in words.
        size: of its pictures, where it says so.
        fps: nominal, where it says so.
        memory: what a later grabber of the same device should be told.
        reason: of the failure.
        stalled: it failed because nothing came.
        final: trying again is pointless.
    """

    event: str
    mode: str = ""
    size: tuple[int, int] | None = None
    fps: float | None = None
    memory: dict[str, Any] | None = None
    reason: str = ""
    stalled: bool = False
    final: bool = False


Message = Taken | Memory | News


def encode(message: Taken | News) -> bytes:
    """Return a message as bytes."""
    if isinstance(message, News):
        return _STATE_TAG + json.dumps(vars(message)).encode()
    picture = message.picture or Picture(_NO_BUFFER, (0, 0), "bgr")
    height, width, channels = (*picture.shape, 0)[:3]
    return _PICTURE.pack(
        _PICTURE_TAG,
        picture.buffer,
        _LAYOUTS.index(picture.layout),
        channels,
        height,
        width,
        message.captured,
        message.damaged,
        message.frozen,
        message.captured_s,
        message.still_s,
    )


def decode(data: bytes, fds: list[int]) -> Message:
    """Return the message that `encode` or `Ring` made."""
    if data[:1] == _STATE_TAG:
        values = json.loads(data[1:])
        values["size"] = tuple(values["size"]) if values["size"] else None
        return News(**values)
    if data[:1] == _MEMORY_TAG:
        return Memory(_MEMORY.unpack(data)[1], fds[0])
    _, buffer, layout, channels, *values = _PICTURE.unpack(data)
    height, width, captured, damaged, frozen, captured_s, still_s = values
    shape = (height, width, channels) if channels else (height, width)
    picture = None if buffer == _NO_BUFFER else Picture(buffer, shape, _LAYOUTS[layout])
    return Taken(captured, damaged, frozen, captured_s, still_s, picture)


class Ring:
    """The writer's side: buffers that grow with the pictures."""

    def __init__(self, line: socket.socket) -> None:
        """Announce memory through `line`, a Unix socket."""
        self._line = line
        self._memory: mmap.mmap | None = None
        self._buffer_bytes = 0
        self._next = 0
        self._last: NDArray[np.uint8] | None = None

    @property
    def last(self) -> NDArray[np.uint8] | None:
        """The picture written last, not to be kept."""
        return self._last

    def write(self, pixels: NDArray[np.uint8], layout: Layout, number: int) -> Picture:
        """Put a picture into the next buffer; `number` counts up from 1."""
        if _HEAD_BYTES + pixels.nbytes > self._buffer_bytes:
            self._grow(pixels.nbytes)
        assert self._memory is not None  # for the type checker: made by _grow
        buffer, self._next = self._next, (self._next + 1) % BUFFERS
        start = buffer * self._buffer_bytes
        _NUMBER.pack_into(self._memory, start, 0)
        place = _pixels(self._memory, start, pixels.shape)
        np.copyto(place, pixels)
        _NUMBER.pack_into(self._memory, start, number)
        self._last = place
        return Picture(buffer, pixels.shape, layout)

    def _grow(self, picture_bytes: int) -> None:
        """Make a larger memory file and hand it over; the reader keeps the old one mapped."""
        pages = -(-(_HEAD_BYTES + picture_bytes) // _PAGE_BYTES)
        self._buffer_bytes = pages * _PAGE_BYTES
        self._next = 0
        fd = os.memfd_create("edgeseg-pictures")
        try:
            os.ftruncate(fd, BUFFERS * self._buffer_bytes)
            self._memory = mmap.mmap(fd, BUFFERS * self._buffer_bytes)
            announcement = _MEMORY.pack(_MEMORY_TAG, self._buffer_bytes)
            socket.send_fds(self._line, [announcement], [fd])
        finally:
            os.close(fd)


class Window:
    """The reader's side of a ring."""

    def __init__(self, memory: Memory) -> None:
        """Map the memory; its file is closed."""
        self._buffer_bytes = memory.buffer_bytes
        self._memory = mmap.mmap(memory.fd, BUFFERS * memory.buffer_bytes, access=mmap.ACCESS_READ)
        os.close(memory.fd)

    def read(self, picture: Picture, number: int) -> NDArray[np.uint8] | None:
        """Return a copy of the picture, None when it has been overwritten since."""
        start = picture.buffer * self._buffer_bytes
        if _NUMBER.unpack_from(self._memory, start)[0] != number:
            return None
        pixels = _pixels(self._memory, start, picture.shape).copy()
        whole = _NUMBER.unpack_from(self._memory, start)[0] == number
        return pixels if whole else None


def _pixels(memory: mmap.mmap, start: int, shape: tuple[int, ...]) -> NDArray[np.uint8]:
    count = int(np.prod(shape))
    return np.frombuffer(memory, np.uint8, count, start + _HEAD_BYTES).reshape(shape)
