"""prepare and overlay in NumPy: the definition that native/ is tested against, and its stand-in."""

from __future__ import annotations

from functools import lru_cache
from typing import Any, Literal, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from edgeseg.kernels_numpy_resize import resized

Pixels = NDArray[np.uint8]
Layout = Literal["bgr", "rgb", "grey", "yuyv", "nv12"]

_ROWS = 16


class InputValues(NamedTuple):
    """What a pixel becomes in a tensor: (pixel - mean) / std, then / scale + zero_point."""

    dtype: str
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    scale: float
    zero_point: int


class Place(NamedTuple):
    """Where a frame lies in the input, in whole pixels."""

    x: int
    y: int
    width: int
    height: int


def prepare(
    frame: Pixels,
    layout: Layout,
    values: InputValues,
    out: NDArray[Any],
    rgb: bool,
    place: Place,
) -> None:
    """Write a frame's input tensor to `out`; see edgeseg.kernels.prepare for the arguments."""
    picture = resized(colors(frame, layout), place.width, place.height)
    if rgb != (layout == "rgb"):
        picture = np.asarray(cv2.cvtColor(picture, cv2.COLOR_BGR2RGB), np.uint8)
    out[:] = values.zero_point if values.dtype != "float32" else 0.0
    inner = out[place.y : place.y + place.height, place.x : place.x + place.width]
    inner[:] = _looked_up(picture, table(values))


@lru_cache(maxsize=16)
def table(values: InputValues) -> NDArray[Any]:
    """Return what each pixel value becomes in each channel, [256, 3]."""
    pixels = np.arange(256.0)[:, None]
    real = (pixels - np.array(values.mean)) / np.array(values.std)
    if values.dtype == "float32":
        return np.asarray(real, np.float32)
    limits = np.iinfo(values.dtype)
    # An integer tensor without scale takes the values as they are.
    steps = np.rint(real / (values.scale or 1.0)) + values.zero_point
    stored: NDArray[Any] = steps.clip(limits.min, limits.max).astype(values.dtype)
    return stored


def _looked_up(picture: Pixels, tables: NDArray[Any]) -> NDArray[Any]:
    """Return each channel's values from its own table of [256, 3]."""
    # OpenCV's tables of bytes are unsigned ones; the bits are the same.
    plain = tables.view(np.uint8) if tables.itemsize == 1 else tables
    return np.asarray(cv2.LUT(picture, plain[None])).view(tables.dtype)


def colors(frame: Pixels, layout: Layout) -> Pixels:
    """Return a frame as a picture [h, w, 3], BGR where it is not RGB."""
    if layout == "grey":
        return np.repeat(frame[..., None], 3, axis=2)
    if layout == "yuyv":
        return _bgr(frame[..., 0], frame[:, ::2, 1], frame[:, 1::2, 1])
    if layout == "nv12":
        height = len(frame) // 3 * 2
        chroma = np.repeat(frame[height:], 2, axis=0)
        return _bgr(frame[:height], chroma[:, ::2], chroma[:, 1::2])
    return frame


def _bgr(luma: Pixels, u: Pixels, v: Pixels) -> Pixels:
    """ITU-R BT.601, limited range, in 20-bit fixed point with OpenCV's coefficients."""
    planes = [np.empty(luma.shape, np.uint8) for _ in range(3)]
    for first in range(0, len(luma), _ROWS):  # some rows at a time, which stay in the cache
        rows = slice(first, first + _ROWS)
        y = np.maximum(luma[rows], np.uint8(16)).astype(np.int32)
        y *= 1220542
        y += (1 << 19) - 16 * 1220542
        us, vs = u[rows].astype(np.int32) - 128, v[rows].astype(np.int32) - 128
        shares = (2116026 * us, -409993 * us - 852492 * vs, 1673527 * vs)
        for plane, share in zip(planes, shares, strict=True):
            total = y + np.repeat(share, 2, axis=1)
            total >>= 20
            plane[rows] = np.clip(total, 0, 255, out=total)
    return np.asarray(cv2.merge(planes), np.uint8)


def colorize(mask: Pixels, palette: Pixels, out: Pixels) -> None:
    """Write each pixel's colour to `out`; see edgeseg.kernels.colorize for the arguments."""
    out[:] = _looked_up(_three_times(mask), _whole(palette))


def overlay(
    frame: Pixels,
    mask: Pixels,
    palette: Pixels,
    alpha: float,
    out: Pixels,
    contour: int,
    contour_palette: Pixels,
) -> None:
    """Write the blended frame to `out`; see edgeseg.kernels.overlay for the arguments."""
    weight = min(int(alpha * 65536 + 0.5), 65535)
    # Both shares depend on one byte only. Widened first: beside an array of bytes, NumPy 1 would
    # give a scalar eight bits too.
    laid = (_whole(palette).astype(np.uint32) * weight >> 8) + 129
    kept = np.arange(256, dtype=np.uint32)[:, None].repeat(3, axis=1) * (65535 - weight) >> 8
    total = _looked_up(_three_times(mask), laid.astype(np.uint16))
    total += _looked_up(frame, kept.astype(np.uint16))
    total >>= np.uint16(8)
    blended = total.astype(np.uint8)
    marked = contours(mask, contour)
    blended[marked] = _whole(contour_palette)[mask[marked]]
    out[:] = blended


def _three_times(mask: Pixels) -> Pixels:
    return np.asarray(cv2.merge([mask, mask, mask]), np.uint8)


def contours(mask: Pixels, width: int) -> NDArray[np.bool_]:
    """Return which pixels have another class at most `width` pixels to the right or below."""
    marked = np.zeros(mask.shape, bool)
    for k in range(1, width + 1):
        marked[:, :-k] |= mask[:, :-k] != mask[:, k:]
        marked[:-k] |= mask[:-k] != mask[k:]
    return marked


def _whole(palette: Pixels) -> Pixels:
    """Return a palette for all 256 classes; those it has not are black."""
    whole = np.zeros((256, 3), np.uint8)
    whole[: len(palette)] = palette
    return whole
