"""Reading .tflite flatbuffers with every offset checked: damaged or hostile bytes give ModelError.

Only what edgeseg needs of the two formats, in pure Python: the FlatBuffers binary layout
(https://flatbuffers.dev/internals/) and the field numbers of TensorFlow Lite's `schema.fbs`.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from edgeseg.errors import ModelError

_IDENTIFIER = b"TFL3"

# Offsets may point at the same table again and again, so a small file can ask for endless reading.
# Real models stay far below.
_MAX_STEPS = 200_000
_MAX_NAME_BYTES = 1024

_DAMAGED = "the model file is damaged; copy or convert it again"


@dataclass(frozen=True)
class Table:
    """A table inside `data` at byte `position`; fields are named by their number in the schema.

    An absent field reads as the given default, None or an empty tuple. All methods raise ModelError
    where an offset leaves the data.
    """

    data: bytes
    position: int

    def number(self, field: int, kind: str, default: int = 0) -> int:
        """Return a scalar field; `kind` is a `struct` letter such as `I`."""
        slot = self._slot(field)
        return default if slot is None else _unpack(self.data, slot, kind)

    def table(self, field: int) -> Table | None:
        """Return the table that an offset field points to."""
        slot = self._slot(field)
        return None if slot is None else Table(self.data, _follow(self.data, slot))

    def tables(self, field: int) -> Iterator[Table]:
        """Yield the tables of a vector field."""
        start, count = self._vector(field, 4)
        for slot in range(start, start + 4 * count, 4):
            yield Table(self.data, _follow(self.data, slot))

    def count(self, field: int, item_bytes: int = 4) -> int:
        """Return the length of a vector field; its items are offsets or 4-byte numbers, or else."""
        return self._vector(field, item_bytes)[1]

    def numbers(self, field: int, kind: str) -> tuple[float, ...]:
        """Return a vector field of scalars; `kind` is a `struct` letter."""
        start, count = self._vector(field, struct.calcsize(f"<{kind}"))
        return struct.unpack_from(f"<{count}{kind}", self.data, start)

    def content(self, field: int) -> bytes | None:
        """Return a vector of bytes, None when the field is absent."""
        if self._slot(field) is None:
            return None
        start, count = self._vector(field, 1)
        return self.data[start : start + count]

    def check_content(self, field: int) -> None:
        """Check that a vector of bytes lies inside the data, without copying it."""
        self._vector(field, 1)

    def place(self, field: int) -> int | None:
        """Return where a field's value or offset stands in the data; None when it is absent."""
        return self._slot(field)

    def text(self, field: int) -> str:
        """Return the first 1024 bytes of a string field, empty when absent."""
        start, count = self._vector(field, 1)
        name = self.data[start : start + min(count, _MAX_NAME_BYTES)]
        return name.decode("utf-8", "replace")

    def _slot(self, field: int) -> int | None:
        vtable = self.position - _unpack(self.data, self.position, "i")
        if 4 + 2 * field >= _unpack(self.data, vtable, "H"):
            return None
        offset = _unpack(self.data, vtable + 4 + 2 * field, "H")
        return self.position + offset if offset else None

    def _vector(self, field: int, item_bytes: int) -> tuple[int, int]:
        slot = self._slot(field)
        if slot is None:
            return 0, 0
        start = _follow(self.data, slot)
        count = _unpack(self.data, start, "I")
        if start + 4 + count * item_bytes > len(self.data):
            raise ModelError(_DAMAGED)
        return start + 4, count


def read_model(path: Path) -> bytes:
    """Return the content of a .tflite file.

    Raises:
        ModelError: no such file, a Keras model, a folder, or it cannot be read.
    """
    is_keras = path.suffix in (".keras", ".h5") and path.is_file()
    if is_keras or (path / "saved_model.pb").is_file():
        raise ModelError(f"{path} is a Keras model; convert it first: edgeseg convert {path}")
    try:
        return path.read_bytes()
    except FileNotFoundError as error:
        raise ModelError(f"no model file {path}; `edgeseg info` lists the embedded ones") from error
    except IsADirectoryError as error:
        raise ModelError(f"{path} is a folder; expected a .tflite file") from error
    except OSError as error:
        raise ModelError(f"cannot read the model {path}: {error.strerror}") from error


def root_table(data: bytes) -> Table:
    """Return the root table of a flatbuffer of any kind.

    Raises:
        ModelError: the data is too short.
    """
    return Table(data, _follow(data, 0))


def model_table(data: bytes) -> Table:
    """Return the `Model` table of a .tflite file.

    Raises:
        ModelError: the data is empty, or no .tflite file.
    """
    if not data:
        raise ModelError("the model file is empty; copy or convert it again")
    if data[4:8] != _IDENTIFIER:
        raise ModelError(
            "this is not a .tflite file (it lacks the mark TFL3); make one with `edgeseg convert`"
        )
    return root_table(data)


def metadata(data: bytes, name: str) -> bytes | None:
    """Return the content of a .tflite file's metadata entry, None when there is no such entry.

    Raises:
        ModelError: the file is damaged.
    """
    model = model_table(data)
    for entry in model.tables(_MODEL_METADATA):
        if entry.text(0) == name:
            return _buffer_content(model, entry.number(1, "I"))
    return None


def check_model(data: bytes) -> None:
    """Walk graphs, tensors, operators and buffers once, since not every runtime checks them.

    tflite-runtime 2.14 ends the process on a file that was cut short.

    Raises:
        ModelError: something points outside the file, or an index outside its list.
    """
    walk = _Walk(model_table(data))
    walk.buffers()
    walk.graphs()


# Field numbers of schema.fbs.
_MODEL_CODES, _MODEL_GRAPHS, _MODEL_BUFFERS, _MODEL_METADATA = 1, 2, 4, 6
_GRAPH_TENSORS, _GRAPH_INPUTS, _GRAPH_OUTPUTS, _GRAPH_OPERATORS = 0, 1, 2, 3


def _buffer_content(model: Table, index: int) -> bytes | None:
    for number, buffer in enumerate(model.tables(_MODEL_BUFFERS)):
        if number == index:
            return buffer.content(0)
    raise ModelError(_DAMAGED)


class _Walk:
    """One bounded pass over everything a runtime will follow."""

    def __init__(self, model: Table) -> None:
        self.model = model
        self.steps = 0

    def buffers(self) -> None:
        for buffer in self.model.tables(_MODEL_BUFFERS):
            self._step()
            buffer.check_content(0)

    def graphs(self) -> None:
        for graph in self.model.tables(_MODEL_GRAPHS):
            self._step()
            count = graph.count(_GRAPH_TENSORS)
            self._indices(graph, _GRAPH_INPUTS, count)
            self._indices(graph, _GRAPH_OUTPUTS, count)
            for tensor in graph.tables(_GRAPH_TENSORS):
                self._tensor(tensor)
            for operator in graph.tables(_GRAPH_OPERATORS):
                self._operator(operator, count)

    def _tensor(self, tensor: Table) -> None:
        shape, buffer, name = 0, 2, 3
        self._step()
        tensor.count(shape)
        tensor.check_content(name)
        if tensor.number(buffer, "I") >= max(1, self.model.count(_MODEL_BUFFERS)):
            raise ModelError(_DAMAGED)

    def _operator(self, operator: Table, tensors: int) -> None:
        code, inputs, outputs = 0, 1, 2
        self._step()
        if operator.number(code, "I") >= self.model.count(_MODEL_CODES):
            raise ModelError(_DAMAGED)
        self._indices(operator, inputs, tensors)
        self._indices(operator, outputs, tensors)

    def _indices(self, table: Table, field: int, count: int) -> None:
        self._step(table.count(field))
        optional = -1  # stands for an input that is left out
        if any(not optional <= index < count for index in table.numbers(field, "i")):
            raise ModelError(_DAMAGED)

    def _step(self, steps: int = 1) -> None:
        self.steps += steps
        if self.steps > _MAX_STEPS:
            raise ModelError(f"the model file has more than {_MAX_STEPS} parts; {_DAMAGED}")


def _follow(data: bytes, slot: int) -> int:
    return slot + _unpack(data, slot, "I")


def _unpack(data: bytes, position: int, kind: str) -> int:
    # struct counts negative offsets from the end, which would read something else in silence.
    if position < 0:
        raise ModelError(_DAMAGED)
    try:
        value: int = struct.unpack_from(f"<{kind}", data, position)[0]
    except struct.error as error:
        raise ModelError(_DAMAGED) from error
    return value
