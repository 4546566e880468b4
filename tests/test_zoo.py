"""The embedded models: found by name, described, and seeing what they saw when they were made."""

from __future__ import annotations

import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest

from edgeseg import metrics, zoo
from edgeseg.benchmarks.making import file_of
from edgeseg.benchmarks.variants import parse_variant
from edgeseg.errors import ModelError
from edgeseg.labels import STREET
from edgeseg.manifest import Size
from edgeseg.segmenter import Segmenter, open_segmenter
from edgeseg.sources.street import render_street

DATA = Path(__file__).parent / "data"


def test_names_begin_with_the_default() -> None:
    assert zoo.names()[:3] == (zoo.DEFAULT, "fcn16", "fcn32")


@pytest.mark.parametrize("name", zoo.names())
def test_every_model_has_its_files_and_says_what_it_is(name: str) -> None:
    assert zoo.resolve_keras(name).is_file()
    with Segmenter(zoo.resolve_tflite(name)) as segmenter:
        manifest = segmenter.manifest
        assert segmenter.guesses == ()
    decoder, _, width = name.partition("-")
    encoder = "mobilenetv2-1.0" if width == "m1" else "mobilenetv2-0.35"
    assert (manifest.decoder, manifest.encoder) == (decoder, encoder)
    assert manifest.precision == "int8"
    assert manifest.labels == STREET.names
    assert manifest.proof["agreement"] >= 0.95
    card = zoo.card_text(name)
    assert all(part in card for part in ("CC BY-NC 4.0", "near-train", "seed: 1", "int8"))


def test_an_unknown_name_lists_those_there_are() -> None:
    with pytest.raises(ModelError, match="fcn8, fcn16, fcn32"):
        zoo.resolve_keras("fcn4")
    with pytest.raises(ModelError, match=r"no model '\.\./errors'"):
        zoo.resolve_tflite("../errors")


@pytest.fixture
def wider(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A zoo with a name of two parts."""
    for name in ("fcn8", "fcn16", "fcn8-m1"):
        shutil.copy(zoo.resolve_keras("fcn8"), tmp_path / f"{name}.keras")
        shutil.copy(zoo.resolve_tflite("fcn8"), tmp_path / f"{name}-int8.tflite")
    monkeypatch.setattr(zoo, "_HOME", tmp_path)
    return tmp_path


def test_names_of_two_parts_work_everywhere(wider: Path) -> None:
    assert zoo.names() == ("fcn8", "fcn16", "fcn8-m1")
    with open_segmenter("fcn8-m1") as segmenter:
        assert segmenter.path == wider / "fcn8-m1-int8.tflite"
    variant = parse_variant("fcn8-m1:nearest:float32@96x64", zoo.names())
    assert (variant.name, variant.upsampling, variant.size) == ("fcn8-m1", "nearest", Size(96, 64))
    embedded = file_of(parse_variant("fcn8-m1", zoo.names()), lambda _: None)
    assert embedded == wider / "fcn8-m1-int8.tflite"


@pytest.mark.convert
def test_names_of_two_parts_convert(wider: Path) -> None:
    from edgeseg.converters.load import locate

    assert locate("fcn8-m1") == (wider / "fcn8-m1.keras", None)
    assert locate("fcn8-m1:transpose") == (wider / "fcn8-m1.keras", "transpose")


@pytest.mark.parametrize("name", zoo.names())
def test_golden_mask(name: str) -> None:
    """Masks of LiteRT's XNNPACK kernels; other kernels round differently on a percent of pixels."""
    frame = cv2.imread(str(DATA / "street.png"))
    with open_segmenter(name) as segmenter:
        mask = segmenter.segment(frame).mask
        least = 0.998 if "XNNPACK" in segmenter.runtime.name else 0.96
    golden = cv2.imread(str(DATA / f"street-{name}.png"), cv2.IMREAD_UNCHANGED)
    assert metrics.agreement(golden, mask) >= least


def test_the_default_reads_the_rendered_street() -> None:
    total = np.zeros((len(STREET.names),) * 2, np.int64)
    with open_segmenter(None) as segmenter:
        for seed in range(3):
            frame, truth = render_street(seed, 2.0, Size(640, 360))
            mask = segmenter.segment(frame).mask
            total += metrics.confusion(truth, mask, len(STREET.names))
    assert metrics.pixel_accuracy(total) > 0.8
    assert metrics.mean_iou(total) > 0.4


def test_cache_follows_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EDGESEG_CACHE", "/somewhere")
    assert zoo.cache_dir() == Path("/somewhere")
    monkeypatch.delenv("EDGESEG_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", "/base")
    assert zoo.cache_dir() == Path("/base/edgeseg")
    monkeypatch.delenv("XDG_CACHE_HOME")
    assert zoo.cache_dir() == Path.home() / ".cache" / "edgeseg"
