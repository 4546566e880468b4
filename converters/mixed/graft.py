"""The edit of one flatbuffer: operators of a float model in the place of an int8 model's own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import zip_longest
from typing import Any

from edgeseg.converters.flatbuffer import name_of_code, schema
from edgeseg.converters.tensors import STORAGE

_VERSIONS = {"QUANTIZE": {"INT16": 2}, "DEQUANTIZE": {"INT8": 2, "INT16": 3}}
"""Of the operators that change storage, by the integers on the other side."""


def graft(ours: Any, theirs: Any, twins: Mapping[int, int], *, float_output: bool = False) -> None:
    """Put operators of one ModelT into another, which is changed in place.

    Args:
        ours: the int8 model; it loses what is no longer of use.
        theirs: the float32 model; it is of no further use.
        twins: from an operator of `ours` to the one of `theirs` that takes its place.
        float_output: whether the network's output becomes float32 where such an operator makes it.
    """
    work = _Graft(ours, theirs)
    work.replace(twins)
    if float_output:
        work.float_outputs()
    _drop_unused(ours)


def is_constant(model: Any, tensor: int) -> bool:
    """Whether a tensor of a ModelT holds its values in the file."""
    data = model.buffers[model.subgraphs[0].tensors[tensor].buffer].data
    return data is not None and len(data) > 0


class _Graft:
    """Every integer tensor may have a float tensor with the same values at its side.

    That is the output of a kept layer, what was there before a QUANTIZE, or what a DEQUANTIZE made.
    """

    def __init__(self, ours: Any, theirs: Any) -> None:
        self._ours, self._theirs = ours, theirs
        self._graph, self._donor = ours.subgraphs[0], theirs.subgraphs[0]
        self._floats: dict[int, int] = {}
        self._kept: set[int] = set()
        self._constants: dict[int, int] = {}
        self._made: list[Any] = []

    def replace(self, twins: Mapping[int, int]) -> None:
        outlets = self._outlets()
        for index, operator in enumerate(self._graph.operators):
            if index in twins:
                self._exchange(operator, self._donor.operators[twins[index]], outlets)
            elif self._name(operator) in STORAGE:
                self._store(operator)
            else:
                self._made.append(operator)
        self._graph.operators = self._made

    def float_outputs(self) -> None:
        """Let the network end before the last QUANTIZE of what a kept layer made."""
        ends = {
            int(tensor): self._floats[int(tensor)]
            for tensor in self._graph.outputs
            if int(tensor) in self._kept
        }
        for old, new in ends.items():
            self._graph.tensors[new].name = self._graph.tensors[old].name
        self._graph.outputs = [ends.get(int(tensor), int(tensor)) for tensor in self._graph.outputs]
        for signature in self._ours.signatureDefs or []:
            for entry in signature.outputs:
                entry.tensorIndex = ends.get(entry.tensorIndex, entry.tensorIndex)

    def _outlets(self) -> dict[int, int]:
        """Return the float output of the network that is made from an integer tensor, if any."""
        outputs = {int(tensor) for tensor in self._graph.outputs}
        return {
            int(operator.inputs[0]): int(operator.outputs[0])
            for operator in self._graph.operators
            if self._name(operator) == "DEQUANTIZE" and int(operator.outputs[0]) in outputs
        }

    def _exchange(self, operator: Any, twin: Any, outlets: Mapping[int, int]) -> None:
        given = [
            self._input(int(ours), int(theirs))
            for ours, theirs in zip_longest(operator.inputs, twin.inputs, fillvalue=-1)
        ]
        twin.inputs = given[: len(twin.inputs)]
        twin.opcodeIndex = self._code(self._theirs.operatorCodes[twin.opcodeIndex])
        outputs = [int(tensor) for tensor in operator.outputs]
        self._kept.update(outputs)
        for ours, theirs in zip(outputs, twin.outputs, strict=True):
            donor = self._donor.tensors[theirs]
            self._floats[ours] = outlets[ours] if ours in outlets else self._tensor(donor)
        twin.outputs = [self._floats[tensor] for tensor in outputs]
        self._made.append(twin)
        for tensor in outputs:
            self._convert("QUANTIZE", self._floats[tensor], tensor)

    def _input(self, ours: int, theirs: int) -> int:
        if theirs < 0:
            return -1
        if not is_constant(self._theirs, theirs):
            return self._float(ours)
        if theirs not in self._constants:
            tensor = self._donor.tensors[theirs]
            self._ours.buffers.append(self._theirs.buffers[tensor.buffer])
            self._constants[theirs] = self._tensor(tensor, len(self._ours.buffers) - 1)
        return self._constants[theirs]

    def _float(self, tensor: int) -> int:
        """Return the float tensor beside an integer one, made here where there is none yet."""
        if self._is_float(tensor):
            return tensor
        if tensor not in self._floats:
            self._floats[tensor] = self._tensor(self._graph.tensors[tensor])
            self._convert("DEQUANTIZE", tensor, self._floats[tensor])
        return self._floats[tensor]

    def _store(self, operator: Any) -> None:
        """Take over a QUANTIZE or DEQUANTIZE; from the floats, where they are at hand."""
        source, target = int(operator.inputs[0]), int(operator.outputs[0])
        known = source if self._is_float(source) else self._floats.get(source)
        if known == target:
            return  # a kept layer writes there itself
        if known is None:
            self._made.append(operator)
        else:
            self._floats[target] = known
            self._convert("QUANTIZE", known, target)

    def _convert(self, name: str, source: int, target: int) -> None:
        """Append a QUANTIZE or DEQUANTIZE from one tensor to another."""
        integers = self._graph.tensors[target if name == "QUANTIZE" else source].type
        code = schema().OperatorCodeT()
        code.builtinCode = getattr(schema().BuiltinOperator, name)
        code.deprecatedBuiltinCode = code.builtinCode
        code.version = max(
            [1]
            + [
                version
                for kind, version in _VERSIONS[name].items()
                if getattr(schema().TensorType, kind) == integers
            ]
        )
        operator = schema().OperatorT()
        operator.opcodeIndex = self._code(code)
        operator.inputs, operator.outputs = [source], [target]
        self._made.append(operator)

    def _tensor(self, like: Any, buffer: int | None = None) -> int:
        """Add a tensor of another's shape: a constant with its buffer, else one of floats."""
        made = schema().TensorT()
        made.shape, made.shapeSignature, made.hasRank = (
            like.shape,
            like.shapeSignature,
            like.hasRank,
        )
        made.name = _text(like.name) + "/float32"
        made.type = schema().TensorType.FLOAT32 if buffer is None else like.type
        made.buffer = buffer or 0  # the schema's empty buffer
        self._graph.tensors.append(made)
        return len(self._graph.tensors) - 1

    def _code(self, wanted: Any) -> int:
        """Return the index of an operator code, added where it is new."""
        codes = self._ours.operatorCodes
        for index, code in enumerate(codes):
            if (name_of_code(code), code.version) == (name_of_code(wanted), wanted.version):
                return index
        codes.append(wanted)
        return len(codes) - 1

    def _name(self, operator: Any) -> str:
        return name_of_code(self._ours.operatorCodes[operator.opcodeIndex])

    def _is_float(self, tensor: int) -> bool:
        return bool(self._graph.tensors[tensor].type == schema().TensorType.FLOAT32)


def _drop_unused(model: Any) -> None:
    """Remove operators that nobody reads, then tensors, buffers and codes out of use."""
    graph = model.subgraphs[0]
    used = {int(tensor) for tensor in graph.outputs}
    live = []
    for operator in reversed(graph.operators):
        if used & {int(tensor) for tensor in operator.outputs}:
            used |= {int(tensor) for tensor in operator.inputs}
            live.append(operator)
    graph.operators = live[::-1]
    _renumber_tensors(model, graph)
    _renumber_buffers(model, graph)
    _renumber_codes(model, graph)


def _renumber_tensors(model: Any, graph: Any) -> None:
    lists = [graph.inputs, graph.outputs]
    lists += [side for operator in graph.operators for side in (operator.inputs, operator.outputs)]
    new = _kept({int(tensor) for numbers in lists for tensor in numbers if tensor >= 0})
    graph.tensors = [graph.tensors[old] for old in new]
    graph.inputs, graph.outputs = _renamed(graph.inputs, new), _renamed(graph.outputs, new)
    for operator in graph.operators:
        operator.inputs = _renamed(operator.inputs, new)
        operator.outputs = _renamed(operator.outputs, new)
    for signature in model.signatureDefs or []:
        for entry in [*signature.inputs, *signature.outputs]:
            entry.tensorIndex = new[entry.tensorIndex]


def _renumber_buffers(model: Any, graph: Any) -> None:
    held = {tensor.buffer for tensor in graph.tensors}
    held |= {entry.buffer for entry in model.metadata or []} | set(model.metadataBuffer or [])
    new = _kept({0} | held)
    model.buffers = [model.buffers[old] for old in new]
    for holder in [*graph.tensors, *(model.metadata or [])]:
        holder.buffer = new[holder.buffer]
    if model.metadataBuffer is not None:
        model.metadataBuffer = _renamed(model.metadataBuffer, new)


def _renumber_codes(model: Any, graph: Any) -> None:
    new = _kept({operator.opcodeIndex for operator in graph.operators})
    model.operatorCodes = [model.operatorCodes[old] for old in new]
    for operator in graph.operators:
        operator.opcodeIndex = new[operator.opcodeIndex]


def _kept(numbers: set[int]) -> dict[int, int]:
    """Return the new number of each of these, in their order."""
    return {int(old): index for index, old in enumerate(sorted(numbers))}


def _renamed(numbers: Sequence[int], new: Mapping[int, int]) -> list[int]:
    return [new[int(old)] if old >= 0 else -1 for old in numbers]


def _text(name: Any) -> str:
    return name.decode() if isinstance(name, bytes) else str(name)
