"""The operators of a .tflite file with all that a delegate asks of them, read without a runtime."""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from math import prod
from types import MappingProxyType
from typing import Any

from edgeseg.complexity import complexity
from edgeseg.flatbuffer import Table, check_model, model_table
from edgeseg.tflite_operators import operator_name

# TensorType of schema.fbs, in its order.
_TYPE_NAMES = """
float32 float16 int32 uint8 int64 string bool int16 complex64 int8 float64 complex128 uint64
resource variant uint32 uint16 int4 bfloat16 int2 uint4
"""
_TYPES = _TYPE_NAMES.split()

# Fields of each operator's options: name, field number, struct letter, default.
_CONV = (("stride_w", 1, "i", 0), ("stride_h", 2, "i", 0))
_OPTIONS: Mapping[str, tuple[tuple[str, int, str, int], ...]] = {
    "CONV_2D": (
        ("padding", 0, "b", 0),
        *_CONV,
        ("activation", 3, "b", 0),
        ("dilation_w", 4, "i", 1),
        ("dilation_h", 5, "i", 1),
    ),
    "DEPTHWISE_CONV_2D": (
        ("padding", 0, "b", 0),
        *_CONV,
        ("depth_multiplier", 3, "i", 0),
        ("activation", 4, "b", 0),
        ("dilation_w", 5, "i", 1),
        ("dilation_h", 6, "i", 1),
    ),
    "TRANSPOSE_CONV": (("padding", 0, "b", 0), *_CONV, ("activation", 3, "b", 0)),
    "AVERAGE_POOL_2D": (
        ("padding", 0, "b", 0),
        *_CONV,
        ("filter_w", 3, "i", 0),
        ("filter_h", 4, "i", 0),
        ("activation", 5, "b", 0),
    ),
    "MAX_POOL_2D": (
        ("padding", 0, "b", 0),
        *_CONV,
        ("filter_w", 3, "i", 0),
        ("filter_h", 4, "i", 0),
        ("activation", 5, "b", 0),
    ),
    "RESIZE_BILINEAR": (("align_corners", 2, "B", 0), ("half_pixel_centers", 3, "B", 0)),
    "RESIZE_NEAREST_NEIGHBOR": (("align_corners", 0, "B", 0), ("half_pixel_centers", 1, "B", 0)),
    "DEPTH_TO_SPACE": (("block_size", 0, "i", 0),),
    "SPACE_TO_DEPTH": (("block_size", 0, "i", 0),),
    "SOFTMAX": (("beta", 0, "f", 0),),
    "CONCATENATION": (("axis", 0, "i", 0), ("activation", 1, "b", 0)),
    "ADD": (("activation", 0, "b", 0),),
    "SUB": (("activation", 0, "b", 0),),
    "MUL": (("activation", 0, "b", 0),),
    "DIV": (("activation", 0, "b", 0),),
    "FULLY_CONNECTED": (("activation", 0, "b", 0),),
    "MEAN": (("keep_dims", 0, "B", 0),),
    "MIRROR_PAD": (("mode", 0, "b", 0),),  # 0 REFLECT, 1 SYMMETRIC
    "STRIDED_SLICE": (
        ("begin_mask", 0, "i", 0),
        ("end_mask", 1, "i", 0),
        ("ellipsis_mask", 2, "i", 0),
        ("new_axis_mask", 3, "i", 0),
        ("shrink_axis_mask", 4, "i", 0),
    ),
}
_PADDINGS = {0: "same", 1: "valid"}
_ACTIVATIONS = {0: "none", 1: "relu", 2: "relu_n1_to_1", 3: "relu6", 4: "tanh", 5: "sign_bit"}

_FEW = 64  # constants up to this many elements are read

# Field numbers of schema.fbs.
_MODEL_CODES, _MODEL_GRAPHS, _MODEL_BUFFERS = 1, 2, 4
_GRAPH_TENSORS, _GRAPH_OPERATORS = 0, 3


@dataclass(frozen=True)
class Tensor:
    """A tensor of the graph.

    Attributes:
        shape: a side that is not known before the run is -1.
        dtype: as in "int8".
        is_constant: its values are in the file.
        scales: how many scales it is quantized with; 0 where it is not.
        axis: the dimension that they belong to, where there are several.
        values: of a small integer constant, such as a size or a padding; otherwise empty.
        name: as the file has it.
    """

    shape: tuple[int, ...]
    dtype: str
    is_constant: bool = False
    scales: int = 0
    axis: int = 0
    values: tuple[int, ...] = ()
    name: str = ""

    @property
    def elements(self) -> int:
        """How many numbers it holds."""
        return prod(self.shape)


@dataclass(frozen=True)
class Op:
    """An operator of the graph.

    Attributes:
        name: as in "CONV_2D"; "CUSTOM x" for one that TFLite does not bring.
        version: of the operator, which a delegate reads before all else.
        inputs: None stands for one left out.
        outputs: at least one.
        options: padding ("same" or "valid"), stride_h, stride_w, activation, half_pixel_centers and
            so on, as the schema names them.
        layer: the Keras layer that it comes from, as far as the file keeps it.
        macs: multiply-accumulates.
        index: its place in the order of execution.
    """

    name: str
    version: int
    inputs: tuple[Tensor | None, ...]
    outputs: tuple[Tensor, ...]
    options: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))
    layer: str = ""
    macs: int = 0
    index: int = 0

    @property
    def input(self) -> Tensor | None:
        """The input that carries the activations: the first that is no constant."""
        if self.name == "TRANSPOSE_CONV" and len(self.inputs) > 2:
            return self.inputs[2]  # before it stands the output's shape, which may be open
        live = [tensor for tensor in self.inputs if tensor is not None and not tensor.is_constant]
        return live[0] if live else None

    @property
    def output(self) -> Tensor:
        """The first output."""
        return self.outputs[0]

    def option(self, name: str, default: Any = None) -> Any:
        """Return one of the options."""
        return self.options.get(name, default)


def read_ops(model: bytes) -> tuple[Op, ...]:
    """Return the operators of a file's first graph, in order of execution.

    Raises:
        ModelError: the file is damaged, or no .tflite file.
    """
    check_model(model)
    root = model_table(model)
    graph = next(root.tables(_MODEL_GRAPHS), None)
    if graph is None:
        return ()
    codes = [_code(code) for code in root.tables(_MODEL_CODES)]
    buffers = list(root.tables(_MODEL_BUFFERS))
    tensors = [_tensor(tensor, buffers) for tensor in graph.tables(_GRAPH_TENSORS)]
    costs = complexity(model).operators
    return tuple(
        _op(index, table, codes, tensors, costs[index].name, costs[index].macs)
        for index, table in enumerate(graph.tables(_GRAPH_OPERATORS))
    )


def _op(
    index: int,
    table: Table,
    codes: list[tuple[str, int]],
    tensors: list[Tensor],
    layer: str,
    macs: int,
) -> Op:
    name, version = codes[table.number(0, "I")]
    inputs = (int(number) for number in table.numbers(1, "i"))
    outputs = (int(number) for number in table.numbers(2, "i"))
    return Op(
        name=name,
        version=version,
        inputs=tuple(None if number < 0 else tensors[number] for number in inputs),
        outputs=tuple(tensors[number] for number in outputs if number >= 0),
        options=MappingProxyType(dict(_options(name, table.table(4)))),
        layer=layer,
        macs=macs,
        index=index,
    )


def _code(code: Table) -> tuple[str, int]:
    """Return an operator's name and version; old files have the code in a byte of its own."""
    number = max(code.number(3, "i"), code.number(0, "b"))
    custom = code.text(1)
    return (f"CUSTOM {custom}" if custom else operator_name(number)), code.number(2, "i", 1)


def _options(name: str, table: Table | None) -> Iterator[tuple[str, Any]]:
    for option, number, letter, default in _OPTIONS.get(name, ()):
        value: Any = default if table is None else table.number(number, letter, default)
        if option == "padding":
            value = _PADDINGS.get(value, value)
        elif option == "activation":
            value = _ACTIVATIONS.get(value, value)
        elif letter == "B":
            value = bool(value)
        yield option, value


def _tensor(table: Table, buffers: list[Table]) -> Tensor:
    shape = table.numbers(7, "i") or table.numbers(0, "i")
    number = table.number(1, "b")
    dtype = _TYPES[number] if 0 <= number < len(_TYPES) else f"type {number}"
    buffer = table.number(2, "I")
    content = buffers[buffer].content(0) if buffer < len(buffers) else None
    quantization = table.table(4)
    sides = tuple(int(side) for side in shape)
    return Tensor(
        shape=sides,
        dtype=dtype,
        is_constant=bool(content),
        scales=0 if quantization is None else quantization.count(2),
        axis=0 if quantization is None else quantization.number(6, "i"),
        values=()
        if quantization is not None and quantization.count(2)
        else _values(dtype, content),
        name=table.text(3),
    )


def _values(dtype: str, content: bytes | None) -> tuple[int, ...]:
    letter, width = {"int32": ("i", 4), "int64": ("q", 8)}.get(dtype, ("", 1))
    if not content or not letter or len(content) > _FEW * width:
        return ()
    return struct.unpack(f"<{len(content) // width}{letter}", content)
