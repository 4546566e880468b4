"""What XNNPACK and TFLite Micro say of files, in processes of their own."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from edgeseg.converters.compilers import Word, ask, judge, tflm, why_not
from edgeseg.converters.compilers.process import run

DATA = Path(__file__).parents[2] / "data"

Target = Callable[..., Any]
Make = Callable[..., bytes]

needs_micro = pytest.mark.skipif(bool(tflm.why_not()), reason=tflm.why_not())


def word_of(content: bytes, target: Any) -> Word:
    answer = ask(content, target)
    assert isinstance(answer, Word), answer
    return answer


def test_xnnpack_takes_a_float_network_whole(make_target: Target) -> None:
    word = word_of((DATA / "tiny-float32.tflite").read_bytes(), make_target("xnnpack"))
    assert word.is_good
    assert word.compiler.startswith("XNNPACK of LiteRT 2")


def test_integers_are_rounded_differently_and_right(make_target: Target, make_file: Make) -> None:
    # Version 2 of DEPTH_TO_SPACE is not in LiteRT's list of reference kernels.
    word = word_of(make_file("shuffled", "int8"), make_target("xnnpack"))
    assert word.is_good
    assert word.right


def test_xnnpack_leaves_an_arg_max_out(make_target: Target) -> None:
    word = word_of((DATA / "tiny-argmax.tflite").read_bytes(), make_target("xnnpack"))
    assert [(left.name, left.index) for left in word.left_out] == [("ARG_MAX", 2)]
    assert not word.wrong


@needs_micro
@pytest.mark.parametrize("up", ["learned", "shuffled"])
def test_micro_runs_an_integer_network_bit_for_bit(
    make_target: Target, make_file: Make, up: str
) -> None:
    word = word_of(make_file(up, "int8"), make_target("tflm"))
    assert word.is_good
    assert word.right == "equal to LiteRT's reference kernels, bit for bit"
    assert 10_000 < word.figures["arena_bytes"] < 1_000_000


@needs_micro
def test_micro_names_the_operator_that_it_lacks(make_target: Target, make_file: Make) -> None:
    word = word_of(make_file("nearest", "int8"), make_target("tflm"))
    assert {(left.name, left.reason) for left in word.left_out} == {
        ("TILE", "TFLite Micro has no TILE")
    }
    assert not word.is_whole


def test_the_operator_that_micro_stops_at_is_read_from_its_output(make_file: Make) -> None:
    from edgeseg.converters.delegates.op import read_ops

    ops = read_ops(make_file("learned"))
    said = "tensorflow/lite/x.cc Hybrid models are not supported on TFLite Micro.\n"
    failed = f"{said}Node TRANSPOSE_CONV (number 4) failed to prepare with status 1\n"
    (left,) = tflm.missing(failed, ops)
    assert (left.name, left.index) == ("TRANSPOSE_CONV", 4)
    assert left.reason == "Hybrid models are not supported on TFLite Micro."
    assert tflm.missing("Segmentation fault\n", ops) == ()


def test_a_target_without_a_compiler_says_so(make_target: Target) -> None:
    assert judge(b"", make_target("")) is None
    assert "not to be had" in why_not(make_target(""))


@pytest.mark.parametrize(
    ("code", "ended"),
    [
        ("print('fine')", ""),
        ("raise SystemExit(3)", "it ended with code 3"),
        ("import os; os.abort()", "it crashed (SIGABRT)"),
        ("import time; print('slow', flush=True); time.sleep(60)", "it had no answer after 1 s"),
    ],
)
def test_a_process_is_known_by_how_it_ends(tmp_path: Path, code: str, ended: str) -> None:
    done = run([sys.executable, "-c", code], tmp_path, 1 if "sleep" in code else 30)
    assert done.ended == ended
    if "print" in code:
        assert done.output.strip() in ("fine", "slow")


def test_a_runtime_that_crashes_is_a_word(
    make_target: Target, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("edgeseg.converters.compilers.process._CHILD", "antigravity_missing")
    word = word_of((DATA / "tiny-float32.tflite").read_bytes(), make_target("xnnpack"))
    assert "LiteRT cannot run this file" in word.failed
    assert "antigravity_missing" in word.failed
