"""Steps that put a border around features or take one away."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from edgeseg.converters.delegates.op import Op

from .predicted import live, numbers, operator, version
from .step import Shape

Border = tuple[tuple[int, int], tuple[int, int]]
"""Rows above and below, columns left and right."""


def is_none(border: Border) -> bool:
    """Whether it is no border at all."""
    return not any(side for axis in border for side in axis)


@dataclass(frozen=True)
class Pad:
    """A border of zeros."""

    border: Border
    suffix: str = "pad"

    def shape(self, before: Shape) -> Shape:
        """See Step."""
        return _grown(before, self.border)

    def ops(self, before: Shape, dtype: str, layer: str) -> tuple[Op, ...]:
        """See Step."""
        paddings = numbers(np.array(((0, 0), *self.border, (0, 0))))
        inputs = (live(before, dtype), paddings)
        output = live(self.shape(before), dtype)
        return (operator("PAD", version(dtype), inputs, output, layer),)

    def build(self, x: Any, name: str) -> Any:
        """See Step."""
        import keras

        return keras.layers.ZeroPadding2D(self.border, name=name)(x)


@dataclass(frozen=True)
class Crop:
    """A border taken away."""

    border: Border
    suffix: str = "crop"

    def shape(self, before: Shape) -> Shape:
        """See Step."""
        (top, bottom), (left, right) = self.border
        return _grown(before, ((-top, -bottom), (-left, -right)))

    def ops(self, before: Shape, dtype: str, layer: str) -> tuple[Op, ...]:
        """See Step."""
        begin = (0, self.border[0][0], self.border[1][0], 0)
        end = (0, -self.border[0][1], -self.border[1][1], 0)
        inputs = (live(before, dtype), numbers(begin), numbers(end), numbers((1, 1, 1, 1)))
        masks = {"ellipsis_mask": 0, "new_axis_mask": 0, "shrink_axis_mask": 0}
        made = operator(
            "STRIDED_SLICE",
            version(dtype),
            inputs,
            live(self.shape(before), dtype),
            layer,
            begin_mask=_WHOLE,
            end_mask=sum(1 << axis for axis, last in enumerate(end) if last == 0),
            **masks,
        )
        return (made,)

    def build(self, x: Any, name: str) -> Any:
        """See Step."""
        import keras

        return keras.layers.Cropping2D(self.border, name=name)(x)


# Bits of STRIDED_SLICE's masks: batch and channels are taken whole.
_WHOLE = 0b1001


@dataclass(frozen=True)
class Edge:
    """A border of one row and column all around that repeats the outermost ones.

    By slices and concatenations, since few targets have MIRROR_PAD.
    """

    suffix: str = "edge"

    def shape(self, before: Shape) -> Shape:
        """See Step."""
        return _grown(before, ((1, 1), (1, 1)))

    def ops(self, before: Shape, dtype: str, layer: str) -> tuple[Op, ...]:
        """See Step."""
        ops: list[Op] = []
        for axis in (1, 2):
            ends = [op for end in _ends(before, axis) for op in end.ops(before, dtype, layer)]
            grown = _grown(before, ((1, 1), (0, 0)) if axis == 1 else ((0, 0), (1, 1)))
            joined = operator(
                "CONCATENATION",
                version(dtype),
                (ends[0].output, live(before, dtype), ends[1].output),
                live(grown, dtype),
                layer,
                axis=axis,
                activation="none",
            )
            ops += [*ends, joined]
            before = grown
        return tuple(ops)

    def build(self, x: Any, name: str) -> Any:
        """See Step."""
        import keras

        for axis in (1, 2):
            shape = tuple(x.shape)
            first, last = (
                end.build(x, f"{name}_{axis}_{place}")
                for place, end in enumerate(_ends(shape, axis))
            )
            x = keras.layers.Concatenate(axis, name=f"{name}_{axis}")([first, x, last])
        return x


def _ends(shape: Shape, axis: int) -> tuple[Crop, Crop]:
    """Return what leaves the first and what leaves the last row, or column, alone."""
    rest = shape[axis] - 1
    if axis == 1:
        return Crop(((0, rest), (0, 0))), Crop(((rest, 0), (0, 0)))
    return Crop(((0, 0), (0, rest))), Crop(((0, 0), (rest, 0)))


def _grown(shape: Shape, border: Border) -> Shape:
    batch, height, width, channels = shape
    return batch, height + sum(border[0]), width + sum(border[1]), channels
