"""Which file a variant is measured by."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from edgeseg import zoo
from edgeseg.benchmarks import making
from edgeseg.benchmarks.making import cached_path, file_of
from edgeseg.benchmarks.variants import Variant, parse_variant
from edgeseg.errors import MissingExtraError, ModelError, OutputError
from edgeseg.manifest import Size
from edgeseg.modelfile import read_manifest

DATA = Path(__file__).parent.parent / "data"
TINY = DATA / "tiny-int8.tflite"


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "cache"
    monkeypatch.setenv("EDGESEG_CACHE", str(folder))
    return folder


@pytest.fixture
def small_zoo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A zoo whose one model is the tiny one of the tests."""
    folder = tmp_path / "zoo"
    folder.mkdir()
    (folder / "tiny.keras").write_bytes(b"a Keras model")
    (folder / "tiny-int8.tflite").write_bytes(TINY.read_bytes())
    monkeypatch.setattr(zoo, "_HOME", folder)
    return "tiny"


def silent(text: str) -> None:
    del text


def without_tensorflow(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(making, "find_spec", lambda name: None)  # noqa: ARG005


def test_a_tflite_file_is_itself() -> None:
    assert file_of(parse_variant(str(TINY), ()), silent) == TINY


def test_the_zoo_file_is_used_where_it_is_what_was_asked_for(small_zoo: str) -> None:
    manifest = read_manifest(TINY.read_bytes())
    assert manifest is not None
    embedded = zoo.resolve_tflite(small_zoo)
    asked = Variant(small_zoo, small_zoo)
    same = replace(asked, size=manifest.preparation.size, upsampling=manifest.upsampling)
    assert file_of(asked, silent) == embedded
    assert file_of(same, silent) == embedded


@pytest.mark.parametrize(
    "parts",
    [{"precision": "float32"}, {"head": "full"}, {"upsampling": "x"}, {"size": Size(8, 8)}],
)
def test_any_other_variant_is_made_and_that_needs_tensorflow(
    parts: dict[str, object], small_zoo: str, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    without_tensorflow(monkeypatch)
    variant = replace(Variant(small_zoo, small_zoo), **parts)  # type: ignore[arg-type]
    with pytest.raises(MissingExtraError, match=r"edgeseg\[convert\]"):
        file_of(variant, silent)
    made = cached_path(variant, zoo.resolve_keras(small_zoo))
    made.parent.mkdir()
    made.touch()
    assert made.parent == cache
    assert file_of(variant, silent) == made  # no TensorFlow needed any more


def test_the_cached_name_holds_all_that_the_content_follows_from(
    tmp_path: Path, cache: Path
) -> None:
    source = tmp_path / "mine.keras"
    source.write_bytes(b"one")
    variant = Variant("x", str(source))
    first = cached_path(variant, source)
    others = [
        cached_path(replace(variant, upsampling="nearest"), source),
        cached_path(replace(variant, precision="float16"), source),
        cached_path(replace(variant, head="argmax"), source),
        cached_path(replace(variant, size=Size(64, 32)), source),
    ]
    source.write_bytes(b"two")
    others.append(cached_path(variant, source))
    assert len({first, *others}) == 6
    assert first.parent == cache


def test_a_cache_that_cannot_be_made_names_the_way_out(
    tmp_path: Path, small_zoo: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("EDGESEG_CACHE", str(tmp_path / "file" / "cache"))
    monkeypatch.setattr(making, "find_spec", lambda name: name)
    with pytest.raises(OutputError, match="EDGESEG_CACHE"):
        file_of(Variant(small_zoo, small_zoo, precision="float32"), silent)


@pytest.mark.convert
@pytest.mark.usefixtures("cache")
def test_what_fails_in_the_making_is_told_here(small_zoo: str) -> None:
    """The zoo's Keras file is no Keras file; the child process says so, this one raises it."""
    with pytest.raises(ModelError, match=r"making tiny: .*tiny\.keras"):
        file_of(Variant("tiny", small_zoo, precision="float32"), silent)


@pytest.mark.convert
@pytest.mark.slow
def test_a_variant_is_made_once(tmp_path: Path, cache: Path) -> None:
    from edgeseg.fcn.card import ModelCard, build, save_model
    from edgeseg.labels import STREET
    from edgeseg.manifest import Preparation

    preparation = Preparation(Size(64, 64))
    card = ModelCard(
        "fcn32", "mobilenetv2-0.35", "bilinear", STREET.names, STREET.palette, preparation
    )
    source = tmp_path / "small.keras"
    save_model(build(card), card, source)
    said: list[str] = []
    variant = parse_variant(f"{source}:transpose:float32", ())
    made = file_of(variant, said.append)
    manifest = read_manifest(made.read_bytes())
    assert manifest is not None
    assert (manifest.upsampling, manifest.precision) == ("transpose", "float32")
    assert made.parent == cache
    assert "making it, once" in said[0]
    said.clear()
    assert file_of(variant, said.append) == made
    assert said == []
