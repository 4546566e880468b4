"""The check of the checker: what it plants is what it says, and what it counts is right."""

from __future__ import annotations

import pytest

from edgeseg.benchmarks.interval import Verdict
from edgeseg.benchmarks.paired import Contestant
from edgeseg.benchmarks.trust import Series, Trial, Waiting, pair


class Fixed:
    """A workload of two stages that says to have taken 2 and 8 ms, and takes none."""

    closed = False

    def run(self) -> tuple[float, ...]:
        return 0.002, 0.008

    def close(self) -> None:
        self.closed = True


def test_a_counted_wait_makes_the_call_longer_by_the_share() -> None:
    first, last = Waiting(Fixed(), 0.05, counted=True).run()

    assert first == 0.002
    # The wait is a real one and may be longer, where this process is interrupted.
    assert last >= 0.0085


def test_an_uncounted_wait_leaves_the_times_alone() -> None:
    assert Waiting(Fixed(), 0.05, counted=False).run() == (0.002, 0.008)


def test_closing_closes_the_model() -> None:
    inner = Fixed()
    Waiting(inner, 0.05, counted=True).close()
    assert inner.closed


@pytest.mark.parametrize(("planted", "name"), [(0.0, "fcn8 #2"), (0.05, "fcn8 +5%")])
def test_a_pair_is_the_contestant_and_its_copy(planted: float, name: str) -> None:
    assert [entry.label for entry in pair(Contestant("fcn8", Fixed), planted)] == ["fcn8", name]


def test_a_series_counts_the_verdicts_that_are_right() -> None:
    trials = [Trial(1.05, 1.04, 1.06, verdict.value, 9.0) for verdict in Verdict]
    assert Series("slowed", Verdict.SLOWER.value, tuple(trials)).right == 1
