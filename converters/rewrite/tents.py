"""What bilinear upsamplings have in common, be they resizes or transposed convolutions.

Both weigh cells by tents: pixel i of factor s stands at cell (i + 0.5) / s - 0.5 and takes what
stands there on the straight line between cells. Beyond the outermost cells a resize holds the last
value, while a transposed convolution fades to zero.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from .sites import Site
from .steps import Step
from .steps.elementwise import Activate, Plus, Times, activation_of, fused_name
from .steps.moves import Edge, Pad
from .transposed import Array, bias_of, bilinear_scale, line_of, taps_of, tent, why_not_run

CLOSE = 1e-5
"""Relative difference up to which factors count as equal."""


@dataclass(frozen=True)
class Tents:
    """A bilinear upsampling.

    Attributes:
        cells: height and width of its input.
        factors: down and across.
        channels: of input and output.
        holds: at the border the outermost cells are repeated; otherwise there are zeros.
        scale: factor a channel.
        bias, activation: what comes behind, None where nothing does.
    """

    cells: tuple[int, int]
    factors: tuple[int, int]
    channels: int
    holds: bool
    scale: Array
    bias: Array | None = None
    activation: Any = None

    @property
    def pixels(self) -> tuple[int, int]:
        """Height and width of its output."""
        return self.cells[0] * self.factors[0], self.cells[1] * self.factors[1]

    def border(self) -> Step:
        """Return the step that puts one cell all around, as the upsampling sees it."""
        return Edge() if self.holds else Pad(((1, 1), (1, 1)))

    def scaled(self) -> Iterator[Step]:
        """Yield the factor as a step of its own: before the resize, where numbers are few."""
        if not np.allclose(self.scale, 1, rtol=0, atol=CLOSE / 10):
            yield Times(self.scale)

    def finished(self) -> Iterator[Step]:
        """Yield the bias and the activation as steps of their own."""
        fused = fused_name(self.activation)
        if self.bias is not None:
            yield Plus(self.bias, fused)
        if self.activation is not None and (self.bias is None or fused == "none"):
            yield Activate(self.activation)


def why_no_tents(site: Site) -> str:
    """Return why a site is no bilinear upsampling; empty where it is one."""
    if site.kind == "nearest":
        return "it interpolates to the nearest pixel"
    if site.stride == (1, 1):
        return "it enlarges nothing"
    return _why_trained(site) if site.kind == "transpose" else ""


def _why_trained(site: Site) -> str:
    if reason := why_not_run(site):
        return reason
    taps = site.layer.kernel_size
    if any(tent(*axis) is None for axis in zip(taps, site.stride, strict=True)):
        return (
            "its kernel is not 2s taps long for an even stride s, or 2s - 1 for an odd one, so it "
            "cannot interpolate between pixel centres"
        )
    return "" if bilinear_scale(site) is not None else "its kernel is not bilinear (it was trained)"


def why_not_whole(site: Site) -> str:
    """Return why the site is no bilinear upsampling to exactly its input times the factors."""
    if reason := why_no_tents(site):
        return reason
    return "" if is_whole(site) else "its output is not its input times the stride"


def is_whole(site: Site) -> bool:
    """Whether the output is the input times the factors, cut as 'same' cuts it."""
    if site.kind == "transpose" and site.layer.padding != "same":
        return False
    sides = zip(site.input_shape[1:3], site.output_shape[1:3], site.stride, strict=True)
    return all(old * factor == new for old, new, factor in sides)


def tents(site: Site) -> Tents:
    """Return a site for which why_no_tents has nothing to say."""
    _, height, width, channels = site.input_shape
    ones = np.ones(channels, np.float32)
    if site.kind != "transpose":
        return Tents((height, width), site.stride, channels, True, ones)
    scale = bilinear_scale(site)
    return Tents(
        (height, width),
        site.stride,
        channels,
        False,
        ones if scale is None else scale,
        bias_of(site),
        activation_of(site.layer),
    )


def equal(values: Array) -> bool:
    """Whether all are the same."""
    return bool(np.ptp(values) <= CLOSE * float(np.abs(values).max()))


def gain(cells: tuple[int, int], factors: tuple[int, int]) -> Array:
    """Return how far a transposed convolution fades at the border, [1, h, w, 1]; 1 inside."""
    down, across = (_fading(*axis) for axis in zip(cells, factors, strict=True))
    return np.outer(down, across)[None, :, :, None].astype(np.float32)


def diagonal_kernel(factors: tuple[int, int], channels: int) -> Array:
    """Return the bilinear kernel [h, w, channels, channels] of a transposed convolution."""
    plane = np.outer(*(line_of(factor) for factor in factors))
    kernel: Array = plane[:, :, None, None] * np.eye(channels, dtype=np.float32)
    return kernel


def _fading(cells: int, factor: int) -> Array:
    taps = taps_of(factor)
    full = np.zeros((cells - 1) * factor + taps, np.float32)
    for cell in range(cells):
        full[cell * factor : cell * factor + taps] += line_of(factor)
    before = (taps - factor) // 2
    return full[before : before + cells * factor]
