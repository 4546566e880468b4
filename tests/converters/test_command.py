"""The command in the report is the one that was asked for."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Any

import pytest

from edgeseg.cli.convert import _options as options_of
from edgeseg.cli.convert import convert
from edgeseg.converters import ConvertOptions
from edgeseg.converters.command import command_line
from edgeseg.manifest import Size

pytestmark = pytest.mark.convert


@pytest.mark.parametrize(
    "more",
    [
        {},
        {"precision": "float16", "head": "argmax"},
        {"precision": "int8", "calibration": "my frames/*.png", "frames": 25, "io": "uint8"},
        {"precision": "int8", "max_drop": 0.5, "sensitivity": True, "refine": False},
        {"precision": "int8", "report": Path("a page.html")},
        {"precision": "int16x8", "input_size": Size(320, 240), "min_agreement": 0.95},
        {"precision": "int8", "target": "ethos-u55-128", "compiled": True},
        {"swap": "refit", "finetune_epochs": 5},
        {"normalize": "0..1", "color": "bgr", "resize": "letterbox", "threads": 2},
    ],
)
def test_typed_again_it_asks_for_the_same(more: dict[str, Any], tmp_path: Path) -> None:
    asked = ConvertOptions("fcn8:transpose", tmp_path / "o.tflite", **more)
    words = shlex.split(command_line(asked))
    assert words[:2] == ["edgeseg", "convert"]
    given = convert.make_context("convert", words[2:]).params
    for flag in ("as_json", "explain"):
        given.pop(flag)
    assert options_of(given.pop("model"), given.pop("output"), given) == asked


def test_what_is_usual_is_left_out() -> None:
    plain = ConvertOptions("fcn8", Path("o.tflite"), "int8")
    assert command_line(plain) == "edgeseg convert fcn8 --int8 -o o.tflite"
