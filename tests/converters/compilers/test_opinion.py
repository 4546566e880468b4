"""Table and compiler together: the compiler's word stands above, and disagreement is shown."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from edgeseg.converters.compilers import vela
from edgeseg.converters.compilers.opinion import Opinion, opinion
from edgeseg.converters.compilers.word import LeftOut, Word
from edgeseg.converters.delegates.op import read_ops
from edgeseg.converters.delegates.target import Rule

Target = Callable[..., Any]
Make = Callable[..., bytes]

RUNS = Rule("this test", remedy="subpixel")
NEVER = Rule("this test", runs=False, remedy="bilinear")

needs_vela = pytest.mark.skipif(bool(vela.why_not()), reason=vela.why_not())


def ask_all(content: bytes, target: Any, **options: Any) -> Opinion:
    return opinion(content, read_ops(content), target, **options)


@needs_vela
def test_a_wrong_table_is_overruled_and_the_dispute_shown(
    make_file: Make, make_target: Target
) -> None:
    table = {"CONV_2D": NEVER, "TRANSPOSE_CONV": RUNS}
    target = make_target("vela", table, accelerator="ethos-u55-128")
    found = ask_all(make_file("learned", "int8"), target)
    assert [placement.op.name for placement in found.left_out] == ["TRANSPOSE_CONV"]
    assert found.verdict == "falls back"
    assert [(one.op.name, one.table_runs) for one in found.disputes] == [
        *[("CONV_2D", False)] * 4,
        ("TRANSPOSE_CONV", True),
    ]
    assert "stride out of range" in found.disputes[-1].reason
    assert found.left_out[0].remedy == "subpixel"  # the table's, since Vela has none


@needs_vela
def test_a_right_table_is_not_disputed(make_file: Make, make_target: Target) -> None:
    table = {"CONV_2D": RUNS, "TRANSPOSE_CONV": RUNS}
    target = make_target("vela", table, accelerator="ethos-u85-256")
    found = ask_all(make_file("learned", "int8"), target)
    assert (found.verdict, found.disputes) == ("runs", ())


def test_the_share_of_macs_that_falls_back(make_file: Make, make_target: Target) -> None:
    content = make_file("learned")
    ops = read_ops(content)
    found = ask_all(content, make_target("", {"CONV_2D": RUNS}))
    assert found.macs_left_out == pytest.approx(ops[4].macs / sum(op.macs for op in ops))
    assert found.silence
    assert found.verdict == "falls back"


def test_one_missing_operator_keeps_a_file_from_loading(
    make_file: Make, make_target: Target
) -> None:
    found = ask_all(make_file("learned"), make_target("", {"CONV_2D": RUNS}, fallback="fails"))
    assert found.verdict == "fails"


def test_the_compiler_is_not_run_unasked(
    make_file: Make, make_target: Target, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("edgeseg.converters.compilers.opinion.ask", lambda *_: pytest.fail("run"))
    found = ask_all(make_file("learned"), make_target("xnnpack"), compile=False)
    assert found.word is None
    assert "not asked" in found.silence


def test_an_operator_of_the_wrong_type_needs_another_precision(
    make_file: Make, make_target: Target
) -> None:
    from dataclasses import replace

    floats = replace(make_target("", {"CONV_2D": NEVER}), types=("int8",))
    assert {one.remedy for one in ask_all(make_file("learned"), floats).left_out} == {"--int8"}


def said(content: bytes, target: Any, word: Word, monkeypatch: pytest.MonkeyPatch) -> Opinion:
    monkeypatch.setattr("edgeseg.converters.compilers.opinion.ask", lambda *_: word)
    return ask_all(content, target)


def test_wrong_numbers_weigh_more_than_a_full_acceleration(
    make_file: Make, make_target: Target, monkeypatch: pytest.MonkeyPatch
) -> None:
    word = Word("a GPU", wrong="by 60 %", culprit=4)
    table = {"CONV_2D": RUNS, "TRANSPOSE_CONV": RUNS}
    found = said(make_file("learned"), make_target("gpu", table), word, monkeypatch)
    assert found.verdict == "wrong"
    assert [one.op.index for one in found.left_out] == [4]
    assert [one.table_runs for one in found.disputes] == [True]


def test_a_compiler_that_stopped_early_leaves_the_rest_to_the_table(
    make_file: Make, make_target: Target, monkeypatch: pytest.MonkeyPatch
) -> None:
    word = Word("a runtime", (LeftOut("CONV_2D", "", "no", 0),), is_whole=False)
    table = {"CONV_2D": RUNS, "TRANSPOSE_CONV": NEVER}
    found = said(make_file("learned"), make_target("tflm", table), word, monkeypatch)
    assert [one.op.index for one in found.left_out] == [0, 4]
    assert [one.op.index for one in found.disputes] == [0]


def test_an_operator_that_only_the_compiler_has_counts(
    make_file: Make, make_target: Target, monkeypatch: pytest.MonkeyPatch
) -> None:
    word = Word("a compiler", (LeftOut("QUANTIZE", "", "its own", None),))
    table = {"CONV_2D": RUNS, "TRANSPOSE_CONV": RUNS}
    found = said(make_file("learned"), make_target("vela", table), word, monkeypatch)
    assert found.left_out == ()
    assert [left.name for left in found.apart] == ["QUANTIZE"]
    assert found.verdict == "falls back"
