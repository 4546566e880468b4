"""Parameters and multiply-accumulates (MACs) of a .tflite file, read without any runtime.

MACs of an operator, with o and i the numbers of elements of its output and input, and k_h, k_w,
c_in, c_out as its weights have them (so that groups are counted right):

    CONV_2D            o * k_h * k_w * c_in
    DEPTHWISE_CONV_2D  o * k_h * k_w
    TRANSPOSE_CONV     i * k_h * k_w * c_out    (what a crop takes off at the border is counted)
    FULLY_CONNECTED    o * c_in
    BATCH_MATMUL       o * the side that is summed over

All others count 0: ADD, MUL, RESIZE_BILINEAR, pooling and the like do some operations for each
element of their output, which is nothing beside a convolution's hundreds. Parameters are the
elements of the constant weights and biases of these operators, and of constants of more than one
element that others add, subtract, multiply, divide or use as slopes. Batch normalization counts as
the file has it, folded into convolutions. So a network's float and integer files count alike.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from math import prod
from pathlib import Path

from edgeseg.errors import ModelError
from edgeseg.flatbuffer import Table, check_model, model_table, read_model
from edgeseg.tflite_operators import operator_name

# Field numbers of schema.fbs.
_MODEL_CODES, _MODEL_GRAPHS, _MODEL_BUFFERS = 1, 2, 4
_CODE_OLD, _CODE_CUSTOM, _CODE = 0, 1, 3
_GRAPH_TENSORS, _GRAPH_INPUTS, _GRAPH_OPERATORS = 0, 1, 3
_TENSOR_SHAPE, _TENSOR_BUFFER, _TENSOR_NAME, _TENSOR_SIGNATURE = 0, 2, 3, 7
_OPERATOR_CODE, _OPERATOR_INPUTS, _OPERATOR_OUTPUTS, _OPERATOR_OPTIONS = 0, 1, 2, 4
_BUFFER_DATA = 0

# Where an operator has its input, its weights and its bias, and how many axes the weights have.
_WEIGHTED = {
    "CONV_2D": (0, 1, 2, 4),
    "DEPTHWISE_CONV_2D": (0, 1, 2, 4),
    "TRANSPOSE_CONV": (2, 1, 3, 4),
    "FULLY_CONNECTED": (0, 1, 2, 2),
}
_WITH_CONSTANTS = ("ADD", "SUB", "MUL", "DIV", "PRELU")
# They store weights in another form; the float16 file of a network has its weights behind them.
_STORAGE = ("DEQUANTIZE", "QUANTIZE", "DENSIFY")

_NO_LAYER = re.compile(r"(functional|model|sequential)[_\d]*|batchnorm|resize")

_MAX_AXES = 8
_MAX_FIGURE = 10**18
_DAMAGED = "the model file is damaged; copy or convert it again"


@dataclass(frozen=True)
class OperatorCost:
    """What one operator costs.

    Attributes:
        name: of the layer, as far as the file keeps it.
        op: as in "CONV_2D".
        macs: multiply-accumulates.
        parameters: weights and biases.
        shape: of its first output.
    """

    name: str
    op: str
    macs: int
    parameters: int
    shape: tuple[int, ...]


@dataclass(frozen=True)
class Complexity:
    """What a network costs.

    Attributes:
        operators: in the order in which they run.
        input_shape: of the first input, [1, h, w, 3]; `macs` are those at this size.
        is_open: the file leaves its input size open: its MACs mean nothing.
    """

    operators: tuple[OperatorCost, ...]
    input_shape: tuple[int, ...]
    is_open: bool = False

    @property
    def parameters(self) -> int:
        """Weights and biases; those that two operators share count for both."""
        return sum(operator.parameters for operator in self.operators)

    @property
    def macs(self) -> int:
        """Multiply-accumulates of one frame."""
        return sum(operator.macs for operator in self.operators)


def complexity(model: bytes | Path) -> Complexity:
    """Return what the network of a .tflite file costs.

    Raises:
        ModelError: it cannot be read, or its figures are beyond reason.
    """
    data = read_model(model) if isinstance(model, Path) else model
    check_model(data)
    root = model_table(data)
    codes = _Codes(root)
    buffers = list(root.tables(_MODEL_BUFFERS))
    graphs = [_Graph(graph, codes, buffers) for graph in root.tables(_MODEL_GRAPHS)]
    if not graphs:
        raise ModelError(_DAMAGED)
    found = Complexity(
        tuple(cost for graph in graphs for cost in graph.costs()),
        graphs[0].input_shape(),
        graphs[0].is_open(),
    )
    if found.macs > _MAX_FIGURE or found.parameters > _MAX_FIGURE:
        raise ModelError(f"the model file asks for more than {_MAX_FIGURE:.0e} MACs; {_DAMAGED}")
    return found


@dataclass(frozen=True)
class _Operator:
    """An operator's name, its tensors by number (-1 is one left out), and its options."""

    name: str
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    options: Table | None


class _Codes:
    """The operators' names, read when asked for: a small file can list very many."""

    def __init__(self, model: Table) -> None:
        self._codes = list(model.tables(_MODEL_CODES))
        self._names: dict[int, str] = {}

    def name(self, index: int) -> str:
        if index not in self._names:
            self._names[index] = _code_name(self._codes[index])
        return self._names[index]


class _Graph:
    """One graph of a checked file."""

    def __init__(self, graph: Table, codes: _Codes, buffers: list[Table]) -> None:
        self._codes = codes
        self._buffers = buffers
        self._tensors = list(graph.tables(_GRAPH_TENSORS))
        self._inputs = tuple(int(index) for index in graph.numbers(_GRAPH_INPUTS, "i"))
        self._operators = [self._read(operator) for operator in graph.tables(_GRAPH_OPERATORS)]
        self._stored = {
            operator.outputs[0]: operator.inputs[0]
            for operator in self._operators
            if operator.name in _STORAGE and operator.inputs and operator.outputs
        }

    def costs(self) -> Iterator[OperatorCost]:
        for operator in self._operators:
            output = operator.outputs[0] if operator.outputs else -1
            tensor = self._tensors[output].text(_TENSOR_NAME) if output >= 0 else ""
            yield OperatorCost(
                layer_name(tensor) or f"output {operator.name}",
                operator.name,
                self._macs(operator),
                self._own(operator),
                self._shape(output),
            )

    def input_shape(self) -> tuple[int, ...]:
        return self._shape(self._inputs[0]) if self._inputs else ()

    def is_open(self) -> bool:
        """Whether a side of the input, not only the batch, is left open."""
        if not self._inputs or self._inputs[0] < 0:
            return False
        tensor = self._tensors[self._inputs[0]]
        signature = tensor.numbers(_TENSOR_SIGNATURE, "i") or tensor.numbers(_TENSOR_SHAPE, "i")
        return any(side < 0 for side in signature[1:])

    def _read(self, operator: Table) -> _Operator:
        return _Operator(
            self._codes.name(operator.number(_OPERATOR_CODE, "I")),
            tuple(int(index) for index in operator.numbers(_OPERATOR_INPUTS, "i")),
            tuple(int(index) for index in operator.numbers(_OPERATOR_OUTPUTS, "i")),
            operator.table(_OPERATOR_OPTIONS),
        )

    def _macs(self, operator: _Operator) -> int:
        if operator.name == "BATCH_MATMUL":
            return self._matmul_macs(operator)
        if operator.name not in _WEIGHTED:
            return 0
        place, weights_place, _, axes = _WEIGHTED[operator.name]
        weights = self._shape(_at(operator.inputs, weights_place))
        if len(weights) != axes:
            raise ModelError(_DAMAGED)
        if operator.name == "TRANSPOSE_CONV":
            return prod(self._shape(_at(operator.inputs, place))) * prod(weights[:3])
        each = weights[1:3] if operator.name == "DEPTHWISE_CONV_2D" else weights[1:]
        return prod(self._shape(_at(operator.outputs, 0))) * prod(each)

    def _matmul_macs(self, operator: _Operator) -> int:
        left = self._shape(_at(operator.inputs, 0))
        if len(left) < 2:
            raise ModelError(_DAMAGED)
        is_transposed = operator.options is not None and operator.options.number(0, "B")
        return prod(self._shape(_at(operator.outputs, 0))) * left[-2 if is_transposed else -1]

    def _own(self, operator: _Operator) -> int:
        """Return how many parameters an operator has."""
        constants = [self._constants(index) for index in operator.inputs]
        if operator.name in _WEIGHTED:
            _, weights, bias, _ = _WEIGHTED[operator.name]
            return sum(constants[weights : weights + 1] + constants[bias : bias + 1])
        if operator.name in _WITH_CONSTANTS:
            return sum(count for count in constants if count > 1)
        return 0

    def _constants(self, index: int) -> int:
        """Return how many elements a tensor has if the file holds them, otherwise 0."""
        source = self._stored.get(index, index)
        if source < 0:
            return 0
        buffer = self._tensors[source].number(_TENSOR_BUFFER, "I")
        if buffer >= len(self._buffers) or not self._buffers[buffer].count(_BUFFER_DATA, 1):
            return 0
        return prod(self._shape(source))

    def _shape(self, index: int) -> tuple[int, ...]:
        """Return a tensor's shape; open sides are 1."""
        if index < 0:
            return ()
        if self._tensors[index].count(_TENSOR_SHAPE) > _MAX_AXES:
            raise ModelError(_DAMAGED)
        shape = self._tensors[index].numbers(_TENSOR_SHAPE, "i")
        return tuple(1 if side < 0 else int(side) for side in shape)


def _at(indices: tuple[int, ...], place: int) -> int:
    if place >= len(indices):
        raise ModelError(_DAMAGED)
    return indices[place]


def _code_name(code: Table) -> str:
    """Numbers up to 127 stand in the old field too, where old files have them alone."""
    number = max(code.number(_CODE_OLD, "b"), code.number(_CODE, "i"))
    name = operator_name(number)
    return code.text(_CODE_CUSTOM) or name if name == "CUSTOM" else name


def layer_name(tensor: str) -> str:
    """Return the layer that a tensor's name speaks of, empty where it names none.

    "functional_1_1/functional_1/Conv1_relu_1/Relu6;functional..." is the output of Conv1_relu:
    models stand before their layers, operations behind them, and each call of a layer adds "_1".
    """
    parts = tensor.partition(";")[0].split("/")[:-1]
    own = [part for part in parts if not _NO_LAYER.fullmatch(part)]
    return "/".join(re.sub(r"_1$", "", part) for part in own)
