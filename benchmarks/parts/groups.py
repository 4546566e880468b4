"""Which operators of a .tflite file are the encoder, the scores, the upsampling and the head.

Walked back from the output: what moves or adds up maps of one channel a class belongs to the
decoder, until a convolution that makes such maps of the encoder's features. Those convolutions and
the additions of maps are the *scores*, what changes the maps' size between them is the
*upsampling*, what comes behind the last addition (the only score, in an FCN-32) is the *head*.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from edgeseg.complexity import complexity
from edgeseg.errors import ModelError
from edgeseg.flatbuffer import model_table

from .cut import GRAPH_OPERATORS, MODEL_GRAPHS, OPERATOR_INPUTS, OPERATOR_OUTPUTS, computed

Group = Literal["encoder", "scores", "upsampling", "head"]
GROUPS: tuple[Group, ...] = ("encoder", "scores", "upsampling", "head")

_GRAPH_TENSORS, _TENSOR_SHAPE = 0, 0
_CONVOLUTIONS = ("CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED")
_NOTHING_FOUND = (
    "cannot tell encoder and decoder apart: no convolution makes one map a class of the encoder's "
    "features; expected an FCN as edgeseg makes them"
)


@dataclass(frozen=True)
class Segment:
    """Operators of one group that follow each other.

    Attributes:
        group: theirs.
        stop: how many operators there are up to the last of them.
        macs: of all of them.
    """

    group: Group
    stop: int
    macs: int


@dataclass(frozen=True)
class _Operator:
    """`inputs` are those that depend on the network's input, without weights."""

    name: str
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    macs: int
    channels: int
    channels_in: int


def segments(model: bytes, classes: int) -> tuple[Segment, ...]:
    """Return the groups of a file's operators, in the order in which they run.

    Args:
        model: the file.
        classes: how many classes it tells apart.

    Raises:
        ModelError: the file is damaged, or no FCN that edgeseg knows.
    """
    operators = _read(model)
    groups = _groups(operators, classes)
    found: list[Segment] = []
    for index, (operator, group) in enumerate(zip(operators, groups, strict=True)):
        macs = found.pop().macs if found and found[-1].group == group else 0
        found.append(Segment(group, index + 1, macs + operator.macs))
    return tuple(found)


def _groups(operators: list[_Operator], classes: int) -> list[Group]:
    decoder = _decoder(operators, classes)
    scores = {index for index in decoder if _makes_scores(operators[index], classes)}
    if not scores:
        raise ModelError(_NOTHING_FOUND)
    additions = {index for index in decoder if operators[index].name == "ADD"}
    last = max(scores | additions)
    groups: list[Group] = ["encoder"] * len(operators)
    for index in decoder:
        if index > last:
            groups[index] = "head"
        else:
            groups[index] = "scores" if index in scores | additions else "upsampling"
    return groups


def _decoder(operators: list[_Operator], classes: int) -> set[int]:
    """Walk back from the last operator, and stop behind each convolution that makes scores."""
    makers = {out: index for index, one in enumerate(operators) for out in one.outputs}
    seen: set[int] = set()
    ahead = [len(operators) - 1]
    while ahead:
        index = ahead.pop()
        if index in seen:
            continue
        operator = operators[index]
        if operator.name in _CONVOLUTIONS and not _is_of_maps(operator, classes):
            raise ModelError(_NOTHING_FOUND)
        seen.add(index)
        if not _makes_scores(operator, classes):
            ahead += [makers[tensor] for tensor in operator.inputs if tensor in makers]
    return seen


def _is_of_maps(operator: _Operator, classes: int) -> bool:
    """Whether it makes one map a class, or several of one each (before depth to space)."""
    return operator.channels % classes == 0 and (
        operator.channels == classes or operator.channels_in % classes == 0
    )


def _makes_scores(operator: _Operator, classes: int) -> bool:
    return (
        operator.name in ("CONV_2D", "FULLY_CONNECTED")
        and operator.channels == classes
        and operator.channels_in != classes
    )


def _read(model: bytes) -> list[_Operator]:
    graphs = list(model_table(model).tables(MODEL_GRAPHS))
    if len(graphs) != 1:
        raise ModelError(f"the model has {len(graphs)} graphs; only one can be cut into parts")
    shapes = [tensor.numbers(_TENSOR_SHAPE, "i") for tensor in graphs[0].tables(_GRAPH_TENSORS)]

    def channels(tensor: int) -> int:
        return int(shapes[tensor][-1]) if 0 <= tensor < len(shapes) and shapes[tensor] else 0

    read = []
    costs = complexity(model).operators
    moving = computed(graphs[0])
    for operator, cost in zip(graphs[0].tables(GRAPH_OPERATORS), costs, strict=True):
        numbers = (int(index) for index in operator.numbers(OPERATOR_INPUTS, "i"))
        inputs = tuple(number for number in numbers if number in moving)
        outputs = tuple(int(index) for index in operator.numbers(OPERATOR_OUTPUTS, "i"))
        first = channels(inputs[0]) if inputs else 0
        last = channels(outputs[0]) if outputs else 0
        read.append(_Operator(cost.op, inputs, outputs, cost.macs, last, first))
    return read
