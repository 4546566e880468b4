"""One axis of a transposed convolution, seen as s ordinary convolutions that take turns.

Let full[j] = sum over q of x[q] W[j - q s] be all that x [n] and the taps W [k] give, of which the
layer keeps `output` values from j = `before` on. Take phases on a grid that starts at c: with
j = Q s + r + c and q = Q - d, full[Q s + r + c] = sum over d of x[Q - d] W[c + r + d s], so that
every residue r is a small convolution over the same cells. W = 0 outside its support of L taps, so
ceil(L / s) values of d do if c is chosen well, and no c needs more than one beyond that.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Line:
    """One axis of a transposed convolution.

    Attributes:
        cells: inputs n.
        stride: s.
        taps: k, zeros of a dilation among them.
        before: of all that the taps give, how much is cut off in front.
        output: how much is kept.
        first, last: the outermost taps that are not zero.
    """

    cells: int
    stride: int
    taps: int
    before: int
    output: int
    first: int
    last: int


@dataclass(frozen=True)
class Phases:
    """One way to lay the phases along an axis.

    Attributes:
        line: the axis.
        offset: c.
        depth: how many cells each output sees, the small convolution's taps.
    """

    line: Line
    offset: int
    depth: int

    @property
    def start(self) -> int:
        """Q of the first kept output."""
        return (self.line.before - self.offset) // self.line.stride

    @property
    def count(self) -> int:
        """How many Q are computed."""
        last = self.line.before + self.line.output - 1 - self.offset
        return last // self.line.stride - self.start + 1

    @property
    def padding(self) -> tuple[int, int]:
        """Cells of zeros that are read before and after x; below 0: cells that are not read."""
        ends_at = self.start + self.count - 1
        return self.depth - 1 - self.start, ends_at - (self.line.cells - 1)

    @property
    def crop(self) -> tuple[int, int]:
        """Pixels that are computed and not kept, in front and behind."""
        front = self.line.before - self.offset - self.start * self.line.stride
        return front, self.count * self.line.stride - front - self.line.output

    def taps(self) -> NDArray[np.int64]:
        """Return [depth, s]: which tap of W cell t gives to residue r; -1 for none."""
        cell = np.arange(self.depth)[::-1, None]  # a convolution reads upwards, q = Q - d downwards
        tap = self.offset + np.arange(self.line.stride)[None, :] + cell * self.line.stride
        inside = (tap >= 0) & (tap < self.line.taps)
        return np.where(inside, tap, -1)


def ways(line: Line) -> Iterable[Phases]:
    """Return the ways that may be best: for each depth the one that computes and crops least."""
    best: dict[int, Phases] = {}
    for early in range(line.stride):
        depth = (line.last - line.first + early) // line.stride + 1
        way = Phases(line, line.first - early, depth)
        if depth not in best or _waste(way) < _waste(best[depth]):
            best[depth] = way
    return best.values()


def _waste(way: Phases) -> tuple[int, int]:
    return way.count, sum(abs(side) for side in way.padding)


def same_padding(depth: int) -> tuple[int, int]:
    """Return the cells of zeros that a convolution of stride 1 brings itself, with 'same'."""
    return (depth - 1) // 2, depth - 1 - (depth - 1) // 2


def cut_off(cells: int, stride: int, taps: int, output: int, padding: Literal["same"] | str) -> int:
    """Return Line.before of a layer: TensorFlow halves what 'same' has too much, rounding down."""
    if padding != "same":
        return 0
    return max((cells - 1) * stride + taps - output, 0) // 2
