"""The manifest inside the file, which stays a plain .tflite."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from edgeseg.converters.embed import embed_manifest
from edgeseg.converters.export import export
from edgeseg.converters.flatbuffer import schema
from edgeseg.labels import STREET
from edgeseg.manifest import Head, Manifest, Preparation, Size
from edgeseg.modelfile import read_manifest
from edgeseg.runtimes import open_runtime

pytestmark = pytest.mark.convert
SIZE = Size(64, 64)
MANIFEST = Manifest(STREET.names, STREET.palette, Preparation(SIZE), Head())


def nothing() -> Iterator[Any]:
    return iter(())


@pytest.fixture(scope="module")
def plain(color_net: Any) -> bytes:
    return export(color_net("transpose"), SIZE, "float32", "float32", nothing)


def data_offsets(tflite: bytes) -> list[int]:
    """Where the content of every buffer starts in the file."""
    model = schema().Model.GetRootAs(tflite, 0)
    buffers = [model.Buffers(index) for index in range(model.BuffersLength())]
    return [b._tab.Vector(b._tab.Offset(4)) for b in buffers if b.DataLength()]


def test_the_manifest_comes_back(plain: bytes) -> None:
    assert read_manifest(plain) is None
    assert read_manifest(embed_manifest(plain, MANIFEST)) == MANIFEST


def test_a_second_manifest_takes_the_place_of_the_first(plain: bytes) -> None:
    once = embed_manifest(plain, MANIFEST)
    proven = replace(MANIFEST, proof={"agreement": 0.97}, decoder="fcn8")
    twice = embed_manifest(once, proven)
    assert read_manifest(twice) == proven
    assert len(data_offsets(twice)) == len(data_offsets(once))


def test_the_file_runs_as_before(plain: bytes) -> None:
    image = np.random.default_rng(0).normal(size=(1, 64, 64, 3)).astype(np.float32)
    outputs = []
    for data in (plain, embed_manifest(plain, MANIFEST)):
        runtime = open_runtime(data, threads=1)
        outputs.append(runtime.infer(image)[0].copy())
        runtime.close()
    np.testing.assert_array_equal(*outputs)


def test_buffers_keep_the_alignment_of_the_schema(plain: bytes) -> None:
    embedded = embed_manifest(plain, MANIFEST)
    assert embedded[4:8] == b"TFL3"
    assert all(offset % 16 == 0 for offset in data_offsets(embedded))


def test_other_tools_find_a_signature(plain: bytes) -> None:
    interpreter = pytest.importorskip("ai_edge_litert.interpreter").Interpreter
    loaded = interpreter(model_content=embed_manifest(plain, MANIFEST))
    signature = {"serving_default": {"inputs": ["image"], "outputs": ["logits"]}}
    assert loaded.get_signature_list() == signature
    image = np.zeros((1, 64, 64, 3), np.float32)
    assert loaded.get_signature_runner()(image=image)["logits"].shape == (1, 64, 64, 3)
