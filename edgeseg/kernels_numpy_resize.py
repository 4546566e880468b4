"""How prepare resizes, in NumPy: the definition that native/resizer.h is tested against.

A picture is handled some rows at a time, so that what lies between stays in the cache.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from math import gcd
from typing import Any, NamedTuple, TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.uint8]

# Up to so many source pixels take weights of 16 bits, more take 24; see native/resizer.h.
_FEW_TAPS, _FEW_UNIT, _MANY_UNIT = 64, 65535, 1 << 24

_PIECE = 1 << 17  # elements

_Number = TypeVar("_Number", np.uint8, np.uint16)

# Given rows of sources and the weight of each row [rows, 1], adds their products to the sums.
_Add = Callable[[NDArray[Any], NDArray[np.int64], NDArray[Any]], None]


class Span(NamedTuple):
    """Along one axis: pixel i is the sum of sources start[i] + t times weights[i, t]."""

    start: NDArray[np.int64]
    weights: NDArray[np.int64]
    few: bool


def resized(picture: Pixels, width: int, height: int) -> Pixels:
    """Return a picture [h, w, 3] at another size: by area where it shrinks, else bilinearly."""
    rows, columns = picture.shape[:2]
    if (columns, rows) == (width, height):
        return picture
    shrinks = width <= columns and height <= rows
    sums = _down(picture, span(rows, height, shrinks))
    # Transposed, so that columns are added as rows are.
    turned = _across(_transposed(sums), span(columns, width, shrinks))
    return np.asarray(_transposed(turned), np.uint8)


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


def _down(picture: Pixels, span: Span) -> NDArray[np.uint16]:
    """Return the sums of rows, 8.8 fixed point."""
    if span.few:
        return _summed(picture, span, np.uint16, np.uint16, _unit(span), 0, _add_cut_to_8_8)
    return _summed(picture, span, np.uint32, np.uint16, 1 << 15, 16, _add_whole)


def _across(sums: NDArray[np.uint16], span: Span) -> Pixels:
    """Return the sums of columns (rows, here), rounded."""
    if span.few:
        rounding = 128 + _unit(span)
        return _summed(sums, span, np.uint32, np.uint8, rounding, 8, _add_cut_by_16)
    return _summed(sums, span, np.uint64, np.uint8, 1 << 31, 32, _add_whole)


def _unit(span: Span) -> int:
    """Return what makes up for products cut off instead of rounded."""
    return (int(span.weights.shape[1]) + 1) // 2


def _summed(
    source: NDArray[Any],
    span: Span,
    number: type[np.unsignedinteger[Any]],
    result: type[_Number],
    rounding: int,
    shift: int,
    add: _Add,
) -> NDArray[_Number]:
    """Return rounding + weighted sums of rows, summed in `number`, shifted right."""
    rows = np.ascontiguousarray(source).reshape(len(source), -1)
    wanted = len(span.start)
    out: NDArray[_Number] = np.empty((wanted, rows.shape[1]), result)
    step = max(1, _PIECE // rows.shape[1])
    taken = np.empty((step, rows.shape[1]), rows.dtype)
    sums = np.empty((step, rows.shape[1]), number)
    for first in range(0, wanted, step):
        here = slice(first, min(first + step, wanted))
        count = here.stop - first
        sums[:count] = rounding
        for t in range(span.weights.shape[1]):
            weights = span.weights[here, t, None]
            if weights.any():
                # Beyond the last row a weight is 0, so any row will do.
                np.take(rows, span.start[here] + t, axis=0, out=taken[:count], mode="clip")
                add(taken[:count], weights, sums[:count])
        if shift:
            sums >>= number(shift)
        out[here] = sums[:count]
    return out.reshape(wanted, *source.shape[1:])


def _add_cut_to_8_8(pixels: NDArray[Any], weights: NDArray[np.int64], sums: NDArray[Any]) -> None:
    """Add pixel * weight >> 8: the weight's two bytes apart, so that 16 bits suffice."""
    wide = pixels.astype(np.uint16)
    product = wide * (weights & 255).astype(np.uint16)
    product >>= np.uint16(8)
    sums += product
    wide *= (weights >> 8).astype(np.uint16)
    sums += wide


def _add_cut_by_16(values: NDArray[Any], weights: NDArray[np.int64], sums: NDArray[Any]) -> None:
    product = values.astype(np.uint32)
    product *= weights.astype(np.uint32)
    product >>= np.uint32(16)
    sums += product


def _add_whole(values: NDArray[Any], weights: NDArray[np.int64], sums: NDArray[Any]) -> None:
    product = values.astype(sums.dtype)
    product *= weights.astype(sums.dtype)
    sums += product


def _transposed(picture: NDArray[Any]) -> NDArray[Any]:
    """Return [w, h, 3] of [h, w, 3]; OpenCV is quicker at it than a copy in NumPy."""
    return np.asarray(cv2.transpose(picture))
