"""Single operators as .tflite files, to ask tables and real compilers the same question."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from edgeseg.converters.flatbuffer import pack, schema

FLOAT, INT8, UINT8, INT16, INT32 = "float32", "int8", "uint8", "int16", "int32"
SCALES = {INT8: 0.05, UINT8: 0.05, INT16: 0.001}


@dataclass(frozen=True)
class Array:
    """A tensor; with `values` a constant, without an input or output."""

    shape: tuple[int, ...]
    dtype: str
    values: Any = None
    scales: tuple[float, ...] = ()
    axis: int = 0
    zero: int = 0


@dataclass(frozen=True)
class Case:
    """One operator; None stands for an input left out."""

    name: str
    op: str
    inputs: tuple[Array | None, ...]
    output: Array
    version: int = 1
    options: dict[str, Any] = field(default_factory=dict)
    needs_shape: bool = False  # its output's shape is known only at the run


def build(cases: Iterable[Case]) -> bytes:
    """Return a file of independent operators; an operator's output tensor has its case's name."""
    made = schema()
    model, graph = made.ModelT(), made.SubGraphT()
    model.version, model.description = 3, "cases"
    model.buffers, model.operatorCodes = [made.BufferT()], []
    graph.name, graph.tensors, graph.operators = "main", [], []
    graph.inputs, graph.outputs = [], []
    for case in cases:
        _add(made, model, graph, case)
    model.subgraphs = [graph]
    return pack(model)


def _add(made: Any, model: Any, graph: Any, case: Case) -> None:
    code = made.OperatorCodeT()
    code.builtinCode = getattr(made.BuiltinOperator, case.op)
    code.deprecatedBuiltinCode, code.version = min(code.builtinCode, 127), case.version
    model.operatorCodes.append(code)
    operator = made.OperatorT()
    operator.opcodeIndex = len(model.operatorCodes) - 1
    operator.inputs = np.array(
        [_tensor(made, model, graph, case, array, n) for n, array in enumerate(case.inputs)],
        np.int32,
    )
    operator.outputs = np.array([_tensor(made, model, graph, case, case.output, -1)], np.int32)
    name = _OPTIONS.get(case.op, "")
    if name:
        options = getattr(made, f"{name}T")()
        for key, value in case.options.items():
            assert hasattr(options, key), key
            setattr(options, key, value)
        operator.builtinOptionsType = getattr(made.BuiltinOptions, name)
        operator.builtinOptions = options
    graph.operators.append(operator)
    graph.outputs.append(int(operator.outputs[0]))


def _tensor(made: Any, model: Any, graph: Any, case: Case, array: Array | None, n: int) -> int:
    if array is None:
        return -1
    tensor = made.TensorT()
    tensor.name = case.name if n < 0 else f"{case.name}:{n}"
    tensor.shape = np.array(array.shape, np.int32)
    tensor.type = getattr(made.TensorType, array.dtype.upper())
    tensor.buffer = 0
    scales = array.scales or ((SCALES[array.dtype],) if array.dtype in SCALES else ())
    if scales:
        tensor.quantization = made.QuantizationParametersT()
        tensor.quantization.scale = np.array(scales, np.float32)
        tensor.quantization.zeroPoint = np.full(len(scales), array.zero, np.int64)
        tensor.quantization.quantizedDimension = array.axis
    if array.values is not None:
        buffer = made.BufferT()
        values = np.broadcast_to(np.asarray(array.values, array.dtype), array.shape)
        buffer.data = np.frombuffer(values.tobytes(), np.uint8)
        model.buffers.append(buffer)
        tensor.buffer = len(model.buffers) - 1
    graph.tensors.append(tensor)
    if n >= 0 and array.values is None:
        graph.inputs.append(len(graph.tensors) - 1)
    return len(graph.tensors) - 1


_OPTIONS = {
    "CONV_2D": "Conv2DOptions",
    "DEPTHWISE_CONV_2D": "DepthwiseConv2DOptions",
    "TRANSPOSE_CONV": "TransposeConvOptions",
    "FULLY_CONNECTED": "FullyConnectedOptions",
    "RESIZE_BILINEAR": "ResizeBilinearOptions",
    "RESIZE_NEAREST_NEIGHBOR": "ResizeNearestNeighborOptions",
    "DEPTH_TO_SPACE": "DepthToSpaceOptions",
    "SPACE_TO_DEPTH": "SpaceToDepthOptions",
    "SOFTMAX": "SoftmaxOptions",
    "ARG_MAX": "ArgMaxOptions",
    "ADD": "AddOptions",
    "SUB": "SubOptions",
    "MUL": "MulOptions",
    "DIV": "DivOptions",
    "CONCATENATION": "ConcatenationOptions",
    "PAD": "PadOptions",
    "PADV2": "PadV2Options",
    "MIRROR_PAD": "MirrorPadOptions",
    "STRIDED_SLICE": "StridedSliceOptions",
    "SLICE": "SliceOptions",
    "RESHAPE": "ReshapeOptions",
    "TRANSPOSE": "TransposeOptions",
    "TILE": "TileOptions",
    "MEAN": "ReducerOptions",
    "AVERAGE_POOL_2D": "Pool2DOptions",
    "MAX_POOL_2D": "Pool2DOptions",
    "CAST": "CastOptions",
    "SHAPE": "ShapeOptions",
    "PACK": "PackOptions",
    "LEAKY_RELU": "LeakyReluOptions",
    "QUANTIZE": "QuantizeOptions",
    "DEQUANTIZE": "DequantizeOptions",
    "HARD_SWISH": "HardSwishOptions",
}

PADDING = {"same": 0, "valid": 1}
ACTIVATION = {"none": 0, "relu": 1, "relu6": 3, "tanh": 4}
VERSIONS = {FLOAT: 1, INT8: 2, UINT8: 1, INT16: 3}


def constant(*values: Any, shape: tuple[int, ...] | None = None) -> Array:
    """Return an int32 constant, such as a size or an axis."""
    made = np.asarray(values, np.int32).reshape(shape or (len(values),))
    return Array(made.shape, INT32, made)


def weights(shape: tuple[int, ...], dtype: str, axis: int = 0) -> Array:
    """Return a kernel; in int8 with a scale a channel."""
    if dtype == FLOAT:
        return Array(shape, FLOAT, 0.01)
    kind = UINT8 if dtype == UINT8 else INT8
    count = 1 if kind == UINT8 else shape[axis]
    return Array(shape, kind, 1, (0.01,) * count, axis if count > 1 else 0)


def bias(count: int, dtype: str, scales: int = 1) -> Array:
    """Return a bias."""
    kind = {FLOAT: FLOAT, INT16: "int64"}.get(dtype, INT32)
    if dtype == FLOAT:
        return Array((count,), kind, 0)
    scale = SCALES[dtype] * 0.01
    return Array((count,), kind, 0, (scale,) * (1 if dtype == UINT8 else scales))
