"""The contract between workstation and device: a round trip, and every way to break it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgeseg.errors import ModelError
from edgeseg.labels import STREET, palette_for
from edgeseg.manifest import VERSION, Head, Manifest, Preparation, Size

MANIFEST = Manifest(
    labels=STREET.names,
    palette=STREET.palette,
    preparation=Preparation(
        Size(480, 352), "bgr", (1.5, 2.0, 3.0), (4.0, 5.0, 6.0), resize="letterbox"
    ),
    head=Head("logits", 8, "bilinear", "corners"),
    decoder="fcn8",
    encoder="mobilenetv2-0.35",
    upsampling="bilinear",
    precision="int8",
    source_sha256="ab" * 32,
    proof={"agreement": 0.97, "frames": 32},
)


def changed(path: str, value: Any) -> str:
    raw = json.loads(MANIFEST.to_json())
    *parents, last = path.split(".")
    part = raw
    for parent in parents:
        part = part[parent]
    part[last] = value
    return json.dumps(raw)


def test_json_brings_it_back() -> None:
    assert Manifest.from_json(MANIFEST.to_json()) == MANIFEST
    assert Manifest.from_json(MANIFEST.to_json().encode()) == MANIFEST


def test_what_may_be_left_out_has_its_default() -> None:
    raw = json.loads(MANIFEST.to_json())
    for name in ("decoder", "encoder", "upsampling", "precision", "source_sha256", "proof"):
        del raw[name]
    del raw["head"]["layout"]
    read = Manifest.from_json(json.dumps(raw))
    assert (read.decoder, read.proof, read.head.layout) == ("", {}, "stride")


def test_a_size_reads_as_the_command_line_takes_it() -> None:
    assert str(Size(480, 352)) == "480x352"


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("labels", ["one"]),
        ("labels", "ab"),
        ("labels", [1, 2]),
        ("palette", [[0, 0, 0]]),
        ("palette", [[0, 0, 256]] * 11),
        ("preparation.size", [480]),
        ("preparation.size", [480, 0]),
        ("preparation.size", [480.5, 352]),
        ("preparation.color", "grey"),
        ("preparation.mean", [0, 0]),
        ("preparation.mean", [0, 0, float("nan")]),
        ("preparation.std", [1, 1, 0]),
        ("preparation.resize", "crop"),
        ("head.kind", "boxes"),
        ("head.stride", 0),
        ("head.stride", 2.5),
        ("head.stride", True),
        ("head.to_frame", "cubic"),
        ("head.layout", "middle"),
        ("decoder", 8),
        ("proof", []),
        ("version", VERSION + 1),
        ("version", "1"),
    ],
)
def test_a_wrong_value_is_named(path: str, value: Any) -> None:
    with pytest.raises(ModelError, match=path):
        Manifest.from_json(changed(path, value))


def test_all_reasons_are_given_at_once() -> None:
    raw = json.loads(changed("head.stride", 0))
    raw["preparation"] = None
    with pytest.raises(ModelError) as caught:
        Manifest.from_json(json.dumps(raw))
    for reason in ("head.stride", "preparation.size", "preparation.mean", "edgeseg convert"):
        assert reason in str(caught.value)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=10,
)


@given(st.sampled_from(sorted(json.loads(MANIFEST.to_json()))), JSON)
def test_any_json_in_any_field_is_read_or_refused(field: str, value: Any) -> None:
    try:
        Manifest.from_json(changed(field, value))
    except ModelError as error:
        assert "\n" not in str(error)  # noqa: PT017  # most values pass or fail, both are right


@given(st.binary(max_size=40) | st.just(b"[" * 100_000))
def test_what_is_no_json_is_refused(data: bytes) -> None:
    with pytest.raises(ModelError):
        Manifest.from_json(data)


def test_palettes_have_distinct_colours_and_voc_begins_as_known() -> None:
    assert palette_for(4) == ((0, 0, 0), (128, 0, 0), (0, 128, 0), (128, 128, 0))
    assert len(set(palette_for(256))) == 256
    assert len(set(STREET.palette)) == len(STREET.names) == 11
