"""Fitting a convolution in front of a bilinear resize to what a transposed convolution gives.

A resize is linear and works on each axis by itself: a matrix R_h from rows of cells to rows of
pixels, R_w for columns. So the sum over all pixels of (y - R_h (X K) R_w^T)^2, with X the features
under each tap of the kernel and a constant for the bias, is a least squares problem in K. Its
normal equations need no pixel-sized matrix of regressors, since

    X^T (R_h^T R_h (x) R_w^T R_w) X K = X^T (R_h^T Y R_w)

is all of cell size. They are summed over frames in float64.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

TAPS = 9
"""Of a 3x3 kernel, row by row; the middle one is its pointwise part."""
_MIDDLE = TAPS // 2

# Of the mean square of the regressors. Enough for channels that are silent on the frames, which
# stay as they were projected; too little to be seen in others.
_RIDGE = 1e-5
_ROUNDS = 12  # of solving for the depthwise and the pointwise part in turn; it changes no more


@dataclass(frozen=True)
class Axis:
    """How one axis of the output lies on cells.

    Attributes:
        resize: matrix [pixels, cells], rows sum to 1.
        inner: pixels that no border reaches, as 0 or 1, [pixels].
    """

    resize: Array
    inner: Array


@dataclass(frozen=True)
class Equations:
    """Normal equations gram @ kernel = cross over the interior of all frames.

    Attributes:
        gram: [n, n] with n = taps * channels + 1; the last regressor is the constant.
        cross: [n, channels out].
    """

    gram: Array
    cross: Array


def resize_axis(cells: int, stride: int, pixels: int, start: int, reach: int) -> Axis:
    """Return an axis of a half-pixel bilinear resize, of which pixels are cut out.

    Args:
        cells: that go in.
        stride: pixels a cell.
        pixels: that are left.
        start: pixels cut off in front.
        reach: pixels from either end that a border may reach.
    """
    places = (np.arange(pixels) + start + 0.5) / stride - 0.5
    places = np.clip(places, 0, cells - 1)
    first = np.minimum(np.floor(places).astype(int), max(cells - 2, 0))
    resize = np.zeros((pixels, cells))
    rows = np.arange(pixels)
    resize[rows, first] = 1 - (places - first)
    resize[rows, np.minimum(first + 1, cells - 1)] += places - first
    inner = np.ones(pixels)
    if pixels > 2 * reach:
        inner[:reach] = inner[pixels - reach :] = 0
    return Axis(resize, inner)


def regressors(cells: NDArray[np.float32], taps: int) -> Array:
    """Return what a kernel sees at each cell, [h, w, taps * channels + 1], the constant last.

    Args:
        cells: features [h, w, channels]; beyond them are zeros.
        taps: 1 or TAPS.
    """
    height, width = cells.shape[:2]
    constant = np.ones((height, width, 1))
    if taps == 1:
        return np.concatenate([cells.astype(np.float64), constant], axis=-1)
    padded = np.pad(cells.astype(np.float64), ((1, 1), (1, 1), (0, 0)))
    shifts = [
        padded[down : down + height, across : across + width]
        for down in range(3)
        for across in range(3)
    ]
    return np.concatenate([*shifts, constant], axis=-1)


def equations(
    pairs: Iterator[tuple[NDArray[np.float32], NDArray[np.float32]]],
    axes: tuple[Axis, Axis],
    taps: int,
) -> Equations:
    """Sum the normal equations up.

    Args:
        pairs: features [h, w, channels] and the output to meet, [pixels, pixels, channels out].
        axes: rows and columns.
        taps: 1 or TAPS.
    """
    down, across = (axis.resize * axis.inner[:, None] for axis in axes)
    rows, columns = down.T @ down, across.T @ across
    total: Equations | None = None
    for cells, output in pairs:
        seen = regressors(cells, taps)
        flat = seen.reshape(-1, seen.shape[-1])
        weighed = _both(rows, seen, columns).reshape(flat.shape)
        met = _both(down.T, output.astype(np.float64), across.T).reshape(len(flat), -1)
        gram, cross = flat.T @ weighed, flat.T @ met
        total = (
            Equations(gram, cross)
            if total is None
            else Equations(total.gram + gram, total.cross + cross)
        )
    if total is None:
        raise ValueError("no features to fit to")
    return total


def predicted(
    cells: NDArray[np.float32], kernel: Array, axes: tuple[Axis, Axis], taps: int
) -> Array:
    """Return the resized output [pixels, pixels, channels out] of a kernel [n, channels out]."""
    return _both(axes[0].resize, regressors(cells, taps) @ kernel, axes[1].resize)


def middle(whole: Equations, channels: int) -> Equations:
    """Return the equations of the middle tap and the constant alone."""
    chosen = np.r_[_MIDDLE * channels : (_MIDDLE + 1) * channels, TAPS * channels]
    return Equations(whole.gram[np.ix_(chosen, chosen)], whole.cross[chosen])


def around(pointwise: Array) -> Array:
    """Return a pointwise kernel [channels + 1, out] as the middle of a 3x3 one."""
    channels = len(pointwise) - 1
    kernel = np.zeros((TAPS * channels + 1, pointwise.shape[1]))
    kernel[_MIDDLE * channels : (_MIDDLE + 1) * channels] = pointwise[:-1]
    kernel[-1] = pointwise[-1]
    return kernel


def solve(system: Equations, prior: Array) -> Array:
    """Return the kernel [n, channels out] of the least squares, drawn slightly to `prior`."""
    ridge = _RIDGE * float(np.trace(system.gram)) / len(system.gram) or 1.0
    gram = system.gram + ridge * np.eye(len(system.gram))
    return np.asarray(np.linalg.solve(gram, system.cross + ridge * prior))


def solve_separable(system: Equations, start: Array) -> tuple[Array, Array]:
    """Return the best depthwise kernel with a pointwise one behind it.

    Each is a least squares problem while the other stands; they are solved in turn, from the best
    approximation of a whole kernel by such a pair.

    Args:
        system: of a 3x3 kernel.
        start: a whole kernel, [TAPS * channels + 1, out].

    Returns:
        The depthwise kernel [TAPS, channels] and the pointwise one with its bias,
        [channels + 1, out].
    """
    whole = start[:-1].reshape(TAPS, -1, start.shape[1])
    depthwise, pointwise = _rank_one(whole)
    pointwise = np.concatenate([pointwise, start[-1:]])
    for _ in range(_ROUNDS):
        pointwise = solve(_through(system, depthwise), pointwise)
        depthwise = _depthwise(system, depthwise, pointwise)
    return depthwise, solve(_through(system, depthwise), pointwise)


def joined(depthwise: Array, pointwise: Array) -> Array:
    """Return the whole kernel [TAPS * channels + 1, out] that the pair computes."""
    taps = depthwise[:, :, None] * pointwise[None, :-1]
    return np.concatenate([taps.reshape(-1, pointwise.shape[1]), pointwise[-1:]])


def _rank_one(whole: Array) -> tuple[Array, Array]:
    """Return taps [TAPS, channels] and mixing [channels, out] nearest to a whole kernel."""
    left, values, right = np.linalg.svd(whole.transpose(1, 0, 2), full_matrices=False)
    return left[:, :, 0].T, values[:, :1] * right[:, 0]


def _through(system: Equations, depthwise: Array) -> Equations:
    """Return the equations of a pointwise kernel behind a depthwise one."""
    taps, channels = depthwise.shape
    spread = np.zeros((taps * channels + 1, channels + 1))
    for tap, row in enumerate(depthwise):
        spread[tap * channels : (tap + 1) * channels, :-1] = np.diag(row)
    spread[-1, -1] = 1
    return Equations(spread.T @ system.gram @ spread, spread.T @ system.cross)


def _depthwise(system: Equations, before: Array, pointwise: Array) -> Array:
    """Return the depthwise kernel that is best in front of a pointwise one, of norm 1 a channel."""
    taps, channels = before.shape
    mixing, bias = pointwise[:-1], pointwise[-1]
    alike = np.tile(mixing @ mixing.T, (taps, taps))
    left = system.cross[:-1] - system.gram[:-1, -1:] * bias
    cross = (left * np.tile(mixing, (taps, 1))).sum(axis=1, keepdims=True)
    found = solve(Equations(system.gram[:-1, :-1] * alike, cross), before.reshape(-1, 1))
    kernel = found.reshape(taps, channels)
    norms = np.linalg.norm(kernel, axis=0)
    return kernel / np.where(norms > 0, norms, 1)


def _both(left: Array, cells: Array, right: Array) -> Array:
    """Multiply rows and columns of [h, w, channels] by a matrix each."""
    rows = np.tensordot(left, cells, axes=(1, 0))
    return np.moveaxis(np.tensordot(rows, right, axes=(1, 1)), -1, 1)
