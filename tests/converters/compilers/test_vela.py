"""Vela's output read, and Vela itself run where it is installed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from edgeseg.converters.compilers import ask, compile_vela, vela
from edgeseg.errors import ConfigError, MissingExtraError, ModelError
from edgeseg.modelfile import read_manifest

DATA = Path(__file__).parents[2] / "data"
ZOO = Path(__file__).parents[3] / "edgeseg" / "zoo"

needs_vela = pytest.mark.skipif(bool(vela.why_not()), reason=vela.why_not())

PRINTED = """
Warning (supported operators) operator: TRANSPOSE_CONV, ofm: 'Identity'
Reason: stride out of range: (8,8)
Stride values WxH must be: 1x1 OR 2x2

Warning (supported operators) operator: RESIZE_BILINEAR, ofm: 'up/resize'
Reason: Scaling matches and operation has unsupported scale-factor=8
IF align corners:
  - Scale-factor is defined as OFM H-1 / IFM H-1

Warning (supported operators) operator: RELU, ofm: 'a/Relu;a/BiasAdd'
Reason: Operation has tensor with unsupported DataType Float32 (a/Relu;a/BiasAdd_act)
Feature-map dataTypes must be one of {"INT8"}

Network summary for x
"""


def test_reasons_are_read_by_the_output_and_long_rules_left_out() -> None:
    assert vela.reasons(PRINTED) == {
        "Identity": "stride out of range: (8,8); Stride values WxH must be: 1x1 OR 2x2",
        "up/resize": "Scaling matches and operation has unsupported scale-factor=8",
        "a/Relu;a/BiasAdd": (
            "Operation has tensor with unsupported DataType Float32; "
            'Feature-map dataTypes must be one of {"INT8"}'
        ),
    }


def test_the_summary_gives_numbers_and_leaves_words_out() -> None:
    row = vela.read_summary("network,cycles_total,inference_time\nx,12,1.5e-05\n")
    assert row == {"cycles_total": 12, "inference_time": 1.5e-05}


@needs_vela
def test_what_falls_back_is_found_although_vela_ends_well(make_file: Callable[..., bytes]) -> None:
    compiled = compile_vela(make_file("learned", "int8"), "ethos-u55-128")
    (left,) = compiled.cpu_operators
    assert left.name == "TRANSPOSE_CONV"
    assert left.index == 4
    assert left.reason.startswith("stride out of range: (8,8)")
    assert compiled.cycles > 0


@needs_vela
@pytest.mark.parametrize("accelerator", ["ethos-u55-128", "ethos-u65-256", "ethos-u85-256"])
def test_a_zoo_file_compiles_whole_and_keeps_its_manifest(accelerator: str) -> None:
    original = (ZOO / "fcn8-int8.tflite").read_bytes()
    compiled = compile_vela(original, accelerator)
    assert compiled.cpu_operators == ()
    assert read_manifest(compiled.tflite) == read_manifest(original)
    assert 1 < compiled.inference_ms < 100
    assert compiled.sram_bytes + compiled.dram_bytes > 100_000


@needs_vela
def test_floats_are_left_to_the_cpu_operator_by_operator(
    make_target: Callable[..., Any],
) -> None:
    content = (DATA / "tiny-float32.tflite").read_bytes()
    word = ask(content, make_target("vela", accelerator="ethos-u55-128"))
    assert not isinstance(word, str)
    assert [left.index for left in word.left_out] == [0, 1]
    assert all("DataType Float32" in left.reason for left in word.left_out)
    assert not word.figures  # Vela gives a time of zero here, which would look like a fast network


@needs_vela
def test_a_file_that_vela_gives_up_on_is_a_word(make_target: Callable[..., Any]) -> None:
    content = (DATA / "tiny-argmax.tflite").read_bytes()
    word = ask(content, make_target("vela", accelerator="ethos-u55-128"))
    assert not isinstance(word, str)
    assert "ARGMAX" in word.failed
    assert not word.is_good
    with pytest.raises(ModelError, match="Vela cannot compile this file"):
        compile_vela(content, "ethos-u55-128")


@needs_vela
def test_an_unknown_accelerator_is_named() -> None:
    with pytest.raises(ConfigError, match="ethos-u55-64"):
        compile_vela(b"", "ethos-u55-100")


def test_without_vela_the_extra_is_named(
    monkeypatch: pytest.MonkeyPatch, make_target: Callable[..., Any]
) -> None:
    monkeypatch.setattr(vela, "installed", lambda _: "")
    with pytest.raises(MissingExtraError, match=r"edgeseg\[vela\]"):
        compile_vela(b"", "ethos-u55-128")
    answer = ask(b"", make_target("vela", accelerator="ethos-u55-128"))
    assert answer == "Vela is not installed; type: pip install 'edgeseg[vela]'"
