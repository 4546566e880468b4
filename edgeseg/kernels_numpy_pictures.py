"""prepare and overlay in NumPy: the definition that native/ is tested against, and its stand-in."""

from __future__ import annotations

from functools import lru_cache
from math import gcd
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.uint8]
Layout = Literal["bgr", "rgb", "grey", "yuyv", "nv12"]

# Up to so many source pixels take weights of 16 bits, more take 24; see native/resizer.h.
_FEW_TAPS, _FEW_UNIT, _MANY_UNIT = 64, 65535, 1 << 24


class Span(NamedTuple):
    """Along one axis: pixel i is the sum of sources start[i] + t times weights[i, t]."""

    start: NDArray[np.int64]
    weights: NDArray[np.int64]
    few: bool


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
        picture = picture[..., ::-1]
    out[:] = values.zero_point if values.dtype != "float32" else 0.0
    inner = out[place.y : place.y + place.height, place.x : place.x + place.width]
    tables = table(values)
    for channel in range(3):
        inner[..., channel] = tables[:, channel][picture[..., channel]]


def resized(picture: Pixels, width: int, height: int) -> Pixels:
    """Return a picture [h, w, 3] at another size: by area where it shrinks, else bilinearly."""
    rows, columns = picture.shape[:2]
    if (columns, rows) == (width, height):
        return picture
    shrinks = width <= columns and height <= rows
    sums = _down(picture, span(rows, height, shrinks))
    return _across(sums, span(columns, width, shrinks))


@lru_cache(maxsize=32)
def span(count: int, wanted: int, shrinks: bool) -> Span:
    """Return which of `count` pixels make each of the `wanted` ones."""
    i = np.arange(wanted, dtype=np.int64)[:, None]
    if not shrinks:
        step = 2 * wanted  # of one source pixel, so that centres are whole numbers
        position = np.clip((2 * i + 1) * count - wanted, 0, (count - 1) * step)
        second = (position % step * (_FEW_UNIT / step) + 0.5).astype(np.int64)
        return Span((position // step)[:, 0], np.hstack([_FEW_UNIT - second, second]), few=True)
    taps = (count + wanted - 2 * gcd(count, wanted)) // wanted + 1
    few = taps <= _FEW_TAPS
    begin = i * count  # in 1/wanted of a source pixel, so that all lengths are whole numbers
    start = begin // wanted
    ends = np.minimum((start + np.arange(1, taps + 1)) * wanted, begin + count) - begin
    lengths = (ends * ((_FEW_UNIT if few else _MANY_UNIT) / count) + 0.5).astype(np.int64)
    return Span(start[:, 0], np.diff(lengths, axis=1, prepend=0), few)


def _down(picture: Pixels, span: Span) -> NDArray[np.uint32]:
    """Return the sums of rows, 8.8 fixed point."""
    rows = np.minimum(span.start[:, None] + np.arange(span.weights.shape[1]), len(picture) - 1)
    weights = span.weights.astype(np.uint32)[..., None, None]
    sums = np.full((len(rows), *picture.shape[1:]), _unit(span, 1 << 15), np.uint32)
    for t in range(rows.shape[1]):
        product = picture[rows[:, t]] * weights[:, t]
        sums += product >> 8 if span.few else product
    if not span.few:
        sums >>= 16
    return sums


def _across(sums: NDArray[np.uint32], span: Span) -> Pixels:
    """Return the sums of columns, rounded."""
    columns = np.minimum(span.start[:, None] + np.arange(span.weights.shape[1]), sums.shape[1] - 1)
    number = np.uint32 if span.few else np.uint64
    weights = span.weights.astype(number)[..., None]
    rounding = 128 + _unit(span, 0) if span.few else 1 << 31
    total = np.full((len(sums), len(columns), 3), rounding, number)
    for t in range(columns.shape[1]):
        product = sums[:, columns[:, t]] * weights[:, t]
        total += product >> 16 if span.few else product
    return np.asarray(total >> (8 if span.few else 32), np.uint8)


def _unit(span: Span, many: int) -> int:
    """Return what makes up for products cut off instead of rounded."""
    return (span.weights.shape[1] + 1) // 2 if span.few else many


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
    y = np.maximum(luma.astype(np.int32) - 16, 0) * 1220542 + (1 << 19)
    us, vs = (np.repeat(plane.astype(np.int32) - 128, 2, axis=1) for plane in (u, v))
    channels = (y + 2116026 * us, y - 409993 * us - 852492 * vs, y + 1673527 * vs)
    return np.asarray((np.stack(channels, axis=-1) >> 20).clip(0, 255), np.uint8)


def colorize(mask: Pixels, palette: Pixels, out: Pixels) -> None:
    """Write each pixel's colour to `out`; see edgeseg.kernels.colorize for the arguments."""
    out[:] = _whole(palette)[mask]


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
    # Widened first: beside an array, NumPy 1 would give a scalar the array's eight bits.
    laid = _whole(palette)[mask].astype(np.uint32) * np.uint32(weight) >> 8
    kept = frame.astype(np.uint32) * np.uint32(65535 - weight) >> 8
    blended = ((kept + laid + 129) >> 8).astype(np.uint8)
    marked = contours(mask, contour)
    blended[marked] = _whole(contour_palette)[mask[marked]]
    out[:] = blended


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
