"""Least squares with nothing below zero."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

_TOLERANCE = 1e-10
_VANISHED = 1e-14


def nonnegative_least_squares(
    matrix: NDArray[np.float64], target: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return x >= 0 for which |matrix @ x - target| is least.

    The active-set method of Lawson and Hanson, "Solving Least Squares Problems" (1974), chapter 23,
    with columns brought to unit length first.

    Args:
        matrix: [equations, unknowns].
        target: [equations].
    """
    scale = np.linalg.norm(matrix, axis=0)
    scale[scale == 0] = 1.0
    unit = matrix / scale
    x = np.zeros(unit.shape[1])
    free = np.zeros(unit.shape[1], bool)
    for _ in range(10 * unit.shape[1]):
        gradient = unit.T @ (target - unit @ x)
        gradient[free] = -np.inf
        if gradient.max(initial=-np.inf) <= _TOLERANCE:
            break
        free[int(gradient.argmax())] = True
        x = _solved(unit, target, x, free)
    return np.asarray(x / scale)


def _solved(
    unit: NDArray[np.float64],
    target: NDArray[np.float64],
    x: NDArray[np.float64],
    free: NDArray[np.bool_],
) -> NDArray[np.float64]:
    """Solve for the free variables; take out, one step after the other, those that fall to 0."""
    while True:
        wanted = np.zeros_like(x)
        wanted[free] = np.linalg.lstsq(unit[:, free], target, rcond=None)[0]
        falling = free & (wanted <= 0)
        if not falling.any():
            return wanted
        step = float(np.min(x[falling] / np.maximum(x[falling] - wanted[falling], 1e-300)))
        x = x + step * (wanted - x)
        free &= x > _VANISHED
        x = np.where(free, x, 0.0)
