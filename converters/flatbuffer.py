"""What a converted file really contains: checks on the flatbuffer, and the way in and out of it."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgeseg.errors import ModelError

# Operators that only a converter's failure leaves behind: none has a place in an inference graph.
_LEFTOVERS = ("VAR_HANDLE", "READ_VARIABLE", "ASSIGN_VARIABLE", "CALL_ONCE", "WHILE", "IF")

_IDENTIFIER = b"TFL3"
_ALIGNMENT = 16  # the schema's force_align of buffer data, which runtimes count on


def schema() -> Any:
    """Return the module that reads and writes the TFLite schema."""
    from tensorflow.lite.python import schema_py_generated

    return schema_py_generated


def unpack(tflite: bytes) -> Any:
    """Return a file as the schema's tree of objects, a ModelT, to be changed at will."""
    return schema().ModelT.InitFromPackedBuf(tflite, 0)


def pack(model: Any) -> bytes:
    """Return a ModelT as a file; the tree is of no further use."""
    import flatbuffers

    held = sum(0 if buffer.data is None else len(buffer.data) for buffer in model.buffers)
    model.buffers = [_AlignedBuffer(buffer) for buffer in model.buffers]
    builder = flatbuffers.Builder(held + 65536)
    builder.Finish(model.Pack(builder), _IDENTIFIER)
    return bytes(builder.Output())


def check_flatbuffer(tflite: bytes) -> None:
    """Check that every shape is fixed and every operator is one that a plain runtime has.

    Raises:
        ModelError: with all reasons at once.
    """
    model = schema().Model.GetRootAs(tflite, 0)
    reasons = []
    for index in range(model.SubgraphsLength()):
        graph = model.Subgraphs(index)
        reasons += _open_shapes(graph) + _bad_operators(model, graph)
    if reasons:
        listed = "; ".join(dict.fromkeys(reasons))
        raise ModelError(
            f"the converted file would not run well on devices: {listed}; "
            "replace these layers in the Keras model, or take another --head"
        )


def operator_names(tflite: bytes) -> list[str]:
    """Return the operators of the first subgraph, in order of execution."""
    model = schema().Model.GetRootAs(tflite, 0)
    graph = model.Subgraphs(0)
    return [_name(model, graph.Operators(i)) for i in range(graph.OperatorsLength())]


def _open_shapes(graph: Any) -> list[str]:
    reasons = []
    for index in range(graph.TensorsLength()):
        tensor = graph.Tensors(index)
        signature = tensor.ShapeSignatureAsNumpy() if tensor.ShapeSignatureLength() else ()
        if any(side < 0 for side in signature):
            reasons.append(f"tensor {tensor.Name().decode()} has an open shape {list(signature)}")
    return reasons[:3]  # one open batch opens every tensor behind it


def _bad_operators(model: Any, graph: Any) -> list[str]:
    reasons = []
    for index in range(graph.OperatorsLength()):
        operator = graph.Operators(index)
        name = _name(model, operator)
        if name.startswith("CUSTOM "):
            reasons.append(f"operator {name[7:]} is not a TFLite builtin")
        elif name in _LEFTOVERS:
            reasons.append(f"operator {name} is left over")
        elif name == "TRANSPOSE_CONV" and not _is_constant(model, graph, operator.Inputs(0)):
            reasons.append("a TRANSPOSE_CONV computes its output shape at run time")
    return reasons


def _name(model: Any, operator: Any) -> str:
    code = model.OperatorCodes(operator.OpcodeIndex())
    return _code_name(code.CustomCode(), code.BuiltinCode(), code.DeprecatedBuiltinCode())


def name_of_code(code: Any) -> str:
    """Return the operator that an OperatorCodeT stands for."""
    return _code_name(code.customCode, code.builtinCode, code.deprecatedBuiltinCode)


def _code_name(custom: bytes | None, builtin: int, deprecated: int) -> str:
    if custom:
        return f"CUSTOM {custom.decode()}"
    # Files for old runtimes hold the code in a byte of its own (the schema's upgrade rule).
    number = max(builtin, deprecated)
    names = {value: key for key, value in vars(schema().BuiltinOperator).items()}
    return str(names.get(number, number))


def _is_constant(model: Any, graph: Any, tensor: int) -> bool:
    return bool(model.Buffers(graph.Tensors(tensor).Buffer()).DataLength() > 0)


class _AlignedBuffer:
    """A buffer that keeps its 16-byte alignment; the generated Python packer keeps only 4."""

    def __init__(self, buffer: Any) -> None:
        self._buffer = buffer

    def Pack(self, builder: Any) -> int:  # noqa: N802  # the generated packer calls this name
        made = schema()
        data = self._buffer.data
        start = None if data is None else _vector(builder, np.asarray(data, dtype=np.uint8))
        made.BufferStart(builder)
        if start is not None:
            made.BufferAddData(builder, start)
        made.BufferAddOffset(builder, self._buffer.offset)
        made.BufferAddSize(builder, self._buffer.size)
        return int(made.BufferEnd(builder))


def _vector(builder: Any, data: NDArray[np.uint8]) -> int:
    builder.StartVector(1, len(data), _ALIGNMENT)
    builder.head = builder.Head() - len(data)
    builder.Bytes[builder.Head() : builder.Head() + len(data)] = data.tobytes()
    return int(builder.EndVector())
