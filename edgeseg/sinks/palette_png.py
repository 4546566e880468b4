"""Index masks as palette PNGs: viewers show colours, values are class indices.

OpenCV writes no palettes, but a palette PNG is a grey PNG with another colour type in its header
and a PLTE chunk after it (PNG specification, third edition, 11.2.1 and 11.2.2).
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from edgeseg.errors import OutputError

_SIGNATURE_BYTES = 8
_HEADER_END = _SIGNATURE_BYTES + 25  # the IHDR chunk: length, type, 13 bytes, checksum
_COLOR_TYPE = 9  # within IHDR's data, after width, height and bit depth
_INDEXED = 3
_COLORS = 256


def encode_palette_png(mask: NDArray[np.uint8], palette: Sequence[tuple[int, int, int]]) -> bytes:
    """Return a PNG file of class indices, uint8 [h, w], with one RGB colour per class.

    Raises:
        OutputError: the mask cannot be encoded (no pixels).
    """
    try:
        ok, grey = cv2.imencode(".png", mask)
    except cv2.error as error:
        raise OutputError(f"cannot encode a mask of shape {mask.shape}: {error.err}") from error
    if not ok:
        raise OutputError(f"cannot encode a mask of shape {mask.shape}")
    data = grey.tobytes()
    header = bytearray(data[_SIGNATURE_BYTES + 8 : _HEADER_END - 4])
    header[_COLOR_TYPE] = _INDEXED
    # All 256 entries, so that no index, whatever it is, lies outside the palette.
    colors = bytes(value for color in palette for value in color).ljust(3 * _COLORS, b"\0")
    return (
        data[:_SIGNATURE_BYTES]
        + _chunk(b"IHDR", bytes(header))
        + _chunk(b"PLTE", colors)
        + data[_HEADER_END:]
    )


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
