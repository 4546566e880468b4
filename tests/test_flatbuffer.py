"""Reading .tflite files: no damage and no lie may end in anything but ModelError."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import flatbuffers
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgeseg.errors import ModelError
from edgeseg.flatbuffer import check_model, metadata, model_table
from edgeseg.manifest import METADATA_NAME
from edgeseg.modelfile import read_manifest
from edgeseg.tflite_metadata import read_hints

DATA = Path(__file__).parent / "data"
INT8 = (DATA / "tiny-int8.tflite").read_bytes()


def test_whole_files_pass() -> None:
    for path in DATA.glob("*.tflite"):
        check_model(path.read_bytes())


def test_metadata_is_found_by_name() -> None:
    content = metadata(INT8, METADATA_NAME)
    assert content is not None
    assert content.startswith(b"{")
    assert metadata(INT8, "nothing of this name") is None


def test_what_is_no_model_says_so() -> None:
    with pytest.raises(ModelError, match="empty"):
        model_table(b"")
    with pytest.raises(ModelError, match="edgeseg convert"):
        model_table(b"GIF89a and so on")


@pytest.mark.parametrize("keep", range(0, len(INT8) - 8, 97))
def test_every_cut_is_refused_or_harmless(keep: int) -> None:
    read_or_refuse(INT8[:keep])


@given(st.integers(0, len(INT8) - 1), st.integers(1, 255))
@settings(max_examples=300, deadline=None)
def test_a_changed_byte_is_read_or_refused(position: int, change: int) -> None:
    data = bytearray(INT8)
    data[position] ^= change
    read_or_refuse(bytes(data))


@given(st.integers(0, len(INT8) // 4 - 1), st.sampled_from([0, 1, 2**31 - 1, 2**31, 2**32 - 1]))
@settings(max_examples=300, deadline=None)
def test_a_lying_offset_is_read_or_refused(word: int, value: int) -> None:
    data = bytearray(INT8)
    data[4 * word : 4 * word + 4] = value.to_bytes(4, "little")
    read_or_refuse(bytes(data))


@given(st.binary(max_size=200))
def test_noise_is_refused(noise: bytes) -> None:
    with pytest.raises(ModelError):
        read_manifest(noise)
    read_or_refuse(INT8[:4] + b"TFL3" + noise)


def read_or_refuse(data: bytes) -> None:
    """Either end is right; any other exception is not."""
    for read in (read_manifest, read_hints, check_model):
        with suppress(ModelError):
            read(data)


def endless() -> bytes:
    """30,000 graphs of 30,000 tensors each in a quarter of a megabyte: all offsets lead to one."""
    builder = flatbuffers.Builder(0)
    tensor = table(builder, {})
    graph = table(builder, {0: same(builder, tensor)})
    builder.Finish(table(builder, {2: same(builder, graph)}), b"TFL3")
    return bytes(builder.Output())


def same(builder: flatbuffers.Builder, part: int) -> int:
    builder.StartVector(4, 30_000, 4)
    for _ in range(30_000):
        builder.PrependUOffsetTRelative(part)
    return int(builder.EndVector())


def table(builder: flatbuffers.Builder, parts: dict[int, int]) -> int:
    builder.StartObject(8)
    for field, part in parts.items():
        builder.PrependUOffsetTRelativeSlot(field, part, 0)
    return int(builder.EndObject())


def test_a_small_file_cannot_ask_for_endless_reading() -> None:
    with pytest.raises(ModelError, match="more than 200000 parts"):
        check_model(endless())
