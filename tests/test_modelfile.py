"""Manifests read from files, and inferred with every guess named."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

from edgeseg.errors import ConfigError, ModelError
from edgeseg.manifest import ColorOrder, Head, Manifest, Preparation, Size
from edgeseg.modelfile import (
    NORMALIZATIONS,
    ManifestOverrides,
    infer_manifest,
    normalization,
    override,
    read_labels,
    read_manifest,
)
from edgeseg.runtimes import TensorSpec
from edgeseg.tflite_metadata import Hints

DATA = Path(__file__).parent / "data"
INT8 = (DATA / "tiny-int8.tflite").read_bytes()
FLOAT = (DATA / "tiny-float32.tflite").read_bytes()

FLOAT_INPUT = TensorSpec((1, 32, 48, 3), "float32")
SCORES = TensorSpec((1, 8, 12, 5), "float32")
NONE = ManifestOverrides()


def test_the_manifest_is_read() -> None:
    manifest = read_manifest(INT8)
    assert manifest is not None
    assert manifest.labels == ("red", "green", "blue")
    assert manifest.preparation == Preparation(Size(48, 32))
    assert manifest.head == Head("logits", 4)


def test_a_file_without_one_has_none() -> None:
    assert read_manifest(FLOAT) is None


def test_float_scores_are_inferred_with_their_guesses() -> None:
    manifest, guesses = infer_manifest(FLOAT_INPUT, (SCORES,), NONE)
    assert manifest.preparation == Preparation(Size(48, 32))
    assert manifest.head == Head("logits", 4, "bilinear")
    assert len(manifest.labels) == len(manifest.palette) == 5
    assert [guess for guess in guesses if "(--" in guess] == list(guesses)
    for flag in ("--normalize", "--color bgr", "--resize letterbox", "--labels"):
        assert sum(flag in guess for guess in guesses) == 1


def test_what_the_user_says_is_no_guess() -> None:
    said = ManifestOverrides("0..1", tuple("abcde"), "rgb", "letterbox")
    manifest, guesses = infer_manifest(FLOAT_INPUT, (SCORES,), said)
    assert guesses == ()
    assert manifest.labels == tuple("abcde")
    assert manifest.preparation == Preparation(
        Size(48, 32), "rgb", (0.0,) * 3, (255.0,) * 3, "letterbox"
    )


@pytest.mark.parametrize(
    ("dtype", "scale", "zero"),
    [("uint8", 0.0078125, 128), ("uint8", 0.0, 0), ("uint8", 1 / 255, 0), ("int8", 1 / 255, -128)],
)
def test_integer_inputs_take_the_pixels_over_their_whole_range(
    dtype: str, scale: float, zero: int
) -> None:
    manifest, _ = infer_manifest(TensorSpec((1, 4, 4, 3), dtype, scale, zero), (SCORES_4,), NONE)
    mean, std = manifest.preparation.mean[0], manifest.preparation.std[0]
    lowest = -128 if dtype == "int8" else 0
    for pixel in (0, 1, 128, 255):
        assert (pixel - mean) / std / (scale or 1) + zero == pytest.approx(pixel + lowest)


SCORES_4 = TensorSpec((1, 4, 4, 5), "uint8")


@pytest.mark.parametrize("dtype", ["int64", "int32", "uint8"])
@pytest.mark.parametrize("shape", [(1, 32, 48), (1, 32, 48, 1)])
def test_class_maps_are_inferred(dtype: str, shape: tuple[int, ...]) -> None:
    manifest, guesses = infer_manifest(FLOAT_INPUT, (TensorSpec(shape, dtype),), NONE)
    assert manifest.head == Head("class_map", 1, "nearest")
    assert any("how many classes" in guess for guess in guesses)
    named, _ = infer_manifest(
        FLOAT_INPUT, (TensorSpec(shape, dtype),), ManifestOverrides(labels=("a", "b", "c"))
    )
    assert named.labels == ("a", "b", "c")
    assert len(named.palette) == 3


@pytest.mark.parametrize(
    ("pixels", "cells", "head"),
    [
        ((512, 512), (64, 64), Head("logits", 8)),
        ((513, 513), (65, 65), Head("logits", 8, layout="corners")),
        ((513, 257), (65, 33), Head("logits", 8, layout="corners")),
        ((500, 300), (63, 38), Head("logits", 8, layout="span")),
        ((64, 64), (32, 16), Head("logits", 2, layout="span")),
        ((48, 32), (48, 32), Head("logits", 1)),
    ],
)
def test_how_cells_lie_follows_from_the_sizes(
    pixels: tuple[int, int], cells: tuple[int, int], head: Head
) -> None:
    manifest, _ = infer_manifest(
        TensorSpec((1, pixels[1], pixels[0], 3), "float32"),
        (TensorSpec((1, cells[1], cells[0], 5), "float32"),),
        NONE,
    )
    assert manifest.head == head


@pytest.mark.parametrize(
    ("inputs", "outputs", "reason"),
    [
        (TensorSpec((1, 3, 32, 48), "float32"), (SCORES,), "expected one colour picture"),
        (TensorSpec((2, 32, 48, 3), "float32"), (SCORES,), "expected one colour picture"),
        (TensorSpec((1, 32, 48, 3), "int64"), (SCORES,), "input is int64"),
        (FLOAT_INPUT, (SCORES, SCORES), "2 outputs"),
        (FLOAT_INPUT, (), "0 outputs"),
        (FLOAT_INPUT, (TensorSpec((1, 8, 12, 1), "float32"),), "expected scores"),
        (FLOAT_INPUT, (TensorSpec((1, 8, 12, 1), "uint8", 0.004),), "expected scores"),
        (FLOAT_INPUT, (TensorSpec((1, 1000), "float32"),), "expected scores"),
        (FLOAT_INPUT, (TensorSpec((1, 64, 96, 5), "float32"),), "not larger than the input"),
        (FLOAT_INPUT, (TensorSpec((1, 8, 12, 300), "float32"),), "2 to 256 classes"),
    ],
)
def test_other_tensors_are_refused_with_the_reason(
    inputs: TensorSpec, outputs: tuple[TensorSpec, ...], reason: str
) -> None:
    with pytest.raises(ModelError, match=reason):
        infer_manifest(inputs, outputs, NONE)


def test_all_reasons_come_at_once() -> None:
    with pytest.raises(ModelError) as caught:
        infer_manifest(TensorSpec((1, 9), "int64"), (), NONE)
    for reason in ("colour picture", "input is int64", "0 outputs"):
        assert reason in str(caught.value)


@pytest.mark.parametrize("name", NORMALIZATIONS)
@pytest.mark.parametrize("color", ["rgb", "bgr"])
def test_normalizations_follow_the_channel_order(name: str, color: ColorOrder) -> None:
    mean, std, order = normalization(name, color)
    usual_mean, usual_std, usual = normalization(name)
    assert order == color
    step = 1 if color == usual else -1
    assert (mean, std) == (usual_mean[::step], usual_std[::step])


def test_caffe_is_bgr_with_blues_mean_first() -> None:
    assert normalization("caffe") == ((103.939, 116.779, 123.68), (1.0, 1.0, 1.0), "bgr")


def test_an_unknown_normalization_is_named() -> None:
    with pytest.raises(ConfigError, match="expected one of"):
        normalization("0-1")


def test_a_manifest_can_be_overruled() -> None:
    manifest = Manifest(
        labels=("a", "b"),
        palette=((1, 2, 3), (4, 5, 6)),
        preparation=Preparation(Size(8, 8), mean=(1.0, 2.0, 3.0)),
        head=Head(),
    )
    changed = override(manifest, ManifestOverrides(labels=("c", "d"), color="bgr"))
    assert changed.labels == ("c", "d")
    assert changed.palette == manifest.palette
    assert changed.preparation.mean == (3.0, 2.0, 1.0)
    assert override(manifest, NONE) == manifest
    with pytest.raises(ModelError, match="names 3 classes, the model has 2"):
        override(manifest, ManifestOverrides(labels=("a", "b", "c")))


def test_labels_are_read_one_a_line(tmp_path: Path) -> None:
    path = tmp_path / "labels.txt"
    path.write_text("road\n\n  sky \n", encoding="utf-8")
    assert read_labels(path) == ("road", "sky")
    path.write_bytes(b"\xff\xfe\n\xff")
    with pytest.raises(ModelError, match="cannot read the labels"):
        read_labels(path)
    path.write_text("only\n", encoding="utf-8")
    with pytest.raises(ModelError, match="holds 1 names"):
        read_labels(path)


def test_labels_and_normalization_of_tflite_metadata_are_taken() -> None:
    hints = Hints((0.0,) * 3, (255.0,) * 3, tuple("vwxyz"))
    manifest, guesses = infer_manifest(FLOAT_INPUT, (SCORES,), NONE, hints)
    assert manifest.labels == tuple("vwxyz")
    assert manifest.preparation.std == (255.0,) * 3
    assert not any("--labels" in guess or "--normalize" in guess for guess in guesses)


@pytest.mark.convert
@pytest.mark.filterwarnings("ignore")  # TensorFlow warns of its own ways
def test_the_script_still_makes_the_committed_files() -> None:
    made = _script().make_all()
    assert sorted(made) == sorted(path.name for path in DATA.glob("tiny-*.tflite"))
    assert read_manifest(made["tiny-int8.tflite"]) == read_manifest(INT8)
    _same_tensors(made)


def _same_tensors(made: dict[str, bytes]) -> None:
    from edgeseg.runtimes import open_runtime

    for name, content in made.items():
        old = open_runtime(DATA / name, input_size=Size(48, 32))
        new = open_runtime(content, input_size=Size(48, 32))
        assert [spec.shape for spec in (new.inputs, *new.outputs)] == [
            spec.shape for spec in (old.inputs, *old.outputs)
        ]
        assert new.inputs.scale == pytest.approx(old.inputs.scale)


def _script() -> Any:
    from importlib.util import module_from_spec, spec_from_file_location

    spec = spec_from_file_location("make_tiny", DATA / "make_tiny.py")
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module
