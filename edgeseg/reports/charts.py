"""What charts are drawn from: ticks, densities and places, as shares of a chart's width or height.

Templates draw them with HTML and a stretched SVG, so that texts keep their size on a phone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, floor, log10

import numpy as np
from numpy.typing import NDArray

BINS = 80
_STEPS = (1.0, 2.0, 5.0, 10.0)
# How near two labels of a scatter plot may stand, as shares of its width and height.
_NEAR = (0.03, 0.06)


@dataclass(frozen=True)
class Tick:
    """A mark of an axis.

    Attributes:
        place: share of the axis, 0 to 1.
        text: what stands there.
    """

    place: float
    text: str


@dataclass(frozen=True)
class Axis:
    """From where to where an axis goes, with its ticks."""

    low: float
    high: float
    ticks: tuple[Tick, ...]

    def place(self, value: float) -> float:
        """Return where a value lies, as a share of the axis, cut to 0 to 1."""
        return min(1.0, max(0.0, (value - self.low) / (self.high - self.low)))


@dataclass(frozen=True)
class Point:
    """A point of a scatter plot; places are shares, `y` from the bottom."""

    x: float
    y: float
    text: str
    marked: bool


def axis(low: float, high: float, ticks: int = 6) -> Axis:
    """Return an axis that holds both values, with about so many round ticks and ends on them."""
    if high <= low:
        low, high = low - abs(low) * 0.05 - 1e-9, high + abs(high) * 0.05 + 1e-9
    step = _round_step((high - low) / max(1, ticks - 1))
    first, last = floor(low / step + 1e-9), ceil(high / step - 1e-9)
    decimals = max(0, -floor(log10(step) + 1e-9))
    values = [number * step for number in range(first, last + 1)]
    span = values[-1] - values[0]
    marks = (Tick((value - values[0]) / span, f"{value:.{decimals}f}") for value in values)
    return Axis(values[0], values[-1], tuple(marks))


def _round_step(rough: float) -> float:
    power = 10.0 ** floor(log10(rough))
    return power * next(step for step in _STEPS if step * power >= rough * 0.999)


def density(values: NDArray[np.float64], along: Axis) -> str:
    """Return the points of a polygon over 0 to 100 (x) and 100 to 0 (y): how often each value is.

    A histogram of `BINS` bins, smoothed a little, scaled to its own highest; values beyond the axis
    are left out.
    """
    counts, _ = np.histogram(values, bins=BINS, range=(along.low, along.high))
    smooth = np.convolve(counts, [0.25, 0.5, 0.25], mode="same")
    heights = smooth / max(float(smooth.max()), 1e-12) * 100
    xs = (np.arange(BINS) + 0.5) * 100 / BINS
    line = [f"{x:.2f},{100 - y:.1f}" for x, y in zip(xs, heights, strict=True)]
    return " ".join(["0,100", *line, "100,100"])


def scatter(
    xs: Sequence[float], ys: Sequence[float], across: Axis, up: Axis, marked: Sequence[int]
) -> tuple[Point, ...]:
    """Return points numbered from 1; those that lie together share one label."""
    places = [(across.place(x), up.place(y)) for x, y in zip(xs, ys, strict=True)]
    labels: dict[int, list[str]] = {}
    for index, place in enumerate(places):
        near = next((other for other in labels if _is_near(places[other], place)), index)
        labels.setdefault(near, []).append(str(index + 1))
    return tuple(
        Point(x, y, ", ".join(labels.get(index, ())), index in marked)
        for index, (x, y) in enumerate(places)
    )


def _is_near(one: tuple[float, float], other: tuple[float, float]) -> bool:
    return all(abs(a - b) < near for a, b, near in zip(one, other, _NEAR, strict=True))
