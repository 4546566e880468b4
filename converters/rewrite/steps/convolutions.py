"""Steps with weights: convolutions of every kind."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import prod
from types import MappingProxyType
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from edgeseg.converters.delegates.op import Op, Tensor

from .elementwise import Activate, fused_name
from .predicted import bias, convolution, live, numbers, version, weights
from .step import Shape

Padding = Literal["same", "valid"]
Array = NDArray[np.float32]


@dataclass(frozen=True)
class Conv:
    """A convolution of stride 1.

    Attributes:
        kernel: [h, w, channels in, channels out].
        bias: [channels out], None without one.
        padding: as Keras means it.
        activation: as a Keras layer has it, None without one.
        depthwise: each channel by itself, the kernel [h, w, channels, outputs for each].
    """

    kernel: Array
    bias: Array | None = None
    padding: Padding = "valid"
    activation: Any = None
    depthwise: bool = False
    suffix: str = ""

    def shape(self, before: Shape) -> Shape:
        """See Step."""
        _, height, width, _ = before
        rows, columns = self.kernel.shape[:2]
        lost = (rows - 1, columns - 1) if self.padding == "valid" else (0, 0)
        return 1, height - lost[0], width - lost[1], self._channels

    def ops(self, before: Shape, dtype: str, layer: str) -> tuple[Op, ...]:
        """See Step."""
        after = self.shape(before)
        rows, columns, channels, multiplier = self.kernel.shape
        if self.depthwise:
            kernel = weights((1, rows, columns, self._channels), dtype, axis=3)
            name, options = "DEPTHWISE_CONV_2D", {"depth_multiplier": multiplier}
        else:
            kernel = weights((self._channels, rows, columns, channels), dtype)
            name, options = "CONV_2D", {}
        made = convolution(
            name,
            (live(before, dtype), kernel, bias(self._channels, dtype)),
            live(after, dtype),
            layer,
            version(dtype, 1, 3),
            padding=self.padding,
            activation=fused_name(self.activation),
            **options,
        )
        return (made, *_unfused(self.activation, after, dtype, layer))

    def build(self, x: Any, name: str) -> Any:
        """See Step."""
        import keras

        options = {
            "kernel_size": self.kernel.shape[:2],
            "padding": self.padding,
            "use_bias": self.bias is not None,
            "activation": self.activation,
            "name": name,
        }
        if self.depthwise:
            layer = keras.layers.DepthwiseConv2D(depth_multiplier=self.kernel.shape[3], **options)
        else:
            layer = keras.layers.Conv2D(self._channels, **options)
        y = layer(x)
        layer.set_weights([self.kernel, *([] if self.bias is None else [self.bias])])
        return y

    @property
    def _channels(self) -> int:
        return prod(self.kernel.shape[2:]) if self.depthwise else self.kernel.shape[3]


@dataclass(frozen=True)
class Transposed:
    """A transposed convolution, 'same' or 'valid'.

    Attributes:
        kernel: [h, w, channels out, channels in], as Keras has it.
        stride: down and across.
        output: height and width.
        padding: as Keras means it.
    """

    kernel: Array
    stride: tuple[int, int]
    output: tuple[int, int]
    padding: Padding
    suffix: str = ""

    def shape(self, before: Shape) -> Shape:  # noqa: ARG002 - its output size is given
        """See Step."""
        return 1, *self.output, self.kernel.shape[2]

    def ops(self, before: Shape, dtype: str, layer: str) -> tuple[Op, ...]:
        """See Step."""
        after = self.shape(before)
        return tuple(
            transposed_ops(
                before, after, self.kernel.shape, self.stride, self.padding, dtype, layer
            )
        )

    def build(self, x: Any, name: str) -> Any:
        """See Step."""
        import keras

        layer = keras.layers.Conv2DTranspose(
            self.kernel.shape[2],
            self.kernel.shape[:2],
            strides=self.stride,
            padding=self.padding,
            use_bias=False,
            name=name,
        )
        y = layer(x)
        layer.set_weights([self.kernel])
        return y


def transposed_ops(
    before: Shape,
    after: Shape,
    kernel: tuple[int, ...],
    stride: tuple[int, int],
    padding: str,
    dtype: str,
    layer: str,
    activation: Any = None,
    has_bias: bool = False,
) -> Iterator[Op]:
    """Yield the operators of a transposed convolution.

    The converter drops a bias of zeros, and fuses a ReLU only where there is a bias.

    Args:
        before: shape of the input.
        after: shape of the output.
        kernel: [h, w, channels out, channels in].
        stride: down and across.
        padding: `same` or `valid`.
        dtype: of the activations.
        layer: its name.
        activation: as a Keras layer has it.
        has_bias: whether some bias is not zero.
    """
    rows, columns, channels, taken = kernel
    inputs: tuple[Tensor, ...] = (
        numbers(after),
        weights((channels, rows, columns, taken), dtype),
        live(before, dtype),
    )
    fused = fused_name(activation) if has_bias else "none"
    options = {
        "padding": padding,
        "stride_w": stride[1],
        "stride_h": stride[0],
        "activation": fused,
    }
    yield Op(
        "TRANSPOSE_CONV",
        _transposed_version(dtype, fused, has_bias),
        (*inputs, bias(channels, dtype)) if has_bias else inputs,
        (live(after, dtype),),
        MappingProxyType(options),
        layer,
        macs=prod(before) * channels * rows * columns,
    )
    if activation is not None and fused == "none":
        yield from Activate(activation).ops(after, dtype, layer)


def _transposed_version(dtype: str, fused: str, has_bias: bool) -> int:
    if has_bias:
        return 3 if fused == "none" else 4
    return {"int8": 2, "int16": 3}.get(dtype, 1)


def _unfused(activation: Any, shape: Shape, dtype: str, layer: str) -> tuple[Op, ...]:
    if activation is None or fused_name(activation) != "none":
        return ()
    return Activate(activation).ops(shape, dtype, layer)
