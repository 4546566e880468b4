"""Intervals and verdicts: against SciPy, and over many simulated measurements."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgeseg.benchmarks.interval import (
    Ratio,
    Verdict,
    bootstrap_median,
    drift_factor,
    expanded_tail,
    is_precise,
    judge,
    ratio_to_reference,
)
from edgeseg.benchmarks.paired import Plan, Recording, Round, measure

ROUGH = {"shared": 0.15, "own": 0.02, "luck": 0.004, "spikes": 0.03}
RUNS = 100


def recorded(times_s: dict[str, list[float]], rounds_per_sitting: int = 3) -> Recording:
    """A recording of one call a round."""
    columns = zip(*times_s.values(), strict=True)
    rounds = [
        Round(at // rounds_per_sitting, (0, 1), tuple(np.array([[time_s]]) for time_s in times))
        for at, times in enumerate(columns)
    ]
    return Recording(tuple(times_s), rounds=rounds)


def simulated(machine: Any, factor: float) -> list[Ratio]:
    """Short measurements of two models, the second `factor` times as slow, on rough machines."""
    ratios = []
    for seed in range(RUNS):
        rough = machine(seed, **ROUGH)
        cases = [rough.contestant("a", 0.018), rough.contestant("b", 0.018 * factor)]
        recording = Recording(("a", "b"))
        plan = Plan(seed=seed)
        measure(cases, plan, recording, precise=is_precise, clock=rough.clock)
        ratios.append(ratio_to_reference(recording, 1))
    return ratios


def test_the_same_model_twice_is_not_distinguishable(machine: Any) -> None:
    verdicts = [judge(ratio) for ratio in simulated(machine, 1.0)]
    assert verdicts.count(Verdict.SAME) >= 0.95 * RUNS


def test_a_clear_difference_is_found_and_its_size_held_by_the_interval(machine: Any) -> None:
    ratios = simulated(machine, 1.1)
    verdicts = [judge(ratio) for ratio in ratios]
    assert verdicts.count(Verdict.SLOWER) >= 0.95 * RUNS
    assert Verdict.FASTER not in verdicts
    held = [(ratio.low or 0) <= 1.1 <= (ratio.high or 0) for ratio in ratios]
    assert sum(held) >= 0.88 * RUNS  # nominally 0.95; 100 runs scatter


def test_a_drift_of_all_cancels(machine: Any) -> None:
    drifting = machine(1, shared=0.5)
    cases = [drifting.contestant("a", 0.01), drifting.contestant("b", 0.02)]
    recording = Recording(("a", "b"))
    measure(cases, Plan(seconds=10), recording, precise=lambda *_: False, clock=drifting.clock)
    assert ratio_to_reference(recording, 1).value == pytest.approx(2.0, rel=0.03)


def test_a_against_b_and_b_against_a_say_the_same() -> None:
    rng = np.random.default_rng(3)
    a, b = rng.uniform(1, 2, (2, 24)).tolist()
    ratio = ratio_to_reference(recorded({"a": a, "b": b}), 1)
    inverse = ratio_to_reference(recorded({"b": b, "a": a}), 1)
    assert ratio.value == pytest.approx(1 / inverse.value)
    assert ratio.low == pytest.approx(1 / (inverse.high or 0), rel=0.01)


def test_too_few_sittings_give_no_interval() -> None:
    ratio = ratio_to_reference(recorded({"a": [1.0] * 9, "b": [2.0] * 9}), 1)
    assert ratio == Ratio(2.0, None, None)
    assert judge(ratio) is Verdict.UNKNOWN
    assert ratio.half_width == float("inf")


@pytest.mark.parametrize(
    ("low", "high", "verdict"),
    [
        (0.80, 0.90, Verdict.FASTER),
        (1.02, 1.30, Verdict.SLOWER),
        (0.97, 1.03, Verdict.SAME),
        (1.002, 1.008, Verdict.SAME),  # excludes 1, but by less than counts
        (1.005, 1.2, Verdict.SAME),
    ],
)
def test_a_difference_must_be_one_that_counts(low: float, high: float, verdict: Verdict) -> None:
    assert judge(Ratio((low * high) ** 0.5, low, high), smallest=0.01) is verdict


def test_the_bootstrap_agrees_with_scipy() -> None:
    stats = pytest.importorskip("scipy.stats", reason="SciPy is not installed")
    values = np.random.default_rng(5).normal(0.1, 0.05, 40)
    confidence = 1 - 2 * expanded_tail(len(values), 0.95)
    found = stats.bootstrap(
        (values,), np.median, confidence_level=confidence, n_resamples=20_000,
        method="percentile", rng=np.random.default_rng(1),
    ).confidence_interval  # fmt: skip
    ours = bootstrap_median(values, np.arange(len(values)), resamples=20_000)
    assert ours == pytest.approx((found.low, found.high), abs=0.003)


def test_the_widening_is_that_of_student() -> None:
    special = pytest.importorskip("scipy.stats", reason="SciPy is not installed")
    for groups in (4, 6, 10, 30):
        t = special.t.ppf(0.975, groups - 1)
        exact = special.norm.cdf(-np.sqrt(groups / (groups - 1)) * t)
        assert expanded_tail(groups, 0.95) == pytest.approx(exact, rel=0.15)


def test_many_groups_need_no_widening() -> None:
    assert expanded_tail(100_000, 0.95) == pytest.approx(0.025, rel=1e-3)


def test_groups_are_kept_together() -> None:
    """Ten copies of each value are no more evidence than one."""
    values = np.random.default_rng(2).normal(size=12)
    once = bootstrap_median(values, np.arange(12))
    copies = bootstrap_median(np.repeat(values, 10), np.repeat(np.arange(12), 10))
    assert copies == pytest.approx(once, abs=0.05)


def test_slow_drift_widens_and_white_noise_hardly_does() -> None:
    groups = np.arange(40)
    assert drift_factor(np.linspace(0, 1, 40), groups) > 2
    noise = [drift_factor(np.random.default_rng(s).normal(size=40), groups) for s in range(50)]
    assert np.median(noise) < 1.15
    assert drift_factor(np.zeros(40), groups) == 1.0


@given(st.lists(st.floats(0.5, 2.0), min_size=12, max_size=12))
def test_the_interval_lies_within_the_data(ratios: list[float]) -> None:
    logs = np.log(np.array(ratios))
    low, high = bootstrap_median(logs, np.repeat(np.arange(4), 3), resamples=200)
    assert logs.min() <= low <= high <= logs.max()
