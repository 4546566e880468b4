"""Time the parts of networks: whole files against their own beginnings, paired.

Runtimes tell no times of single operators, and timing them would change them. So each file is cut
behind every group of operators (`cut.py`), all beginnings of all files are timed against each
other as variants are, and a group takes what a beginning takes more than the one before it: a
difference within a round, so that what the machine does to the round is in both. The interval is
the bootstrap by sittings of `interval.py`.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgeseg.benchmarks.cases import Case, prepare_cases, street_frame
from edgeseg.benchmarks.host import Host, Strain, describe_host, snapshot, strain_between
from edgeseg.benchmarks.interval import MIN_GROUPS, bootstrap_median
from edgeseg.benchmarks.paired import Clock, Contestant, Recording, measure
from edgeseg.benchmarks.suite import BenchOptions, Watcher
from edgeseg.errors import ConfigError, ModelError
from edgeseg.files import atomic_write_bytes
from edgeseg.runtimes import default_threads, open_runtime
from edgeseg.segmenter import Segmenter

from .cut import prefix
from .groups import GROUPS, Segment, segments

SCHEMA = "edgeseg-parts-1"


@dataclass(frozen=True)
class Part:
    """What a group of operators takes.

    Attributes:
        group: one of `GROUPS`, or `network` for all of them.
        ms: median over rounds.
        low, high: 95 % interval; None when there are too few sittings.
        macs: multiply-accumulates.
    """

    group: str
    ms: float
    low: float | None
    high: float | None
    macs: int


@dataclass(frozen=True)
class Network:
    """A variant and its parts, in the order of `GROUPS`, then the whole.

    Attributes:
        case: the variant.
        parts: those that it has.
        whole: the network.
        decoder_share: time of all but the encoder over that of the whole, median over rounds.
    """

    case: Case
    parts: tuple[Part, ...]
    whole: Part
    decoder_share: float


@dataclass(frozen=True)
class PartsReport:
    """What was measured, on what, and how."""

    networks: tuple[Network, ...]
    host: Host
    strain: Strain
    rounds: int
    sittings: int
    elapsed_s: float


class _Beginning:
    """The first operators of a network, on a tensor that was prepared before."""

    def __init__(self, model: bytes, tensor: NDArray[Any], case: Case) -> None:
        self._runtime = open_runtime(model, name=case.runtime_name, threads=case.threads)
        self._tensor = tensor

    def run(self) -> tuple[float, ...]:
        start = perf_counter()
        self._runtime.infer(self._tensor)
        return (perf_counter() - start,)

    def close(self) -> None:
        self._runtime.close()


def measure_parts(
    options: BenchOptions, watcher: Watcher, clock: Clock = perf_counter
) -> PartsReport:
    """Time encoder, scores, upsampling and head of each variant's network.

    Args:
        options: the variants and how long; the interval's target is not looked at.
        watcher: told of every step and round.
        clock: seconds, monotonic.

    Raises:
        EdgesegError: a variant cannot be found, made, run or cut into parts.
        KeyboardInterrupt: Ctrl-C.
    """
    threads = options.threads or default_threads()
    cases = prepare_cases(
        options.variants, threads=threads, runtime=options.runtime, tell=watcher.tell
    )
    found = [_segments_of(case) for case in cases]
    contestants = [
        Contestant(f"{case.label} to {segment.stop}", _opener(case, segment))
        for case, parts in zip(cases, found, strict=True)
        for segment in parts
    ]
    host, before = describe_host(), snapshot()
    recording = Recording(tuple(one.label for one in contestants))
    watcher.tell("warming up")
    measure(
        contestants,
        options.plan,
        recording,
        precise=lambda *_: False,
        clock=clock,
        on_round=watcher.at,
    )
    return PartsReport(
        networks=tuple(networks_of(cases, found, recording)),
        host=host,
        strain=strain_between(before, snapshot()),
        rounds=len(recording.rounds),
        sittings=recording.sittings,
        elapsed_s=recording.elapsed_s,
    )


def networks_of(
    cases: list[Case], found: list[tuple[Segment, ...]], recording: Recording
) -> list[Network]:
    """Return what each group takes, from a recording of all beginnings in a row."""
    sittings = np.array([entry.sitting for entry in recording.rounds])
    networks = []
    first = 0
    for case, parts in zip(cases, found, strict=True):
        ends = [recording.round_medians(first + place) * 1e3 for place in range(len(parts))]
        first += len(parts)
        steps = [end - (ends[place - 1] if place else 0) for place, end in enumerate(ends)]
        networks.append(_network(case, parts, steps, sittings))
    return networks


def save_json(report: PartsReport, target: Path) -> None:
    """Write the figures as JSON, complete or not at all.

    Raises:
        OutputError: it cannot be written.
    """
    atomic_write_bytes(target, to_json(report).encode())


def to_json(report: PartsReport) -> str:
    """Return the figures, the machine and how long it was measured."""
    networks = [
        {
            "label": network.case.label,
            "sha256": network.case.sha256,
            "threads": network.case.threads,
            "runtime": network.case.runtime,
            "decoder_share": network.decoder_share,
            "parts": [asdict(part) for part in (*network.parts, network.whole)],
        }
        for network in report.networks
    ]
    rest = {"host": asdict(report.host), "strain": asdict(report.strain)}
    length = {"rounds": report.rounds, "sittings": report.sittings, "elapsed_s": report.elapsed_s}
    return json.dumps({"schema": SCHEMA, **length, "networks": networks, **rest}, indent=1)


def _network(
    case: Case, parts: tuple[Segment, ...], steps: list[NDArray[np.float64]], sittings: Any
) -> Network:
    found = []
    total = np.sum(steps, axis=0)
    encoder = np.zeros_like(total)
    for group in GROUPS:
        mine = [place for place, segment in enumerate(parts) if segment.group == group]
        if mine:
            values = np.sum([steps[place] for place in mine], axis=0)
            encoder = values if group == "encoder" else encoder
            macs = sum(parts[place].macs for place in mine)
            found.append(_part(group, values, sittings, macs))
    whole = _part("network", total, sittings, sum(one.macs for one in parts))
    return Network(case, tuple(found), whole, float(np.median(1 - encoder / total)))


def _part(group: str, values: NDArray[np.float64], sittings: Any, macs: int) -> Part:
    middle = float(np.median(values))
    if np.unique(sittings).size < MIN_GROUPS:
        return Part(group, middle, None, None, macs)
    low, high = bootstrap_median(values, sittings)
    return Part(group, middle, low, high, macs)


def _segments_of(case: Case) -> tuple[Segment, ...]:
    try:
        return segments(case.path.read_bytes(), len(case.manifest.labels))
    except ModelError as error:
        raise ConfigError(f"{case.label}: {error}; leave it out, or --what network") from error


def _opener(case: Case, segment: Segment) -> Callable[[], _Beginning]:
    model = prefix(case.path.read_bytes(), segment.stop)
    with Segmenter(case.path, threads=case.threads, runtime=case.runtime_name) as segmenter:
        tensor = np.array(segmenter.prepare(street_frame()))
    return lambda: _Beginning(model, tensor, case)
