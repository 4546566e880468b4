"""JPEG pictures as cameras send them: whole or not, how large, and decoded.

Decoders fill what is missing with grey and call it a success, so a picture is looked through first.
The markers are those of ITU-T T.81, annex B.
"""

from __future__ import annotations

import struct
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from edgeseg.manifest import Size

# 8192x8192 takes 200 MB decoded: more is no camera's picture but an attack or rubbish.
LARGEST_PIXELS: Final = 8192 * 8192

# A camera that writes which way it is held does not expect each picture to be turned.
_AS_IT_IS: Final = cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION

_START, _END = b"\xff\xd8", b"\xff\xd9"
_SCAN = 0xDA
_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_ALONE = frozenset(range(0xD0, 0xD8)) | {0x01}
_SEGMENT = struct.Struct(">H")
_FRAME = struct.Struct(">BHH")


class DamagedJpegError(ValueError):
    """A JPEG is not whole; the text says why in a few words."""


def decode(data: bytes, *, largest_pixels: int = LARGEST_PIXELS) -> NDArray[np.uint8]:
    """Return the picture, BGR uint8 [h, w, 3].

    Args:
        data: one JPEG; whatever follows its end is padding.
        largest_pixels: the most that it may have.

    Raises:
        DamagedJpegError: it is cut off, not a JPEG, or too large; nothing was decoded then.
    """
    size = check(data)
    if not 0 < size.width * size.height <= largest_pixels:
        raise DamagedJpegError(f"a size of {size}")
    try:
        pixels = cv2.imdecode(np.frombuffer(data, np.uint8), _AS_IT_IS)
    except cv2.error as error:
        raise DamagedJpegError("it cannot be decoded") from error
    if pixels is None or pixels.shape[:2] != (size.height, size.width):
        raise DamagedJpegError("it cannot be decoded")
    return np.asarray(pixels, np.uint8)


def check(data: bytes) -> Size:
    """Return the picture's size, after a look at whether it is whole.

    Raises:
        DamagedJpegError: it is no JPEG, or has no end, or parts of it are missing.
    """
    if data[:2] != _START:
        raise DamagedJpegError("it does not begin as a JPEG does")
    size, scan = _read_head(data)
    # In the coded picture 0xff is followed by 0 or a restart marker: this can only be the end.
    end = data.find(_END, scan)
    if end < 0:
        raise DamagedJpegError("its end is missing")
    _check_restarts(data, scan, end)
    return size


def _read_head(data: bytes) -> tuple[Size, int]:
    """Return the size and where the first scan's coded picture begins."""
    at, size = 2, Size(0, 0)
    while at + 4 <= len(data) and data[at] == 0xFF:
        marker = data[at + 1]
        if marker == 0xFF or marker in _ALONE:  # fill byte, or a marker without a segment
            at += 1 if marker == 0xFF else 2
            continue
        length = _SEGMENT.unpack_from(data, at + 2)[0]
        if marker in _FRAMES and at + 9 <= len(data):
            _, height, width = _FRAME.unpack_from(data, at + 4)
            size = Size(width, height)
        at += 2 + length
        if marker == _SCAN:
            if size.width < 1 or size.height < 1:
                raise DamagedJpegError("it has no size")
            return size, at
    raise DamagedJpegError("its head is not whole")


def _check_restarts(data: bytes, scan: int, end: int) -> None:
    """In a scan, restart markers count 0..7 in turn: one that is missing means a lost packet."""
    coded = np.frombuffer(data, np.uint8, end - scan, scan)
    after = coded[1:][coded[:-1] == 0xFF]
    markers = after[(after != 0) & (after != 0xFF)]
    numbers = markers - 0xD0
    others = np.flatnonzero(numbers > 7)  # unsigned: smaller ones wrap around
    if others.size:  # the next scan of a progressive picture
        numbers = numbers[: others[0]]
    if not np.array_equal(numbers, np.arange(len(numbers)) % 8):
        raise DamagedJpegError("a part in the middle is missing")
