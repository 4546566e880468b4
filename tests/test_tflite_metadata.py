"""TFLite Metadata, built here field by field as `metadata_schema.fbs` has them."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Sequence
from pathlib import Path

import flatbuffers
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgeseg.tflite_metadata import Hints, read_hints

PLAIN = (Path(__file__).parent / "data" / "tiny-float32.tflite").read_bytes()
NORMALIZATION = 1  # in the union ProcessUnitOptions


def model_with(metadata: bytes) -> bytes:
    """A .tflite file of two buffers, the second of which is the metadata."""
    builder = flatbuffers.Builder(0)
    name = builder.CreateString("TFLITE_METADATA")
    content = builder.CreateByteVector(metadata)
    entry = table(builder, {0: name}, numbers={1: 1})
    buffers = offsets(builder, [table(builder, {}), table(builder, {0: content})])
    model = table(builder, {4: buffers, 6: offsets(builder, [entry])})
    builder.Finish(model, b"TFL3")
    return bytes(builder.Output())


def metadata_with(mean: Sequence[float], std: Sequence[float], kind: int = NORMALIZATION) -> bytes:
    builder = flatbuffers.Builder(0)
    options = table(builder, {0: floats(builder, mean), 1: floats(builder, std)})
    unit = table(builder, {1: options}, bytes_={0: kind})
    tensor = table(builder, {4: offsets(builder, [unit])})
    graph = table(builder, {2: offsets(builder, [tensor])})
    builder.Finish(table(builder, {2: offsets(builder, [graph])}))
    return bytes(builder.Output())


def table(
    builder: flatbuffers.Builder,
    parts: dict[int, int],
    numbers: dict[int, int] | None = None,
    bytes_: dict[int, int] | None = None,
) -> int:
    builder.StartObject(8)
    for field, part in parts.items():
        builder.PrependUOffsetTRelativeSlot(field, part, 0)
    for field, number in (numbers or {}).items():
        builder.PrependUint32Slot(field, number, 0)
    for field, number in (bytes_ or {}).items():
        builder.PrependUint8Slot(field, number, 0)
    return int(builder.EndObject())


def offsets(builder: flatbuffers.Builder, parts: Sequence[int]) -> int:
    builder.StartVector(4, len(parts), 4)
    for part in reversed(parts):
        builder.PrependUOffsetTRelative(part)
    return int(builder.EndVector())


def floats(builder: flatbuffers.Builder, values: Sequence[float]) -> int:
    builder.StartVector(4, len(values), 4)
    for value in reversed(values):
        builder.PrependFloat32(value)
    return int(builder.EndVector())


def zipped(**texts: str) -> bytes:
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as writer:
        for name, text in texts.items():
            writer.writestr(f"{name}.txt", text)
    return archive.getvalue()


def test_normalization_of_one_value_and_of_three() -> None:
    hints = read_hints(model_with(metadata_with([127.5], [64.0])))
    assert hints == Hints((127.5,) * 3, (64.0,) * 3)
    hints = read_hints(model_with(metadata_with([1, 2, 3], [4, 5, 6])))
    assert hints == Hints((1.0, 2.0, 3.0), (4.0, 5.0, 6.0))


@pytest.mark.parametrize(
    ("mean", "std"),
    [([1, 2], [1, 1]), ([], []), ([0], [0]), ([0], [-1]), ([float("nan")], [1]), ([0], [1] * 4)],
)
def test_values_that_make_no_sense_say_nothing(mean: list[float], std: list[float]) -> None:
    assert read_hints(model_with(metadata_with(mean, std))) == Hints()


def test_other_process_units_say_nothing() -> None:
    assert read_hints(model_with(metadata_with([0], [1], kind=3))) == Hints()


def test_labels_come_from_the_archive_behind_the_model() -> None:
    labels = zipped(labelmap="road\n sky\n\n")
    model = model_with(metadata_with([0], [255]))
    assert read_hints(model + labels) == Hints((0.0,) * 3, (255.0,) * 3, ("road", "sky"))
    assert read_hints(PLAIN + labels) == Hints(labels=("road", "sky"))


def test_archives_that_do_not_tell_say_nothing() -> None:
    for archive in (
        zipped(a="x\ny", b="x\ny"),
        zipped(a=""),
        zipped(a="x" * 70_000),
        b"PK\x05\x06",
    ):
        assert read_hints(PLAIN + archive) == Hints()


METADATA = metadata_with([1, 2, 3], [4, 5, 6])


@given(st.integers(0, len(METADATA) - 1), st.integers(1, 255))
@settings(max_examples=200, deadline=None)
def test_damage_inside_the_metadata_does_not_matter(position: int, change: int) -> None:
    damaged = bytearray(METADATA)
    damaged[position] ^= change
    hints = read_hints(model_with(bytes(damaged)))
    assert hints.std is None or min(hints.std) > 0
