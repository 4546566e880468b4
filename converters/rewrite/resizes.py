"""Bilinear upsampling where a target lacks the half-pixel resize, or has it for few factors.

Legacy and align-corners resizes put their pixels elsewhere: at j / s cells instead of
(i + 0.5) / s - 0.5. As they interpolate in straight lines between cells, and for even s a pixel's
place lies midway between two of theirs, the mean of these two is the pixel, exactly; for odd s it
is one of theirs. A row of cells around provides what lies beyond the outermost.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from .bilinear import why_border_counts
from .phases import Line
from .sites import Site
from .stepped import stepped
from .steps import Step
from .steps.convolutions import Conv
from .steps.moves import Crop, Edge, Pad
from .steps.resize import Centres, Resize
from .subpixel import lay_out, taken_apart
from .tents import Tents, diagonal_kernel, tents, why_not_whole
from .transposed import Array


def _between(site: Site, centres: Centres) -> list[Step]:
    """Return the steps: one cell around, resize, crop to what is wanted, mean of neighbours."""
    found = tents(site)
    axes = list(zip(found.cells, found.factors, strict=True))
    down, across = (_resized(*axis, centres) for axis in axes)
    rows, columns = (_beyond(*axis, size) for axis, size in zip(axes, (down, across), strict=True))
    steps = [
        found.border(),
        Resize("bilinear", (down, across), centres),
        Crop((rows, columns)),
    ]
    lines = [_mean_line(factor) for factor in found.factors]
    return [*steps, *_mean(lines, found)]


def _resized(cells: int, factor: int, centres: Centres) -> int:
    """Return the side of the resize of cells with one more on either side."""
    return (cells + 1) * factor + 1 if centres == "align_corners" else (cells + 2) * factor


def _beyond(cells: int, factor: int, size: int) -> tuple[int, int]:
    """Return how many pixels of a resize of that size are too many, in front and behind."""
    front = factor - (factor // 2)
    return front, size - front - cells * factor - (1 - factor % 2)


def _mean_line(factor: int) -> Array:
    return np.ones(1, np.float32) if factor % 2 else np.full(2, 0.5, np.float32)


def _mean(lines: list[Array], found: Tents) -> Iterator[Step]:
    """Yield the mean with the kernel's factor, the bias and the activation in it."""
    plane = np.outer(*lines)
    if plane.size == 1:
        yield from found.scaled()
        yield from found.finished()
        return
    kernel = np.repeat(plane[:, :, None, None], found.channels, axis=2) * found.scale[:, None]
    yield Conv(kernel, found.bias, "valid", found.activation, depthwise=True, suffix="mean")


def _legacy(site: Site) -> list[Step]:
    return _between(site, "legacy")


def _aligned(site: Site) -> list[Step]:
    return _between(site, "align_corners")


def _doublings(factor: int) -> int:
    """Return how often a factor of 2 is taken; -1 for a factor that is no power of two."""
    return factor.bit_length() - 1 if factor & (factor - 1) == 0 else -1


def _fits_chain(site: Site) -> str:
    if reason := why_not_whole(site):
        return reason
    times = [_doublings(factor) for factor in site.stride]
    if min(times) < 0:
        return "its factor is no power of two"
    return "" if max(times) > 1 else "it is one step of 2 already"


def _chain(site: Site) -> list[Step]:
    """Return half-pixel resizes by 2, in zeros where the border must fade."""
    found = tents(site)
    fades = site.kind == "transpose" and bool(why_border_counts(site))
    sides = [cells + 2 * fades for cells in found.cells]
    steps: list[Step] = [*found.scaled()]
    if fades:
        steps.append(Pad(((1, 1), (1, 1))))
    times = [_doublings(factor) for factor in found.factors]
    for turn in range(max(times)):
        sides = [side * (2 if turn < most else 1) for side, most in zip(sides, times, strict=True)]
        is_last = turn == max(times) - 1
        steps.append(Resize("bilinear", (sides[0], sides[1]), suffix="" if is_last else "double"))
    if fades:
        down, across = found.factors
        steps.append(Crop(((down, down), (across, across))))
    return [*steps, *found.finished()]


def _fits_subpixel(site: Site) -> str:
    if site.kind == "transpose":
        return "for a transposed convolution that is `subpixel`"
    return why_not_whole(site)


def _subpixel(site: Site, *, reshape: bool) -> list[Step]:
    """Return the transposed convolution with a bilinear kernel, of the input with its edge held."""
    found = tents(site)
    kernel = diagonal_kernel(found.factors, found.channels)
    lines = [
        Line(cells + 2, factor, taps, (taps - factor) // 2 + factor, cells * factor, 0, taps - 1)
        for cells, factor, taps in zip(found.cells, found.factors, kernel.shape, strict=False)
    ]
    plan = lay_out(lines[0], lines[1], found.channels, found.channels)
    return [Edge(), *taken_apart(plan, kernel, reshape=reshape)]


BILINEAR_LEGACY = stepped(
    "bilinear-legacy", "legacy bilinear resize, mean of neighbours", why_not_whole, _legacy
)
BILINEAR_ALIGN = stepped(
    "bilinear-align", "align-corners bilinear resize, mean of neighbours", why_not_whole, _aligned
)
BILINEAR_CHAIN = stepped(
    "bilinear-chain",
    "bilinear resizes by 2",
    _fits_chain,
    _chain,
    exact=False,
    note="rounds off what one resize joins by straight lines; edges stay where they are",
)
BILINEAR_SUBPIXEL = stepped(
    "bilinear-subpixel",
    "edge held, convolution, depth to space",
    _fits_subpixel,
    lambda site: _subpixel(site, reshape=False),
)
BILINEAR_SUBPIXEL_RESHAPE = stepped(
    "bilinear-subpixel-reshape",
    "edge held, convolution, then reshape, transpose, reshape",
    _fits_subpixel,
    lambda site: _subpixel(site, reshape=True),
)
