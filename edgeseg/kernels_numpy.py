"""The kernels in NumPy: the definition that native/ is tested against, and the path without it."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

FRACTION_BITS = 11
ONE = 1 << FRACTION_BITS


def decode(
    scores: NDArray[Any],
    scale_x: float,
    scale_y: float,
    offset_x: float,
    offset_y: float,
    nearest: bool,
    out: NDArray[np.uint8],
    confidence: NDArray[Any] | None = None,
    confidence_scale: float = 1.0,
    counts: NDArray[np.uint32] | None = None,
) -> None:
    """Write the class of each output pixel to `out`; see edgeseg.kernels.decode for the arguments.

    The formula, and why native/ may skip most of it, stand in native/kernels/decode.cc.
    """
    height, width = scores.shape[:2]
    columns = positions(out.shape[1], scale_x, offset_x, width, nearest)
    rows = positions(out.shape[0], scale_y, offset_y, height, nearest)
    exact = scores.dtype.itemsize == 1
    if not exact:
        scores = _finite(scores)
    if nearest and confidence is None:
        out[:] = pick(scores.argmax(axis=2), columns, rows)
    else:
        factor = np.float32(confidence_scale / (ONE * ONE if exact else 1))
        for y, values in enumerate(_values(scores, columns, rows)):
            second = _greatest(values, out[y], runner_up=confidence is not None)
            if confidence is not None and second is not None:
                _store(values.max(axis=0) - second, factor, confidence[y])
    if counts is not None:
        counts[:] = np.bincount(out.reshape(-1), minlength=scores.shape[2])


@lru_cache(maxsize=64)
def positions(
    count: int, scale: float, offset: float, cells: int, nearest: bool = False
) -> NDArray[np.int32]:
    """Return where `count` pixels lie on `cells` cells, in 1/2048 cell, clamped to the centres.

    With `nearest` the positions are those of whole cells; halves go up.
    """
    centres = (np.arange(count) + 0.5) * scale + offset - 0.5
    steps: NDArray[np.int32]
    steps = np.floor(np.clip(centres, 0, cells - 1) * ONE + 0.5).astype(np.int32)
    if nearest:
        steps = (steps + ONE // 2) & ~np.int32(ONE - 1)
    steps.flags.writeable = False  # shared by all callers with the same geometry
    return steps


def pick(
    cells: NDArray[Any], columns: NDArray[np.int32], rows: NDArray[np.int32]
) -> NDArray[np.uint8]:
    """Return the value of each output pixel's nearest cell."""
    i, j = ((positions + ONE // 2) >> FRACTION_BITS for positions in (columns, rows))
    picked: NDArray[np.uint8] = cells.astype(np.uint8)[j[:, None], i]
    return picked


def _finite(scores: NDArray[Any]) -> NDArray[np.float32]:
    limit = np.finfo(np.float32).max
    whole = scores.astype(np.float32)
    return np.nan_to_num(whole, copy=False, nan=-limit, posinf=limit, neginf=-limit)


def _values(
    scores: NDArray[Any], columns: NDArray[np.int32], rows: NDArray[np.int32]
) -> Iterator[NDArray[Any]]:
    """Yield the values [classes, width] of each output row: int32 in 1/2^22, or float32.

    Interpolates along the columns once per grid row, then between two of them per output row. The
    classes come first, so that each step works on long rows that stay in the cache.
    """
    exact = scores.dtype.itemsize == 1
    one = np.int32(ONE) if exact else np.float32(1)
    near, far, a = _neighbours(columns, scores.shape[1], exact)

    @lru_cache(maxsize=2)
    def across(j: int) -> NDArray[Any]:
        points = scores[j].T.astype(one.dtype)
        values: NDArray[Any] = (one - a) * points[:, near] + a * points[:, far]
        return values

    for j, below, b in zip(*_neighbours(rows, len(scores), exact), strict=True):
        yield (one - b) * across(j) + b * across(below)


def _neighbours(
    positions: NDArray[np.int32], cells: int, exact: bool
) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any]]:
    """Return the grid points beside each position and the weight of the second: of ONE, or of 1."""
    near, weight = positions >> FRACTION_BITS, positions & (ONE - 1)
    far = np.minimum(near + 1, cells - 1)
    return near, far, weight if exact else weight.astype(np.float32) / np.float32(ONE)


def _greatest(
    values: NDArray[Any], winners: NDArray[np.uint8], *, runner_up: bool
) -> NDArray[Any] | None:
    """Write the first greatest class of [classes, pixels]; argmax(axis=0) is far slower.

    Returns:
        The values of the runners-up, if asked for; None where there is one class only.
    """
    winners[:] = 0
    best, second = values[0], None
    for k in range(1, len(values)):
        if runner_up:
            lesser = np.minimum(values[k], best)
            second = lesser if second is None else np.maximum(second, lesser)
        np.copyto(winners, k, where=values[k] > best)
        best = np.maximum(best, values[k])
    return second


def _store(margins: NDArray[Any], factor: np.float32, row: NDArray[Any]) -> None:
    with np.errstate(over="ignore"):
        scaled = margins.astype(np.float32) * factor
    row[:] = scaled if row.dtype == np.float32 else np.minimum(scaled, 255).astype(np.uint8)
