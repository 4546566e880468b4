"""A measurement against one that was kept."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgeseg.benchmarks.baseline import Change, against, two_sample_ratio
from edgeseg.benchmarks.paired import Recording, Round, WarmUp
from edgeseg.benchmarks.suite import BenchReport
from edgeseg.cli import main
from edgeseg.errors import ConfigError

DATA = Path(__file__).parent.parent / "data"
INT8 = str(DATA / "tiny-int8.tflite")


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> BenchReport:
    """A real report; its rounds are replaced."""
    from edgeseg.benchmarks.record import load

    path = tmp_path_factory.mktemp("baseline") / "kept.json"
    words = ["bench", INT8, "vs", f"{INT8}:2t", "--seconds", "0.3", "--threads", "1"]
    assert main([*words, "--save-baseline", str(path)]) == 0
    return load(path)


def with_times(kept: BenchReport, *medians_s: float, noise: float = 0.004) -> BenchReport:
    rng = np.random.default_rng(round(sum(medians_s) * 1e6))
    rounds = [
        Round(
            sitting,
            (0, 1),
            tuple(np.array([[m * np.exp(noise * rng.standard_normal())]]) for m in medians_s),
        )
        for sitting in range(10)
        for _ in range(4)
    ]
    warm = [WarmUp(9, 0.2, True, 0.004)] * 2
    recording = Recording(kept.recording.labels, warm, rounds, 9.0)
    return replace(kept, recording=recording)


@pytest.mark.parametrize(
    ("second_s", "change"),
    [(0.004, Change.KEPT), (0.0043, Change.SLOWER), (0.0037, Change.FASTER)],
)
def test_times_on_the_same_machine(kept: BenchReport, second_s: float, change: Change) -> None:
    found = against(with_times(kept, 0.005, second_s), with_times(kept, 0.005, 0.004), 0.05)
    assert [row.change for row in found.rows] == [Change.KEPT, change]
    assert found.is_slower == (change is Change.SLOWER)
    assert not found.as_ratios
    assert found.rows[1].now == pytest.approx(second_s, rel=0.01)


def test_a_noisy_change_is_unclear(kept: BenchReport) -> None:
    now = with_times(kept, 0.005, 0.0042, noise=0.3)
    assert against(now, with_times(kept, 0.005, 0.004), 0.05).rows[1].change is Change.UNCLEAR


def test_another_machine_compares_ratios(kept: BenchReport) -> None:
    """Twice as slow throughout is no change; a ratio that grew is one."""
    elsewhere = replace(kept.host, cpu="Some CPU")
    then = replace(with_times(kept, 0.005, 0.004), host=elsewhere)
    found = against(with_times(kept, 0.010, 0.008), then)
    assert found.as_ratios
    assert [row.change for row in found.rows] == [Change.KEPT]
    assert found.rows[0].then == pytest.approx(0.8, rel=0.01)
    assert "Some CPU" in found.machines[0]
    assert against(with_times(kept, 0.010, 0.010), then).is_slower


def test_what_cannot_be_compared_is_refused(kept: BenchReport) -> None:
    times = with_times(kept, 0.005, 0.004)
    frames = replace(times, options=replace(times.options, what="frame"))
    with pytest.raises(ConfigError, match="--what frame"):
        against(times, frames)
    others = tuple(replace(case, label=f"other {case.label}") for case in times.cases)
    with pytest.raises(ConfigError, match="measure the same variants"):
        against(times, replace(times, cases=others))
    with pytest.raises(ConfigError, match="name that first"):
        against(times, replace(times, cases=others, host=replace(kept.host, cpu="Some CPU")))


def test_variants_of_one_side_are_named(kept: BenchReport) -> None:
    times = with_times(kept, 0.005, 0.004)
    renamed = (times.cases[0], replace(times.cases[1], label="older"))
    found = against(times, replace(times, cases=renamed))
    assert len(found.rows) == 1
    assert found.left_out == (
        f"{times.cases[1].label} is not in the baseline",
        "older is only in the baseline",
    )


def test_the_interval_of_two_samples_is_scipys() -> None:
    """SciPy's basic machinery on the same draws' distribution, without the widened tails."""
    stats = pytest.importorskip("scipy.stats")
    rng = np.random.default_rng(3)
    now, then = 0.1 + 0.02 * rng.standard_normal(40), 0.02 * rng.standard_normal(40)
    found = two_sample_ratio(now, then)
    expected = stats.bootstrap(
        (now, then),
        lambda a, b, axis: np.median(a, axis=axis) - np.median(b, axis=axis),
        method="percentile",
        n_resamples=4000,
        rng=np.random.default_rng(1),
    ).confidence_interval
    assert found.low is not None
    assert found.high is not None
    assert np.log(found.low) == pytest.approx(expected.low, abs=0.003)
    assert np.log(found.high) == pytest.approx(expected.high, abs=0.003)


def test_the_command_exits_with_1_when_something_is_slower(
    kept: BenchReport, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from edgeseg.benchmarks.record import save_json, to_json

    path = tmp_path / "kept.json"
    raw: Any = json.loads(to_json(kept))
    for entry in raw["rounds"]:
        entry["calls_ms"][1] = (np.array(entry["calls_ms"][1]) / 100).tolist()
    path.write_text(json.dumps(raw))
    words = ["bench", INT8, "vs", f"{INT8}:2t", "--seconds", "0.3", "--threads", "1"]
    assert main([*words, "--compare", str(path)]) == 1
    out = capsys.readouterr().out
    assert "slower than the baseline by more than 5.0%: tiny-int8.tflite:2t" in out
    save_json(kept, path)
    assert main([*words, "--compare", str(path), "--tolerance", "95%"]) == 0
    assert main([*words, "--compare", str(path), "--tolerance", "x"]) == 2
