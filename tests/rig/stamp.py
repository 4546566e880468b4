"""Pictures that carry the time they were drawn at, and survive a lossy encoder."""

from __future__ import annotations

import time

import cv2
import numpy as np
from numpy.typing import NDArray

_BITS = 32


def stamped(width: int = 320, height: int = 240) -> NDArray[np.uint8]:
    """Return a BGR picture, its upper half the time in ms as 32 fields (as rtsp_server.py does)."""
    now_ms = int(time.monotonic() * 1000) & 0xFFFFFFFF
    pixels = np.full((height, width, 3), 96, np.uint8)
    field = width // _BITS
    for index, bit in enumerate(f"{now_ms:032b}"):
        pixels[: height // 2, index * field : (index + 1) * field] = 224 if bit == "1" else 32
    return pixels


def drawn_s(pixels: NDArray[np.uint8]) -> float:
    """Return the time.monotonic() that a picture carries (modulo 2^32 ms)."""
    field = pixels.shape[1] // _BITS
    row = pixels[pixels.shape[0] // 4, field // 2 : field * _BITS : field, 1]
    return int("".join("1" if value > 128 else "0" for value in row), 2) / 1000


def jpeg(width: int = 320, height: int = 240) -> bytes:
    """Return a stamped picture as JPEG."""
    ok, data = cv2.imencode(".jpg", stamped(width, height))
    assert ok
    return data.tobytes()
