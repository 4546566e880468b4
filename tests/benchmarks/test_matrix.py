"""`--matrix`: which variants a few axes stand for."""

from __future__ import annotations

import pytest

from edgeseg.benchmarks.matrix import expand
from edgeseg.errors import ConfigError


def test_it_is_every_combination_the_last_axis_changing_first() -> None:
    assert expand("fcn32,fcn8 x bilinear x 1t,2t") == [
        "fcn32:bilinear:1t",
        "fcn32:bilinear:2t",
        "fcn8:bilinear:1t",
        "fcn8:bilinear:2t",
    ]


def test_sizes_stand_last_whatever_their_axis() -> None:
    assert expand("fcn8 x @512,@480x352 x int8") == ["fcn8:int8@512", "fcn8:int8@480x352"]


def test_one_axis_is_a_list_and_doubles_count_once() -> None:
    assert expand("fcn8, fcn16 ,fcn8") == ["fcn8", "fcn16"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", ["no model"]),
        ("fcn8 x int8,bilinear", ["mixes precision and upsampling"]),
        ("fcn8 x int8 x float32", ["two axes choose the precision"]),
        ("fcn8 x @512 x @256", ["two axes choose the size"]),
        (
            "fcn8 x int7,bilinear x 1t x 2t",
            ["'int7', no known part", "two axes choose the threads"],
        ),
        ("fcn8 x , x int8", ["is empty"]),
    ],
)
def test_mistakes_are_told_together(text: str, words: list[str]) -> None:
    with pytest.raises(ConfigError) as caught:
        expand(text)
    assert all(word in str(caught.value) for word in [*words, "expected as in"])
