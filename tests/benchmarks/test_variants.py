"""The grammar of variants."""

from __future__ import annotations

from itertools import permutations
from pathlib import Path

import pytest

from edgeseg.benchmarks.variants import Variant, parse_variant, split_versus
from edgeseg.errors import ConfigError
from edgeseg.manifest import Size

ZOO = ("fcn8", "fcn16", "fcn32")


def test_a_bare_name_means_int8_with_the_usual_head() -> None:
    assert parse_variant("fcn8", ZOO) == Variant("fcn8", "fcn8", None, "int8", "auto", None)


def test_parts_come_in_any_order() -> None:
    for parts in permutations(("transpose", "float32", "full")):
        text = ":".join(("fcn16", *parts)) + "@320x240"
        found = parse_variant(text, ZOO)
        assert found == Variant(text, "fcn16", "transpose", "float32", "full", Size(320, 240))


def test_a_tflite_file_takes_no_parts_and_keeps_odd_names() -> None:
    assert parse_variant("run@2/a:b.tflite", ZOO).is_file
    with pytest.raises(ConfigError, match="measured as it is"):
        parse_variant("a.tflite:int8", ZOO)


def test_threads_and_runtime_are_parts_of_zoo_models_and_of_files() -> None:
    assert parse_variant("fcn8:2t:litert", ZOO).threads == 2
    assert parse_variant("fcn8:int8:2t:litert", ZOO).runtime == "litert"
    found = parse_variant("run@2/a:b.tflite:12t:tf", ZOO)
    assert (found.name, found.threads, found.runtime) == ("run@2/a:b.tflite", 12, "tf")
    assert found.is_file


def test_one_side_is_a_square() -> None:
    assert parse_variant("fcn8:int8@512", ZOO).size == Size(512, 512)


def test_a_keras_file_takes_parts(tmp_path: Path) -> None:
    path = tmp_path / "mine.keras"
    path.touch()
    found = parse_variant(f"{path}:nearest@64x32", ZOO)
    assert (found.name, found.upsampling, found.size) == (str(path), "nearest", Size(64, 32))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("fcn9", ["did you mean 'fcn8'", "fcn8, fcn16, fcn32"]),
        ("fcn8:bilnear", ["did you mean 'bilinear'", "int16x8"]),
        ("fcn8:int8:float32", ["second precision beside 'int8'"]),
        ("fcn8@480by352", ["@480by352 is not a size", "@480x352"]),
        ("fcn8@0x10", ["@0x10 is not a size"]),
        ("fcn8:0t", ["'0t' is no number of threads", "1t to 256t"]),
        ("fcn8:1t:2t", ["second threads beside '1t'"]),
        ("a.tflite:1t@512", ["@512 has no place behind a .tflite"]),
        ("none.keras", ["there is no model 'none.keras'"]),
        ("fcn9:what@x", ["fcn9", "'what'", "@x"]),  # all reasons at once
    ],
)
def test_errors_say_what_is_known(text: str, words: list[str]) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_variant(text, ZOO)
    for word in words:
        assert word in str(caught.value)


def test_versus_separates() -> None:
    assert split_versus(["a", "vs", "b", "VS", "c"]) == ["a", "b", "c"]
    assert split_versus(["a"]) == ["a"]


@pytest.mark.parametrize("words", [["a", "b"], ["a", "vs"], ["vs", "b"], ["a", "vs", "vs", "b"]])
def test_versus_stands_between_two(words: list[str]) -> None:
    with pytest.raises(ConfigError, match="type"):
        split_versus(words)
