"""Depth to space: channels laid out as pixels, as one operator or as three that all targets have.

Channel (r * across + c) * channels + k of a cell becomes channel k of its pixel (r, c), as in
TensorFlow's tf.nn.depth_to_space. With a batch of one, whose dimension can be dropped, reshape,
transpose and reshape do the same in four dimensions.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from edgeseg.converters.delegates.op import Op

from .predicted import live, numbers, operator, version
from .step import Shape


@dataclass(frozen=True)
class DepthToSpace:
    """By DEPTH_TO_SPACE; one block size for both sides."""

    block: int
    suffix: str = "shuffle"

    def shape(self, before: Shape) -> Shape:
        """See Step."""
        return _enlarged(before, self.block, self.block)

    def ops(self, before: Shape, dtype: str, layer: str) -> tuple[Op, ...]:
        """See Step."""
        output = live(self.shape(before), dtype)
        inputs = (live(before, dtype),)
        number = version(dtype)
        return (operator("DEPTH_TO_SPACE", number, inputs, output, layer, block_size=self.block),)

    def build(self, x: Any, name: str) -> Any:
        """See Step."""
        import keras
        import tensorflow as tf

        return keras.layers.Lambda(lambda t: tf.nn.depth_to_space(t, self.block), name=name)(x)


@dataclass(frozen=True)
class Reshuffle:
    """By reshape, transpose and reshape; without a factor down by one reshape alone."""

    down: int
    across: int
    suffix: str = "shuffle"

    def shape(self, before: Shape) -> Shape:
        """See Step."""
        return _enlarged(before, self.down, self.across)

    def ops(self, before: Shape, dtype: str, layer: str) -> tuple[Op, ...]:
        """See Step."""
        after = self.shape(before)
        if self.down == 1:
            return (_reshape(before, after, dtype, layer),)
        cells = self._cells(before)
        rows = (cells[0], cells[2], cells[1], cells[3])
        turned = operator(
            "TRANSPOSE",
            version(dtype),
            (live(cells, dtype), numbers(_ORDER)),
            live(rows, dtype),
            layer,
        )
        return (
            _reshape(before, cells, dtype, layer),
            turned,
            _reshape(rows, after, dtype, layer),
        )

    def build(self, x: Any, name: str) -> Any:
        """See Step."""
        import keras
        import tensorflow as tf

        before = tuple(x.shape)
        after = self.shape(before)

        def shuffle(t: Any) -> Any:
            if self.down > 1:
                t = tf.transpose(tf.reshape(t, self._cells(before)), _ORDER)
            return tf.reshape(t, after)

        return keras.layers.Lambda(shuffle, name=name)(x)

    def _cells(self, before: Shape) -> Shape:
        _, height, width, channels = before
        return height, width, self.down, channels // self.down


_ORDER = (0, 2, 1, 3)


def _reshape(before: Shape, after: Shape, dtype: str, layer: str) -> Op:
    return operator("RESHAPE", 1, (live(before, dtype), numbers(after)), live(after, dtype), layer)


def _enlarged(shape: Shape, down: int, across: int) -> Shape:
    _, height, width, channels = shape
    return 1, height * down, width * across, channels // (down * across)
