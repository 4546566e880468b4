"""The tensors and operators of a .tflite file before there is one."""

from __future__ import annotations

from math import prod
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgeseg.converters.delegates.op import Op, Tensor

_BIASES = {"int8": "int32", "int16": "int64"}


def is_integer(dtype: str) -> bool:
    """Whether activations of the type are quantized."""
    return not dtype.startswith("float")


def version(dtype: str, floats: int = 1, integers: int = 2) -> int:
    """Return the version of an operator that has one for float and one for integer types."""
    return integers if is_integer(dtype) else floats


def live(shape: tuple[int, ...], dtype: str) -> Tensor:
    """Return an activation tensor."""
    return Tensor(shape, dtype, scales=int(is_integer(dtype)))


def constant(shape: tuple[int, ...], dtype: str) -> Tensor:
    """Return a constant that is quantized like an activation."""
    return Tensor(shape, dtype, is_constant=True, scales=int(is_integer(dtype)))


def numbers(values: NDArray[np.int64] | tuple[int, ...]) -> Tensor:
    """Return an int32 constant, such as a size or a padding."""
    array = np.asarray(values)
    flat = tuple(int(value) for value in array.ravel())
    return Tensor(array.shape, "int32", is_constant=True, values=flat)


def weights(shape: tuple[int, ...], dtype: str, axis: int = 0) -> Tensor:
    """Return the weights of a convolution; quantized ones have a scale for each index of `axis`."""
    if not is_integer(dtype):
        return Tensor(shape, "float32", is_constant=True)
    return Tensor(shape, "int8", is_constant=True, scales=shape[axis], axis=axis)


def bias(channels: int, dtype: str) -> Tensor:
    """Return the bias of a convolution."""
    if not is_integer(dtype):
        return Tensor((channels,), "float32", is_constant=True)
    return Tensor((channels,), _BIASES[dtype], is_constant=True, scales=channels)


def convolution(
    name: str, inputs: tuple[Tensor, ...], output: Tensor, layer: str, number: int, **options: Any
) -> Op:
    """Return CONV_2D or DEPTHWISE_CONV_2D; inputs are features, weights and bias."""
    kernel = inputs[1].shape
    taps = prod(kernel[1:3]) if name == "DEPTHWISE_CONV_2D" else prod(kernel[1:])
    fixed = {"stride_w": 1, "stride_h": 1, "dilation_w": 1, "dilation_h": 1}
    return Op(
        name,
        number,
        inputs,
        (output,),
        MappingProxyType({**fixed, **options}),
        layer,
        macs=output.elements * taps,
    )


def operator(
    name: str,
    number: int,
    inputs: tuple[Tensor, ...],
    output: Tensor,
    layer: str,
    **options: Any,
) -> Op:
    """Return an operator that multiplies and accumulates nothing."""
    return Op(name, number, inputs, (output,), MappingProxyType(options), layer)
