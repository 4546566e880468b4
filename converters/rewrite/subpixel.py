"""Transposed convolution as a small convolution and depth to space: exact for any kernel.

Shi et al., "Is the deconvolution layer the same as a convolutional layer?", arXiv 1609.07009: the
outputs of one residue modulo the stride are a convolution of the input, and depth to space puts the
s * s of them into their places.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np

from .phases import Line, Phases, cut_off, same_padding, ways
from .sites import Site
from .stepped import stepped
from .steps import Step
from .steps.convolutions import Conv
from .steps.depth_to_space import DepthToSpace, Reshuffle
from .steps.elementwise import Activate, activation_of
from .steps.moves import Border, Crop, Pad, is_none
from .transposed import Array, bias_of, kernel_of, why_not_run

# Elements that are copied cost about as much as so many multiply-accumulates.
_MOVE = 16

_NAMES = """
relu relu6 leaky_relu elu selu celu gelu silu swish sigmoid hard_sigmoid log_sigmoid hard_silu
hard_swish tanh hard_tanh tanh_shrink softplus softsign exponential mish hard_shrink soft_shrink
"""
ELEMENTWISE = frozenset(_NAMES.split())
"""Activations that see each number by itself, and so may come before the numbers are moved."""


def fits(site: Site) -> str:
    """Return why the site is no transposed convolution that this module takes apart."""
    if site.kind != "transpose":
        return "it is no transposed convolution"
    return why_not_run(site)


@dataclass(frozen=True)
class Layout:
    """Phases down and across.

    Attributes:
        down, across: how the phases lie.
        inputs, outputs: channels.
    """

    down: Phases
    across: Phases
    inputs: int
    outputs: int

    @property
    def factors(self) -> tuple[int, int]:
        """Strides down and across."""
        return self.down.line.stride, self.across.line.stride

    @property
    def padding(self) -> Border:
        """Cells of zeros around the input, see Phases.padding."""
        return self.down.padding, self.across.padding

    @property
    def crop(self) -> Border:
        """Pixels too many."""
        return self.down.crop, self.across.crop

    @property
    def is_same(self) -> bool:
        """Whether the convolution's own 'same' padding is the right one."""
        return self.padding == (same_padding(self.down.depth), same_padding(self.across.depth))

    @property
    def cost(self) -> int:
        """In multiply-accumulates, copies counted as well."""
        cells = self.down.count * self.across.count
        pixels = cells * self.factors[0] * self.factors[1]
        depth = self.down.depth * self.across.depth
        moved = 0 if self.is_same else self._read * self.inputs
        if not is_none(self.crop):
            moved += self.down.line.output * self.across.line.output * self.outputs
        return pixels * depth * self.inputs * self.outputs + _MOVE * moved

    @property
    def _read(self) -> int:
        return (self.down.count + self.down.depth - 1) * (self.across.count + self.across.depth - 1)

    def kernel(self, taps: Array) -> Array:
        """Return the small convolution's kernel [h, w, in, down * across * out].

        Args:
            taps: kernel [h, w, out, in] of the transposed convolution.
        """
        rows, columns = self.down.taps(), self.across.taps()
        # Tap -1, "none", reads the zeros that are put behind the last row and column.
        padded = np.pad(taps, ((0, 1), (0, 1), (0, 0), (0, 0)))
        chosen = padded[rows[:, None, :, None], columns[None, :, None, :]]
        # [h, w, down, across, out, in] -> [h, w, in, down, across, out]
        moved = np.moveaxis(chosen, 5, 2)
        return np.ascontiguousarray(moved).reshape(*moved.shape[:3], -1)


def lay_out(rows: Line, columns: Line, inputs: int, outputs: int) -> Layout:
    """Return the cheapest way to take a transposed convolution apart."""
    pairs = product(ways(rows), ways(columns))
    return min((Layout(*pair, inputs, outputs) for pair in pairs), key=lambda one: one.cost)


def taken_apart(
    plan: Layout,
    taps: Array,
    bias: Array | None = None,
    activation: Any = None,
    *,
    reshape: bool,
) -> list[Step]:
    """Return the steps: pad, convolve, depth to space, crop, as far as they are needed.

    Args:
        plan: for that kernel.
        taps: kernel [h, w, out, in] of the transposed convolution.
        bias: [out].
        activation: as a Keras layer has it.
        reshape: without DEPTH_TO_SPACE; unequal strides go without it in any case.
    """
    down, across = plan.factors
    is_early = getattr(activation, "__name__", "") in ELEMENTWISE
    conv = Conv(
        plan.kernel(taps),
        None if bias is None else np.tile(bias, down * across),
        "same" if plan.is_same else "valid",
        activation if is_early else None,
    )
    steps = [*_bordered(plan), conv, *_shuffle(down, across, reshape=reshape)]
    if not is_none(plan.crop):
        steps.append(Crop(plan.crop))
    if activation is not None and not is_early:
        steps.append(Activate(activation))
    return steps


def _bordered(plan: Layout) -> Iterator[Step]:
    """Yield what brings the input to the size that the convolution reads."""
    if plan.is_same:
        return
    unread = _only(plan.padding, -1)
    if not is_none(unread):
        yield Crop(unread, "unread")
    missing = _only(plan.padding, 1)
    if not is_none(missing):
        yield Pad(missing)


def _only(border: Border, sign: int) -> Border:
    (top, bottom), (left, right) = border
    return (
        (max(sign * top, 0), max(sign * bottom, 0)),
        (max(sign * left, 0), max(sign * right, 0)),
    )


def _shuffle(down: int, across: int, *, reshape: bool) -> Iterator[Step]:
    if down == across == 1:
        return
    if reshape or down != across:
        yield Reshuffle(down, across)
    else:
        yield DepthToSpace(down)


def _steps(site: Site, *, reshape: bool) -> list[Step]:
    taps = kernel_of(site)
    rows, columns = (_line(site, taps, axis) for axis in (0, 1))
    plan = lay_out(rows, columns, taps.shape[3], taps.shape[2])
    return taken_apart(plan, taps, bias_of(site), activation_of(site.layer), reshape=reshape)


def _line(site: Site, taps: Array, axis: int) -> Line:
    cells, output = site.input_shape[axis + 1], site.output_shape[axis + 1]
    stride, count = site.stride[axis], taps.shape[axis]
    used = np.flatnonzero(taps.any(axis=(1 - axis, 2, 3)))
    first, last = (int(used[0]), int(used[-1])) if len(used) else (0, count - 1)
    before = cut_off(cells, stride, count, output, site.layer.padding)
    return Line(cells, stride, count, before, output, first, last)


SUBPIXEL = stepped(
    "subpixel",
    "convolution, depth to space",
    fits,
    lambda site: _steps(site, reshape=False),
)
SUBPIXEL_RESHAPE = stepped(
    "subpixel-reshape",
    "convolution, then reshape, transpose, reshape",
    fits,
    lambda site: _steps(site, reshape=True),
)
