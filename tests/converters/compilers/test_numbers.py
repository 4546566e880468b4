"""When numbers count as wrong, and the inputs that they are compared on."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgeseg.converters.compilers.probes import difference, probe
from edgeseg.converters.compilers.verdict import agreement, verdict

DATA = Path(__file__).parents[2] / "data"


def differ(kind: str, largest: float, noise: float = 0.0) -> dict[str, Any]:
    return {"kind": kind, "largest": largest, "noise": noise, "winners": 0.25}


@pytest.mark.parametrize(
    ("found", "options", "is_right"),
    [
        (differ("float", 9e-4), {}, True),
        (differ("float", 2e-3), {}, False),
        (differ("float", 2e-3), {"is_hybrid": True}, True),
        (differ("float", math.inf), {}, False),
        (differ("float", math.nan), {}, False),
        (differ("steps", 8, noise=1), {}, True),
        (differ("steps", 9, noise=1), {}, False),
        (differ("steps", 28, noise=14), {}, True),
        (differ("steps", 1), {"exact": True}, False),
        (differ("steps", 0), {"exact": True}, True),
        (differ("float", 9e-4), {"exact": True}, True),
        (differ("classes", 0.004), {}, True),
        (differ("classes", 0.02, noise=0.015), {}, True),
        (differ("classes", 0.02), {}, False),
    ],
)
def test_limits(found: dict[str, Any], options: dict[str, bool], is_right: bool) -> None:
    assert (verdict(found, "the reference", **options) == "") == is_right


def test_the_verdict_names_the_figure() -> None:
    assert verdict(differ("steps", 101, noise=6), "LiteRT's kernels") == (
        "its output differs from LiteRT's kernels: up to 101 steps of its quantization "
        "(12 can be rounding), and 25 % of the pixels change class"
    )


@pytest.mark.parametrize(
    ("found", "said"),
    [
        (differ("float", 1.234e-5), "within 0.0012 % of the output's range, compared with it"),
        (differ("float", 1e-9), "within 0.0001 % of the output's range, compared with it"),
        (differ("steps", 1), "within 1 step of the output's quantization, compared with it"),
        (differ("steps", 0), "equal to it, bit for bit"),
        (differ("classes", 0.01), "the same class on 99 % of the pixels, compared with it"),
    ],
)
def test_right_numbers_have_a_figure_too(found: dict[str, Any], said: str) -> None:
    assert agreement(found, "it") == said


def test_floats_differ_by_a_share_of_their_range() -> None:
    want = np.zeros((1, 2, 2, 2), np.float32)
    want[0, 0, 0] = (0, 10)
    out = want.copy()
    out[0, 0, 0] = (11, 10)
    found = difference([out], [want], [False])
    assert found["kind"] == "float"
    assert found["largest"] == pytest.approx(1.1)
    assert found["winners"] == pytest.approx(1 / 4)


def test_integers_differ_by_steps_and_class_maps_by_pixels() -> None:
    want = np.array([[[[1], [2]]]], np.int8)
    out = np.array([[[[1], [-125]]]], np.int8)
    assert difference([out], [want], [True])["largest"] == 127
    found = difference([out.astype(np.int32)], [want.astype(np.int32)], [False])
    assert (found["kind"], found["largest"], found["winners"]) == ("classes", 0.5, None)


def test_what_is_not_finite_differs_without_bound() -> None:
    want = np.ones((1, 4), np.float32)
    out = np.array([[1, np.nan, 1, 1]], np.float32)
    assert difference([out], [want], [False])["largest"] == math.inf
    assert difference([out], [out], [False])["largest"] == 0


def test_probes_use_the_range_that_the_input_has() -> None:
    model = (DATA / "tiny-float32.tflite").read_bytes()
    whole = {"shape": (1, 32, 48, 3), "dtype": np.int8}
    noise = probe(whole, model, 0)
    assert noise.dtype == np.int8
    assert noise.min() < -100
    assert noise.max() > 100
    assert np.array_equal(noise, probe(whole, model, 0))
    assert not np.array_equal(noise, probe(whole, model, 1))
