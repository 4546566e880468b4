"""Time contestants against each other: rounds in random order, in several sittings.

A **round** runs one short block of calls of every contestant, in random order, so that whatever the
machine does for longer than a round (clock changes, a neighbour, heat) falls on all of them alike.
A **sitting** opens every model afresh, in random order and at shifted addresses, and holds some
rounds. That matters: two interpreters opened one after the other from the *same* file can differ by
half a percent for as long as they live, because of where their memory lies (Mytkowicz et al.,
"Producing wrong data without doing anything obviously wrong", ASPLOS 2009). Within one sitting no
number of rounds can average that away; over sittings it can, and the interval sees it
(Kalibera and Jones, "Rigorous benchmarking in reasonable time", ISMM 2013).
"""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Clock = Callable[[], float]

BLOCK_S = 0.035  # long against the switch between models, short against the machine's changes
MAX_BLOCK_CALLS = 500
MIN_SITTINGS = 6  # fewer values make no useful interval
MIN_SITTINGS_PRECISE = 8  # before stopping early: a narrow interval of few values may be luck
SITTING_S = 1.0
SITTINGS_PER_BUDGET = 10  # a small budget is cut into shorter sittings
ROUNDS_PER_SITTING = 4  # at least
SETTLED = 1.02  # the last windows' medians lie within 2 %
SETTLED_WINDOWS = 3
WINDOW_S = 0.02
# Caps: a machine that never settles is measured all the same, and the report says so.
FIRST_WARM_UP_S = 2.0
NEXT_WARM_UP_S = 0.15
BALLAST_BYTES = 4 << 20


class Workload(Protocol):
    """One model, open and ready to be timed."""

    def run(self) -> tuple[float, ...]:
        """Do the work once; return the seconds of each stage."""

    def close(self) -> None:
        """Release the model."""


@dataclass(frozen=True)
class Contestant:
    """A name, and how to open the workload afresh."""

    label: str
    open: Callable[[], Workload]


@dataclass(frozen=True)
class Plan:
    """How long to measure.

    Attributes:
        seconds: budget; after it no new sitting begins. The minimum of rounds goes first.
        rounds: measure at least so many.
        target: stop early when every interval's half width is at most this share; 0 never does.
        seed: of the random orders.
        calls: time at least so many calls of each contestant.
        busy_s: and for so many seconds of its own.
    """

    seconds: float = 15.0
    rounds: int = 24
    target: float = 0.01
    seed: int = 0
    calls: int = 0
    busy_s: float = 0.0


# As MLPerf Inference's single-stream scenario asks of a performance run: at least 1,024 queries and
# 60 s (mlcommons/inference_policies, section "Scenarios").
SINGLE_STREAM = Plan(target=0.0, calls=1024, busy_s=60.0)


@dataclass(frozen=True)
class WarmUp:
    """How one contestant's first calls went.

    Attributes:
        calls: how many.
        seconds: how long they took together.
        settled: whether their time settled.
        call_s: the time until one is done, what it does not count of itself included, from the
            quickest window: a disturbed one would make blocks short.
    """

    calls: int
    seconds: float
    settled: bool
    call_s: float


@dataclass(frozen=True)
class Round:
    """One block of every contestant.

    Attributes:
        sitting: index of the sitting.
        order: contestants in the order in which they ran.
        seconds: per contestant an array [calls, stages].
    """

    sitting: int
    order: tuple[int, ...]
    seconds: tuple[NDArray[np.float64], ...]


@dataclass
class Recording:
    """What has been measured so far; it grows by whole rounds, so it is valid at any moment."""

    labels: tuple[str, ...]
    warm_ups: list[WarmUp] = field(default_factory=list)
    rounds: list[Round] = field(default_factory=list)
    elapsed_s: float = 0.0

    @property
    def sittings(self) -> int:
        """Sittings with at least one round."""
        return len({entry.sitting for entry in self.rounds})

    def least(self) -> tuple[int, float]:
        """Return how many calls and how many seconds of its own the least timed contestant has."""
        indices = range(len(self.labels))
        calls = min(sum(len(r.seconds[index]) for r in self.rounds) for index in indices)
        busy_s = min(sum(float(r.seconds[index].sum()) for r in self.rounds) for index in indices)
        return calls, busy_s

    def calls_ms(self, index: int) -> NDArray[np.float64]:
        """Return every timed call of a contestant, [calls, stages], in milliseconds."""
        return np.concatenate([entry.seconds[index] for entry in self.rounds]) * 1e3

    def round_medians(self, index: int) -> NDArray[np.float64]:
        """Return each round's median time of a call (all stages together), in seconds."""
        return np.array([np.median(r.seconds[index].sum(axis=1)) for r in self.rounds])


def measure(
    contestants: Sequence[Contestant],
    plan: Plan,
    recording: Recording,
    *,
    precise: Callable[[Recording, float], bool],
    clock: Clock = time.perf_counter,
    on_round: Callable[[Recording], None] | None = None,
    on_sitting: Callable[[], None] | None = None,
) -> None:
    """Fill `recording` until the intervals are narrow enough or the budget is spent.

    Args:
        contestants: in the order of `recording.labels`; the first is the reference.
        plan: how long.
        recording: grows round by round; when this function is interrupted it keeps what it has, and
            one that has rounds already is continued.
        precise: whether every interval of the recording is as narrow as the given target.
        clock: seconds, monotonic; the workloads measure themselves by the same.
        on_round: called between rounds with the recording so far.
        on_sitting: called after each sitting, when nothing is being timed.
    """
    sitting = 1 + max((entry.sitting for entry in recording.rounds), default=-1)
    rng = np.random.default_rng([plan.seed, sitting])
    start = clock() - recording.elapsed_s
    while not _is_enough(recording, plan, precise):
        for entry in _sit(contestants, plan, recording, rng, clock, sitting):
            recording.rounds.append(entry)
            recording.elapsed_s = clock() - start
            if on_round:
                on_round(recording)
        if on_sitting:
            on_sitting()
        sitting += 1


def _is_enough(
    recording: Recording, plan: Plan, precise: Callable[[Recording, float], bool]
) -> bool:
    if len(recording.rounds) < plan.rounds or recording.sittings < MIN_SITTINGS:
        return False
    calls, busy_s = recording.least()
    if calls < plan.calls or busy_s < plan.busy_s:
        return False
    if recording.elapsed_s >= plan.seconds:
        return True
    return recording.sittings >= MIN_SITTINGS_PRECISE and precise(recording, plan.target)


def _sit(
    contestants: Sequence[Contestant],
    plan: Plan,
    recording: Recording,
    rng: np.random.Generator,
    clock: Clock,
    sitting: int,
) -> Iterator[Round]:
    """Open everything afresh, warm up, and yield rounds for about `SITTING_S`."""
    with _opened(contestants, rng) as workloads, _no_garbage_collection():
        cap_s = NEXT_WARM_UP_S if recording.warm_ups else min(FIRST_WARM_UP_S, plan.seconds / 5)
        warm_ups = [warm_up(workload, cap_s, clock) for workload in workloads]
        recording.warm_ups = recording.warm_ups or warm_ups
        calls = [_block_calls(warm.call_s) for warm in recording.warm_ups]
        until = clock() + min(SITTING_S, plan.seconds / SITTINGS_PER_BUDGET)
        done = 0
        while done < ROUNDS_PER_SITTING or clock() < until:
            yield _round(workloads, calls, rng, sitting)
            done += 1


@contextmanager
def _opened(
    contestants: Sequence[Contestant], rng: np.random.Generator
) -> Iterator[list[Workload]]:
    """Open in random order with allocations of random size between, so that addresses differ."""
    workloads: dict[int, Workload] = {}
    ballast: list[NDArray[np.uint8]] = []
    with ExitStack() as stack:
        for index in rng.permutation(len(contestants)):
            ballast.append(np.ones(int(rng.integers(1, BALLAST_BYTES)), np.uint8))
            workload = contestants[index].open()
            stack.callback(workload.close)
            workloads[int(index)] = workload
        yield [workloads[index] for index in range(len(contestants))]


@contextmanager
def _no_garbage_collection() -> Iterator[None]:
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


def warm_up(workload: Workload, cap_s: float, clock: Clock) -> WarmUp:
    """Run until the medians of the last windows agree within 2 %, or `cap_s` has passed."""
    start = clock()
    medians: list[float] = []
    calls_s: list[float] = []
    calls = 0
    while True:
        begin = clock()
        window = _window(workload, clock)
        calls_s.append((clock() - begin) / len(window))
        calls += len(window)
        medians.append(float(np.median(window)))
        settled = _is_settled(medians[-SETTLED_WINDOWS:])
        if settled or clock() - start >= cap_s:
            return WarmUp(calls, clock() - start, settled, min(calls_s))


def _window(workload: Workload, clock: Clock) -> list[float]:
    until = clock() + WINDOW_S
    times = [sum(workload.run())]
    while clock() < until:
        times.append(sum(workload.run()))
    return times


def _is_settled(medians: Sequence[float]) -> bool:
    return len(medians) == SETTLED_WINDOWS and max(medians) <= SETTLED * min(medians)


def _block_calls(call_s: float) -> int:
    return int(np.clip(round(BLOCK_S / max(call_s, 1e-9)), 1, MAX_BLOCK_CALLS))


def _round(
    workloads: Sequence[Workload],
    calls: Sequence[int],
    rng: np.random.Generator,
    sitting: int,
) -> Round:
    order = tuple(int(index) for index in rng.permutation(len(workloads)))
    blocks = {index: _block(workloads[index], calls[index]) for index in order}
    return Round(sitting, order, tuple(blocks[index] for index in range(len(workloads))))


def _block(workload: Workload, calls: int) -> NDArray[np.float64]:
    """Time `calls` calls in a row.

    One more goes before them: it pays for the caches that the other model took, which no stream of
    frames through one model sees. For calls as long as a block that share does not matter.
    """
    if calls > 1:
        workload.run()
    return np.array([workload.run() for _ in range(calls)], dtype=np.float64)
