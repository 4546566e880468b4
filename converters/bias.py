"""Bias correction: take out of every int8 layer the mean error that quantization put into it.

Rounding weights and activations shifts the mean of a layer's output, channel by channel; in
MobileNet encoders the shifts add up until whole classes lose pixels. Each shift is a constant, so
the layer's own bias can absorb it: Nagel, van Baalen, Blankevoort and Welling, "Data-free
quantization through weight equalization and bias correction", ICCV 2019, section 4.2, in the
empirical form (their appendix D), with the mean taken over calibration frames. Layers are corrected
in the order in which they run, since a correction changes what the later ones see.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgeseg.metrics import agreement

from .flatbuffer import operator_names, schema
from .tensors import Frames, PlainNetwork

# Where an operator has its bias; a transposed convolution's first input is its output shape.
_BIAS_INPUT = {"CONV_2D": 2, "DEPTHWISE_CONV_2D": 2, "FULLY_CONNECTED": 2, "TRANSPOSE_CONV": 3}


@dataclass(frozen=True)
class BiasCorrection:
    """A corrected file and what the correction did on the calibration frames.

    Attributes:
        tflite: the file; the one that came in where correction does not help.
        before, after: share of cells whose class agrees with the float network.
    """

    tflite: bytes
    before: float
    after: float


def correct_biases(tflite: bytes, float_tflite: bytes, frames: Frames) -> BiasCorrection | None:
    """Correct the biases of an int8 file against the float32 file of the same network.

    Args:
        tflite: int8 file; its input and output tensors may be int8, uint8 or float32.
        float_tflite: float32 file of the same layers.
        frames: calibration tensors, float32 [1, h, w, 3].

    Returns:
        The corrected file, or None where the two files do not have the same layers in the same
        order.
    """
    layers = _layers(tflite)
    twins = [layer.output for layer in _layers(float_tflite)]
    exact = PlainNetwork(float_tflite)
    if len(layers) != len(twins):
        return None
    classes = [exact.classes(frame) for frame in frames]
    expected = _means(exact, frames, twins)
    data = bytearray(tflite)
    for layer, mean in zip(layers, expected, strict=True):
        if layer.bias is None:
            continue
        (found,) = _means(PlainNetwork(bytes(data)), frames, [layer.output])
        if found.shape != mean.shape or found.shape != layer.scales.shape:
            return None
        _shift(data, layer, mean - found)
    before = _agreement(PlainNetwork(tflite), frames, classes)
    after = _agreement(PlainNetwork(bytes(data)), frames, classes)
    return BiasCorrection(bytes(data) if after > before else tflite, before, after)


@dataclass(frozen=True)
class _Layer:
    """A layer with weights.

    Attributes:
        output: index of its output tensor.
        bias: index of the buffer of its int32 bias; None without one, or with one it shares.
        scales: of the bias, one per channel.
    """

    output: int
    bias: int | None
    scales: NDArray[np.float64]


def _layers(tflite: bytes) -> list[_Layer]:
    model = schema().Model.GetRootAs(tflite, 0)
    graph = model.Subgraphs(0)
    users = np.bincount([graph.Tensors(i).Buffer() for i in range(graph.TensorsLength())])
    return [
        _layer(graph, graph.Operators(index), _BIAS_INPUT[name], users)
        for index, name in enumerate(operator_names(tflite))
        if name in _BIAS_INPUT
    ]


def _layer(graph: Any, operator: Any, position: int, users: NDArray[np.intp]) -> _Layer:
    output = operator.Outputs(0)
    bias = operator.Inputs(position) if operator.InputsLength() > position else -1
    tensor = graph.Tensors(bias) if bias >= 0 else None
    if tensor is None or tensor.Type() != schema().TensorType.INT32:
        return _Layer(output, None, np.zeros(0))
    buffer = tensor.Buffer()
    scales = np.array(tensor.Quantization().ScaleAsNumpy(), np.float64)
    length = tensor.Shape(0)
    return _Layer(
        output,
        buffer if users[buffer] == 1 else None,
        np.broadcast_to(scales, (length,)),
    )


def _shift(data: bytearray, layer: _Layer, by: NDArray[np.float64]) -> None:
    """Add `by`, in real units, to a layer's bias in the file itself."""
    buffer = schema().Model.GetRootAs(data, 0).Buffers(layer.bias)
    bias = buffer.DataAsNumpy().view(np.int32)  # writes through to `data`
    steps = np.rint(by / layer.scales)
    bias[:] = np.clip(bias + steps, -(2**31) + 1, 2**31 - 1).astype(np.int32)


def _means(
    network: PlainNetwork, frames: Frames, tensors: Sequence[int]
) -> list[NDArray[np.float64]]:
    """Return the mean of each tensor's channels over all frames and pixels."""
    sums = [
        [network.value(tensor).mean(axis=(0, 1, 2)) for tensor in tensors]
        for _ in _each(network, frames)
    ]
    return [np.mean(column, axis=0) for column in zip(*sums, strict=True)]


def _each(network: PlainNetwork, frames: Frames) -> Iterator[None]:
    for frame in frames:
        network.run(frame)
        yield


def _agreement(
    network: PlainNetwork,
    frames: Frames,
    expected: Sequence[NDArray[Any]],
) -> float:
    shares = [
        agreement(classes, network.classes(frame))
        for frame, classes in zip(frames, expected, strict=True)
    ]
    return float(np.mean(shares))
