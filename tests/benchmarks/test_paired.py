"""The runner, on a clock that moves only when a contestant works."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from edgeseg.benchmarks.paired import (
    BLOCK_S,
    MIN_SITTINGS,
    MIN_SITTINGS_PRECISE,
    Contestant,
    Plan,
    Recording,
    measure,
    warm_up,
)


def run(
    machine: Any, contestants: list[Contestant], plan: Plan, *, precise: bool = False
) -> Recording:
    recording = Recording(tuple(contestant.label for contestant in contestants))
    measure(
        contestants,
        plan,
        recording,
        precise=lambda _, target: precise and target > 0,
        clock=machine.clock,
    )
    return recording


def test_every_round_runs_every_contestant_once_in_random_order(machine: Any) -> None:
    quiet = machine()
    cases = [quiet.contestant(name, 0.005) for name in "abc"]
    recording = run(quiet, cases, Plan(seconds=5))
    assert {entry.order for entry in recording.rounds} == {
        (0, 1, 2), (0, 2, 1), (1, 0, 2), (1, 2, 0), (2, 0, 1), (2, 1, 0),
    }  # fmt: skip
    assert all(block.shape == (7, 1) for entry in recording.rounds for block in entry.seconds)


def test_the_seed_fixes_the_orders(machine: Any) -> None:
    def orders(seed: int) -> list[tuple[int, ...]]:
        quiet = machine()
        cases = [quiet.contestant(name, 0.005) for name in "abc"]
        return [entry.order for entry in run(quiet, cases, Plan(seconds=3, seed=seed)).rounds]

    assert orders(1) == orders(1)
    assert orders(1) != orders(2)


def test_each_sitting_opens_all_afresh_in_random_order(machine: Any) -> None:
    quiet = machine()
    recording = run(quiet, [quiet.contestant(name, 0.005) for name in "ab"], Plan())
    pairs = ["".join(quiet.opened[at : at + 2]) for at in range(0, len(quiet.opened), 2)]
    assert len(pairs) == recording.sittings
    assert set(pairs) == {"ab", "ba"}


@pytest.mark.parametrize("call_s", [0.0001, 0.004, 0.5])
def test_blocks_last_about_as_long_whatever_the_model(machine: Any, call_s: float) -> None:
    quiet = machine()
    recording = run(quiet, [quiet.contestant("a", call_s)], Plan(seconds=1, rounds=1))
    block_s = recording.rounds[0].seconds[0].sum()
    assert block_s == pytest.approx(max(BLOCK_S, call_s), rel=0.2)


def test_a_block_begins_with_a_call_that_does_not_count(machine: Any) -> None:
    quiet = machine()
    cases = [quiet.contestant(name, 0.01) for name in "ab"]
    recording = run(quiet, cases, Plan(seconds=0.5, rounds=1))
    labels = [recording.labels[index] for index in recording.rounds[-1].order]
    assert quiet.ran[-10:] == [labels[0]] * 5 + [labels[1]] * 5
    assert [len(block) for block in recording.rounds[-1].seconds] == [4, 4]  # 3.5 blocks' worth


def test_the_budget_ends_it_and_the_minimum_goes_first(machine: Any) -> None:
    quiet = machine()
    recording = run(quiet, [quiet.contestant("a", 0.005)], Plan(seconds=4))
    assert 4 <= recording.elapsed_s < 5
    slow = machine()
    recording = run(slow, [slow.contestant("a", 0.5)], Plan(seconds=1, rounds=30))
    assert len(recording.rounds) >= 30


def test_narrow_intervals_end_it_early_but_not_at_once(machine: Any) -> None:
    quiet = machine()
    recording = run(quiet, [quiet.contestant("a", 0.005)], Plan(seconds=60), precise=True)
    assert recording.sittings == MIN_SITTINGS_PRECISE
    patient = machine()
    plan = Plan(seconds=20, target=0)
    assert run(patient, [patient.contestant("a", 0.005)], plan, precise=True).elapsed_s >= 20


def test_few_rounds_are_spread_over_enough_sittings(machine: Any) -> None:
    slow = machine()
    recording = run(slow, [slow.contestant("a", 2.0)], Plan(seconds=1, rounds=1))
    assert recording.sittings == MIN_SITTINGS


def test_calls_and_seconds_of_each_can_be_asked_for(machine: Any) -> None:
    """The quick one gets its calls, the slow one its seconds; the budget does not end it early."""
    here = machine()
    entries = [here.contestant("quick", 0.002), here.contestant("slow", 0.01)]
    recording = Recording(("quick", "slow"))
    plan = Plan(seconds=0.1, rounds=1, target=0.5, calls=600, busy_s=3.0)
    measure(entries, plan, recording, precise=lambda *_: True, clock=here.clock)
    calls, busy_s = recording.least()
    assert calls >= 600
    assert busy_s >= 3.0
    assert min(len(recording.calls_ms(0)), len(recording.calls_ms(1))) == calls


def test_a_recording_is_continued_with_new_sittings_and_orders(machine: Any) -> None:
    def never(*_: Any) -> bool:
        return False

    here = machine()
    entries = [here.contestant("a", 0.002), here.contestant("b", 0.003)]
    recording = Recording(("a", "b"))
    measure(entries, Plan(seconds=4), recording, precise=never, clock=here.clock)
    before, rounds, elapsed_s = list(recording.rounds), len(recording.rounds), recording.elapsed_s
    warm_ups = list(recording.warm_ups)
    measure(entries, Plan(seconds=9), recording, precise=never, clock=here.clock)
    assert recording.rounds[:rounds] == before
    assert recording.rounds[rounds].sitting == before[-1].sitting + 1
    assert recording.warm_ups == warm_ups
    assert 9 <= recording.elapsed_s < 11
    assert elapsed_s < 6
    orders = [entry.order for entry in recording.rounds]
    assert orders[:20] != orders[rounds : rounds + 20]


def test_an_interruption_keeps_whole_rounds(machine: Any) -> None:
    quiet = machine()

    def interrupt() -> None:
        if quiet.now_s > 2:
            raise KeyboardInterrupt

    cases = [quiet.contestant("a", 0.005), quiet.contestant("b", 0.005, interrupt)]
    recording = Recording(("a", "b"))
    with pytest.raises(KeyboardInterrupt):
        measure(cases, Plan(), recording, precise=lambda *_: False, clock=quiet.clock)
    assert len(recording.rounds) > 5
    assert all(len(entry.seconds) == 2 for entry in recording.rounds)
    assert recording.calls_ms(0).shape == recording.calls_ms(1).shape


def test_warm_up_lasts_until_the_time_settles(machine: Any) -> None:
    warming = machine()
    times = iter(np.concatenate([np.geomspace(0.05, 0.005, 60), np.full(1000, 0.005)]))
    found = warm_up(_Timed(warming, times), 10.0, warming.clock)
    assert found.settled
    assert found.calls > 60
    assert found.call_s == pytest.approx(0.005)


def test_warm_up_gives_up_on_a_time_that_never_settles(machine: Any) -> None:
    restless = machine()
    times = iter(0.005 * np.resize([1.0, 1.0, 1.0, 1.0, 1.1, 1.1, 1.1, 1.1], 100_000))
    found = warm_up(_Timed(restless, times), 1.0, restless.clock)
    assert not found.settled
    assert 1.0 <= found.seconds < 1.2


class _Timed:
    """Calls with given times."""

    def __init__(self, machine: Any, times: Any) -> None:
        self._machine, self._times = machine, times

    def run(self) -> tuple[float, ...]:
        taken_s = float(next(self._times))
        self._machine.now_s += taken_s
        return (taken_s,)

    def close(self) -> None:
        """Nothing is held."""
