"""Bilinear upsampling by nearest resizes, each smoothed: exact, for want of a half-pixel resize.

Repeating every value a times and taking the mean of a neighbours puts a - 1 values onto the
straight line between any two, and doing so again for the next factor keeps them on it. So factors
multiply without error, unlike those of half-pixel resizes. For an even factor s half-pixel centres
lie midway between these values, for an odd one on them: the last mean takes a + 1 values instead,
with half the weight at both ends.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import NamedTuple

import numpy as np

from .sites import Site
from .stepped import stepped
from .steps import Step
from .steps.convolutions import Conv, Padding
from .steps.moves import Border, Crop, is_none
from .steps.resize import Resize
from .tents import Tents, tents, why_not_whole
from .transposed import Array

_PLANE = 16  # taps up to which one convolution with a plane is quicker than two with lines


def levels(factor: int) -> list[int]:
    """Return prime factors, so ordered that the product of all but the last is even if it can be.

    The rest of a border is then cut off before the last step, while it is small.
    """
    twos: list[int] = []
    odd: list[int] = []
    divisor = 2
    while factor > 1:
        if factor % divisor:
            divisor += 1
            continue
        (twos if divisor == 2 else odd).append(divisor)
        factor //= divisor
    return [*twos, *odd] if len(twos) == 1 else [*odd, *twos]


def _steps(site: Site) -> list[Step]:
    found = tents(site)
    both = [levels(factor)[::-1] for factor in found.factors]
    stages = [Stage(*pair) for pair in zip_longest(*both, fillvalue=1)][::-1]
    last = [last_line(*axis) for axis in zip(found.factors, stages[-1], strict=True)]
    if len(stages) == 1 and not found.holds:
        # An odd number of taps: 'same' puts as many zeros before as behind.
        return [_nearest(found.cells, stages[0]), *_weighed(last, found, "same")]
    return list(_staged(found, stages, last))


class Stage(NamedTuple):
    """Factors of one nearest resize."""

    down: int
    across: int


@dataclass(frozen=True)
class Span:
    """Positions along an axis, in steps of 1 / scale of a cell from the first cell's centre."""

    first: int
    last: int

    @property
    def count(self) -> int:
        """How many they are."""
        return self.last - self.first + 1

    def finer(self, factor: int) -> Span:
        """Return the positions between the same ends, in steps `factor` times smaller."""
        return Span(self.first * factor, self.last * factor)


def _staged(found: Tents, stages: list[Stage], last: list[Array]) -> Iterator[Step]:
    """Yield the steps that begin with a border of one cell."""
    yield found.border()
    spans = [Span(-1, cells) for cells in found.cells]
    for stage in stages[:-1]:
        yield _nearest([span.count for span in spans], stage)
        yield from _mean([np.full(factor, 1 / factor, np.float32) for factor in stage], found)
        spans = [span.finer(factor) for span, factor in zip(spans, stage, strict=True)]
    axes = list(zip(found.cells, found.factors, stages[-1], strict=True))
    needed = [_needed(*axis) for axis in axes]
    yield from _cut([_beyond(*pair) for pair in zip(spans, needed, strict=True)])
    yield _nearest([span.count for span in needed], stages[-1])
    yield from _cut([_excess(span, *axis) for span, axis in zip(needed, axes, strict=True)])
    yield from _weighed(last, found, "valid")


def _needed(cells: int, factor: int, last: int) -> Span:
    """Return the positions, in steps of last / factor, between which all pixels lie."""
    first, end = _pixels(cells, factor)
    return Span(first // last, -(-end // last))


def _pixels(cells: int, factor: int) -> tuple[int, int]:
    """Return the positions between which pixels lie, in steps of 1 / factor of a cell."""
    if factor % 2:
        return -(factor // 2), cells * factor - 1 - factor // 2
    return -(factor // 2), cells * factor - factor // 2


def _excess(needed: Span, cells: int, factor: int, last: int) -> tuple[int, int]:
    """Return how many of the repeated values no pixel wants, in front and behind."""
    first, end = _pixels(cells, factor)
    made = needed.finer(last)
    return first - made.first, made.last - end


def _beyond(held: Span, needed: Span) -> tuple[int, int]:
    return needed.first - held.first, held.last - needed.last


def _cut(sides: list[tuple[int, int]]) -> Iterator[Step]:
    border: Border = (sides[0], sides[1])
    if not is_none(border):
        yield Crop(border)


def last_line(factor: int, last: int) -> Array:
    """Return the weights of the last mean along an axis."""
    if factor % 2:
        return np.full(last, 1 / last, np.float32)
    line = np.full(last + 1, 1 / last, np.float32)
    line[[0, -1]] /= 2
    return line


def _nearest(sides: Sequence[int], stage: Stage) -> Resize:
    size = (sides[0] * stage.down, sides[1] * stage.across)
    return Resize("nearest", size, "legacy", "nearest")


def _mean(lines: list[Array], found: Tents) -> Iterator[Step]:
    for plane in _planes(lines):
        yield Conv(_each(plane, found.channels), depthwise=True, suffix="mean")


def _weighed(lines: list[Array], found: Tents, padding: Padding) -> Iterator[Step]:
    """Yield the last mean, with the kernel's factor, the bias and the activation in it."""
    *before, plane = _planes(lines)
    for one in before:
        yield Conv(_each(one, found.channels), padding=padding, depthwise=True, suffix="mean")
    kernel = _each(plane, found.channels) * found.scale[:, None]
    yield Conv(kernel, found.bias, padding, found.activation, depthwise=True)


def _planes(lines: list[Array]) -> list[Array]:
    down, across = lines
    if len(down) * len(across) <= _PLANE:
        return [np.outer(down, across)]
    return [down[:, None], across[None, :]]


def _each(plane: Array, channels: int) -> Array:
    return np.repeat(plane[:, :, None, None], channels, axis=2)


SMOOTH = stepped(
    "bilinear-smooth", "nearest resizes, each smoothed by a depthwise mean", why_not_whole, _steps
)
