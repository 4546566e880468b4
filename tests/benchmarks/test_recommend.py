"""What `edgeseg recommend` names, and why."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from edgeseg.benchmarks.accuracy import Accuracy
from edgeseg.benchmarks.paired import Recording, Round, WarmUp
from edgeseg.benchmarks.recommend import Wishes, advise, sentences
from edgeseg.benchmarks.record import load
from edgeseg.benchmarks.suite import BenchReport
from edgeseg.cli import main

DATA = Path(__file__).parent.parent / "data"
INT8 = str(DATA / "tiny-int8.tflite")
NAMES = ("a", "b", "c")


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory) -> BenchReport:
    path = tmp_path_factory.mktemp("recommend") / "kept.json"
    words = ["recommend", INT8, f"{INT8}:1t", f"{INT8}:2t", "--budget", "9s", "--seconds", "0.3"]
    assert main([*words, "--json", str(path)]) == 0
    return load(path)


def measured(real: BenchReport, times_ms: list[float], mious: list[float]) -> BenchReport:
    """A report of three variants whose frames take these times, every tenth half as long again."""
    calls = np.array([1.0] * 9 + [1.5])
    blocks = tuple(np.outer(calls, [time / 4e3] * 4) for time in times_ms)
    rounds = [Round(sitting, (0, 1, 2), blocks) for sitting in range(6)]
    warm = [WarmUp(9, 0.2, True, 0.004)] * 3
    cases = tuple(replace(c, label=name) for c, name in zip(real.cases, NAMES, strict=True))
    found = tuple(Accuracy(miou, None, 9, "data") for miou in mious)
    recording = Recording(NAMES, warm, rounds, 6.0)
    return replace(real, cases=cases, recording=recording, accuracy=found)


def test_the_most_accurate_that_fits_is_named(real: BenchReport) -> None:
    report = measured(real, [10, 20, 40], [0.5, 0.6, 0.7])
    wishes = Wishes(budget_ms=35, min_miou=0.4)
    advice = advise(report, wishes)
    assert advice.best is advice.candidates[1]
    assert [one.fits for one in advice.candidates] == [True, True, False]
    assert "p95 60.0 ms is over 35 ms" in advice.candidates[2].reasons
    (text,) = sentences(advice, wishes)
    assert text == "take b: p95 30.00 ms of 35, mIoU 0.600; the most accurate of the 2 that fit"


def test_the_95th_percentile_counts_not_the_median(real: BenchReport) -> None:
    report = measured(real, [10, 20, 40], [0.5, 0.6, 0.7])
    assert advise(report, Wishes(budget_ms=25)).best is not None
    assert advise(report, Wishes(budget_ms=25)).best.standing.label == "a"  # type: ignore[union-attr]


def test_of_equally_accurate_ones_the_quickest(real: BenchReport) -> None:
    report = measured(real, [20, 10, 15], [0.6, 0.6, 0.5])
    advice = advise(report, Wishes(budget_ms=100))
    assert advice.best is advice.candidates[1]
    assert [one.is_dominated for one in advice.candidates] == [True, False, True]


def test_where_none_fits_the_nearest_is_told(real: BenchReport) -> None:
    report = measured(real, [10, 20, 40], [0.5, 0.6, 0.7])
    wishes = Wishes(budget_ms=14, min_miou=0.65)
    advice = advise(report, wishes)
    assert advice.best is None
    assert advice.nearest is advice.candidates[0]
    first, second = sentences(advice, wishes)
    assert "none of 3 fits; a comes nearest: p95 15.0 ms is over 14 ms and mIoU 0.500" in first
    assert "--min-miou" in second


def test_the_command_exits_with_1_when_none_fits(
    real: BenchReport, capsys: pytest.CaptureFixture[str]
) -> None:
    del real
    words = ["recommend", INT8, "--seconds", "0.2", "--threads", "1"]
    assert main([*words, "--budget", "0.0001ms"]) == 1
    assert "comes nearest" in capsys.readouterr().out
    assert main([*words, "--budget", "1fps"]) == 0
    assert "take tiny-int8.tflite: p95" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--budget", "soon"], "expected for example 50ms"),
        (["--budget", "0ms"], "is no time"),
        (["--budget", "9ms", "--min-miou", "0.5"], "--data DIR"),
        ([], "--budget"),
    ],
)
def test_mistakes_are_told_in_one_line(
    words: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["recommend", INT8, *words]) == 2
    err = capsys.readouterr().err
    assert message in err
    assert err.strip().count("\n") == 0


def test_its_measurement_is_one_of_bench(real: BenchReport, tmp_path: Path) -> None:
    from edgeseg.benchmarks.record import save_json

    save_json(real, tmp_path / "kept.json")
    assert json.loads((tmp_path / "kept.json").read_text())["options"]["what"] == "frame"
