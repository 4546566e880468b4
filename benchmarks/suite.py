"""The whole of `edgeseg bench`: find the variants, measure them together, say what came out."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Protocol

from edgeseg.errors import ConfigError
from edgeseg.runtimes import default_threads

from .accuracy import Accuracy, measure_accuracy
from .cases import Case, What, contestant, prepare_cases
from .comparable import differences, worse_of
from .host import Host, Strain, describe_host, snapshot, strain_between
from .interval import SMALLEST, is_precise
from .paired import Clock, Contestant, Plan, Recording, measure
from .variants import Variant


@dataclass(frozen=True)
class BenchOptions:
    """What to compare, and how.

    Attributes:
        variants: the first is the reference.
        what: `network` times the network alone, `frame` every stage from frame to picture.
        threads: of networks whose variant names none; None means one per core, at most 4.
        runtime: likewise, one of `edgeseg.runtimes.NAMES`; None takes the first installed.
        plan: how long.
        smallest: smallest difference that is called one, as a share (0.02 is 2 %).
        data: images and masks to evaluate the variants on; None leaves accuracy out.
        float_too: evaluate the float32 form of each as well.
    """

    variants: tuple[Variant, ...]
    what: What = "network"
    threads: int | None = None
    runtime: str | None = None
    plan: Plan = field(default_factory=Plan)
    smallest: float = SMALLEST
    data: Path | None = None
    float_too: bool = True


@dataclass(frozen=True)
class BenchReport:
    """What was measured, on what, and how; complete at every moment of the measurement.

    `accuracy` and `memory_bytes` have an entry for each case, or none at all. The latter is the
    median of the peaks of all starts, beyond what the process had before.
    """

    options: BenchOptions
    cases: tuple[Case, ...]
    host: Host
    strain: Strain
    recording: Recording
    interrupted: bool
    accuracy: tuple[Accuracy | None, ...] = ()
    memory_bytes: tuple[int | None, ...] = ()


class Watcher(Protocol):
    """Whoever follows a measurement."""

    def tell(self, text: str) -> None:
        """Something that takes a while begins."""

    def at(self, recording: Recording) -> None:
        """A round is done."""


def bench(
    options: BenchOptions,
    watcher: Watcher,
    save: Callable[[BenchReport], None] | None = None,
    clock: Clock = time.perf_counter,
    so_far: BenchReport | None = None,
) -> BenchReport:
    """Compare variants.

    Ctrl-C ends the measurement early; the report then holds the rounds so far and is marked as
    interrupted.

    Args:
        options: what and how.
        watcher: told of every step and round.
        save: called with the report so far after every sitting.
        clock: seconds, monotonic.
        so_far: an earlier report on the same variants, to go on from.

    Raises:
        ConfigError: options that make no sense, or `so_far` is of other files or another machine.
        EdgesegError: a variant cannot be found, made, run or evaluated.
        KeyboardInterrupt: Ctrl-C before the first round was done.
    """
    _check(options)
    cases = tuple(
        prepare_cases(
            options.variants,
            threads=options.threads or default_threads(),
            runtime=options.runtime,
            tell=watcher.tell,
        )
    )
    if so_far:
        check_same(so_far, cases, describe_host())
    accuracy = so_far.accuracy if so_far else ()
    if options.data and not accuracy:
        accuracy = measure_accuracy(cases, options.data, watcher.tell, float_too=options.float_too)
    peaks: list[list[int]] = [[] for _ in cases]
    contestants = [contestant(case, options.what, peaks[index]) for index, case in enumerate(cases)]
    return compare(options, cases, contestants, watcher, save, clock, accuracy, so_far, peaks)


def compare(
    options: BenchOptions,
    cases: tuple[Case, ...],
    contestants: list[Contestant],
    watcher: Watcher,
    save: Callable[[BenchReport], None] | None,
    clock: Clock,
    accuracy: tuple[Accuracy | None, ...] = (),
    so_far: BenchReport | None = None,
    peaks: Sequence[Sequence[int]] = (),
) -> BenchReport:
    """Measure contestants that are ready, in the order of `cases`; see `bench`."""
    host, before = describe_host(), snapshot()
    recording = so_far.recording if so_far else Recording(tuple(case.label for case in cases))

    def report(*, interrupted: bool) -> BenchReport:
        strain = strain_between(before, snapshot())
        if so_far:
            strain = worse_of(so_far.strain, strain)
        memory = _memory(peaks, so_far.memory_bytes if so_far else ())
        return BenchReport(options, cases, host, strain, recording, interrupted, accuracy, memory)

    watcher.tell("warming up")
    try:
        measure(
            contestants,
            options.plan,
            recording,
            precise=is_precise,
            clock=clock,
            on_round=watcher.at,
            on_sitting=lambda: save(report(interrupted=True)) if save else None,
        )
    except KeyboardInterrupt:
        if not recording.rounds:
            raise
        return report(interrupted=True)
    return report(interrupted=False)


def _memory(peaks: Sequence[Sequence[int]], before: Sequence[int | None]) -> tuple[int | None, ...]:
    """Return the median of each case's peaks; where there are none yet, what was found before."""
    if not any(peaks):
        return tuple(before)
    return tuple(round(median(values)) if values else None for values in peaks)


def check_same(so_far: BenchReport, cases: Sequence[Case], host: Host) -> None:
    """Refuse to go on from rounds that other files or another machine gave.

    Raises:
        ConfigError: with every difference.
    """
    reasons = [
        f"{old.label} is another file now"
        for old, new in zip(so_far.cases, cases, strict=True)
        if old.sha256 != new.sha256
    ]
    reasons += [
        f"{old.label} was run by {old.runtime} with {old.threads} threads, now by {new.runtime} "
        f"with {new.threads}"
        for old, new in zip(so_far.cases, cases, strict=True)
        if (old.runtime, old.threads) != (new.runtime, new.threads)
    ]
    reasons += [f"it was measured {difference}" for difference in differences(so_far.host, host)]
    if reasons:
        raise ConfigError(
            f"cannot continue: {'; '.join(reasons)}. Rounds of both would not be comparable; "
            "measure anew"
        )


def _check(options: BenchOptions) -> None:
    plan = options.plan
    reasons = []
    if not options.variants:
        reasons.append("nothing to measure; type for example: edgeseg bench fcn8 vs fcn32")
    if plan.seconds <= 0:
        reasons.append(f"--seconds is {plan.seconds:g}, expected more than 0")
    if plan.rounds < 1:
        reasons.append(f"--rounds is {plan.rounds}, expected at least 1")
    if not 0 <= plan.target < 1:
        reasons.append(f"--precision is {plan.target:.0%}, expected 0 to 100 (percent)")
    if not 0 <= options.smallest < 1:
        reasons.append(f"--smallest is {options.smallest:.0%}, expected 0 to 100 (percent)")
    if reasons:
        raise ConfigError("; ".join(reasons))
