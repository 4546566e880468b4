"""The kernels in NumPy: the definition that native/ is tested against, and the path without it."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

FRACTION_BITS = 11
ONE = 1 << FRACTION_BITS


def decode(
    scores: NDArray[Any],
    columns: NDArray[np.int32],
    rows: NDArray[np.int32],
    nearest: bool,
    out: NDArray[np.uint8],
) -> None:
    """Write the class of each output pixel to `out`; see edgeseg.kernels.decode for the arguments.

    The formula, and why native/ may skip most of it, stand in native/decode.h.
    """
    if nearest:
        out[:] = pick(scores.argmax(axis=2), columns, rows)
    else:
        _bilinear(scores, columns, rows, out)


def pick(
    cells: NDArray[Any], columns: NDArray[np.int32], rows: NDArray[np.int32]
) -> NDArray[np.uint8]:
    """Return the value of each output pixel's nearest cell; halves go up."""
    i, j = ((positions + ONE // 2) >> FRACTION_BITS for positions in (columns, rows))
    picked: NDArray[np.uint8] = cells.astype(np.uint8)[j[:, None], i]
    return picked


def _bilinear(
    scores: NDArray[Any],
    columns: NDArray[np.int32],
    rows: NDArray[np.int32],
    out: NDArray[np.uint8],
) -> None:
    """Interpolate along the columns once per grid row, then between two of them per output row.

    The classes come first, so that each step works on long rows that stay in the cache.
    """
    total = np.int32 if scores.dtype.itemsize == 1 else np.float64
    near, far, a = _neighbours(columns, scores.shape[1], total)

    @lru_cache(maxsize=2)
    def across(j: int) -> NDArray[Any]:
        points = scores[j].T.astype(total)
        values: NDArray[Any] = (ONE - a) * points[:, near] + a * points[:, far]
        return values

    for y, (j, below, b) in enumerate(zip(*_neighbours(rows, len(scores), total), strict=True)):
        _greatest((ONE - b) * across(j) + b * across(below), out[y])


def _neighbours(
    positions: NDArray[np.int32], cells: int, total: Any
) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any]]:
    """Return the grid points beside each position and the weight of the second, 0..2047."""
    near = positions >> FRACTION_BITS
    return near, np.minimum(near + 1, cells - 1), (positions & (ONE - 1)).astype(total)


def _greatest(values: NDArray[Any], winners: NDArray[np.uint8]) -> None:
    """Write the first greatest class of [classes, pixels]; argmax(axis=0) is far slower."""
    winners[:] = 0
    best = values[0]
    for k in range(1, len(values)):
        np.copyto(winners, k, where=values[k] > best)
        np.maximum(best, values[k], out=best)
