"""The first operators of a .tflite file as a file of its own.

Nothing is copied or rebuilt: the list of operators is made shorter, what later operators would have
read becomes an output, and signatures, which name the old outputs, go. All else, weights and
quantization included, stays where it is, so that what is left computes what it did before. Weights
that operators unpack from float16 are no outputs: runtimes unpack them once and give none out.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence

from edgeseg.errors import ModelError
from edgeseg.flatbuffer import Table, model_table

# Field numbers of schema.fbs.
MODEL_GRAPHS, _MODEL_SIGNATURES = 2, 7
_GRAPH_INPUTS, _GRAPH_OUTPUTS, GRAPH_OPERATORS = 1, 2, 3
OPERATOR_INPUTS, OPERATOR_OUTPUTS = 1, 2


def prefix(model: bytes, count: int) -> bytes:
    """Return the file with its first `count` operators only.

    Raises:
        ModelError: it has not one graph, or not more operators than that.
    """
    root = model_table(model)
    graphs = list(root.tables(MODEL_GRAPHS))
    if len(graphs) != 1:
        raise ModelError(f"the model has {len(graphs)} graphs; only one can be cut into parts")
    (graph,) = graphs
    if not 0 < count <= graph.count(GRAPH_OPERATORS):
        raise ModelError(f"the model has no {count} operators")
    data = bytearray(model)
    _shorten(data, graph, GRAPH_OPERATORS, count)
    if root.count(_MODEL_SIGNATURES):
        _shorten(data, root, _MODEL_SIGNATURES, 0)
    _replace(data, graph, _GRAPH_OUTPUTS, _alive(graph, count))
    return bytes(data)


def computed(graph: Table) -> set[int]:
    """Return the tensors that depend on the graph's inputs; others are constants."""
    found = {int(index) for index in graph.numbers(_GRAPH_INPUTS, "i")}
    for operator in graph.tables(GRAPH_OPERATORS):
        if not found.isdisjoint(int(index) for index in operator.numbers(OPERATOR_INPUTS, "i")):
            found |= {int(index) for index in operator.numbers(OPERATOR_OUTPUTS, "i")}
    return found


def _alive(graph: Table, count: int) -> list[int]:
    """Return the tensors that the first operators make, and that are read behind them."""
    operators = list(graph.tables(GRAPH_OPERATORS))
    made = {int(i) for one in operators[:count] for i in one.numbers(OPERATOR_OUTPUTS, "i")}
    read = {int(i) for one in operators[count:] for i in one.numbers(OPERATOR_INPUTS, "i")}
    read |= {int(index) for index in graph.numbers(_GRAPH_OUTPUTS, "i")}
    return sorted(made & read & computed(graph))


def _shorten(data: bytearray, table: Table, field: int, count: int) -> None:
    struct.pack_into("<I", data, _start(data, table, field), count)


def _replace(data: bytearray, table: Table, field: int, numbers: Sequence[int]) -> None:
    """Point a vector field to a new vector behind all else: offsets go forward only."""
    slot = table.place(field)
    assert slot is not None
    data += bytes(-len(data) % 4)
    struct.pack_into("<I", data, slot, len(data) - slot)
    data += struct.pack(f"<I{len(numbers)}i", len(numbers), *numbers)


def _start(data: bytearray, table: Table, field: int) -> int:
    slot = table.place(field)
    assert slot is not None
    offset: int = struct.unpack_from("<I", data, slot)[0]
    return slot + offset
