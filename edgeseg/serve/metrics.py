"""The run as Prometheus reads it: text format 0.0.4.

https://prometheus.io/docs/instrumenting/exposition_formats/ ; names and units by
https://prometheus.io/docs/practices/naming/ : seconds, bytes and ratios, counters end in _total.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from typing import get_args

from edgeseg.device import Device
from edgeseg.environment import edgeseg_version
from edgeseg.monitor import Progress
from edgeseg.serve.board import Board, ViewerCounts
from edgeseg.sources import SourceStatus, State

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

Sample = tuple[str, Mapping[str, str], float | None]


def metrics_text(board: Board, device: Device, viewers: ViewerCounts) -> str:
    """Return all metrics; those that are not known are left out."""
    progress = board.monitor.now()
    families = (
        *_of_run(progress, board),
        *_of_source(progress.source),
        *_of_result(board),
        *_of_device(device),
        *_of_viewers(viewers),
    )
    return "".join(families)


def _of_run(progress: Progress, board: Board) -> Iterator[str]:
    count, sums_s = board.minute.sums()
    facts = {
        "version": edgeseg_version(),
        "model": board.model,
        "precision": board.manifest.precision,
    }
    yield _gauge("build_info", "What runs; always 1.", [("", facts, 1)])
    yield _gauge("running_seconds", "Since the run began.", [("", {}, progress.running_s)])
    yield _counter("frames_masked", "Frames that were masked.", [("", {}, progress.masked)])
    yield _counter(
        "frames_dropped",
        "Frames that were captured but not masked, by reason.",
        [("", {"reason": name}, number) for name, number in progress.dropped.items()],
    )
    yield _counter(
        "results_missed",
        "Results that an output had no time for.",
        [("", {"output": name}, number) for name, number in progress.missed.items()],
    )
    yield _gauge(
        "frames_per_second", "Masked, over the last two seconds.", [("", {}, progress.fps)]
    )
    yield _family(
        "stage_seconds",
        "summary",
        "Time that masked frames took in each stage.",
        [
            sample
            for stage, total_s in sums_s.items()
            for sample in (
                ("_sum", {"stage": stage}, total_s),
                ("_count", {"stage": stage}, count),
            )
        ],
    )


def _of_source(status: SourceStatus | None) -> Iterator[str]:
    if status is None:
        return
    states = [("", {"state": state}, float(status.state == state)) for state in get_args(State)]
    yield _gauge("source_state", "1 for the state that the source is in.", states)
    yield _counter("frames_captured", "Frames, good or bad.", [("", {}, status.captured)])
    yield _counter("source_losses", "Times a live source was lost.", [("", {}, status.losses)])
    yield _gauge("source_retries", "Attempts since it was last live.", [("", {}, status.retries)])
    yield _gauge(
        "source_frozen_seconds", "For how long one picture comes.", [("", {}, status.frozen_s)]
    )


def _of_result(board: Board) -> Iterator[str]:
    newest = board.newest
    if newest is None:
        return
    yield _gauge(
        "frame_age_seconds", "Since the newest picture was captured.", [("", {}, board.age_s())]
    )
    yield _gauge(
        "mask_age_seconds",
        "From capture until the newest mask was ready.",
        [("", {}, newest.age_ms / 1e3)],
    )
    shares = newest.coverage
    yield _gauge(
        "class_coverage_ratio",
        "Share of the newest picture's pixels.",
        [
            ("", {"class": name}, float(shares[index]))
            for index, name in enumerate(board.manifest.labels)
        ],
    )


def _of_device(device: Device) -> Iterator[str]:
    yield _gauge(
        "device_temperature_celsius",
        "By thermal zone.",
        [("", {"zone": name}, value) for name, value in device.temperatures_c.items()],
    )
    yield _gauge(
        "device_throttled",
        "1 while something holds the clock down.",
        [("", {}, float(bool(device.throttled)))],
    )
    yield _gauge("device_clock_hertz", "Of the fastest core.", [("", {}, device.clock_hz)])
    yield _gauge("device_load1", "Runnable tasks, last minute.", [("", {}, device.load1)])
    yield _gauge(
        "device_memory_available_bytes", "Free to use.", [("", {}, device.memory_available_bytes)]
    )
    yield _family(
        "process_resident_memory_bytes",
        "gauge",
        "Resident memory of the run.",
        [("", {}, device.process_memory_bytes)],
        prefix="",
    )
    yield _family(
        "process_cpu_seconds_total",
        "counter",
        "Processor time of the run.",
        [("", {}, device.process_cpu_s)],
        prefix="",
    )


def _of_viewers(viewers: ViewerCounts) -> Iterator[str]:
    yield _gauge("viewers", "Who watch.", [("", {}, viewers.now)])
    yield _gauge("viewers_limit", "Who may watch.", [("", {}, viewers.most)])
    yield _counter("viewers_stalled", "Dropped: they took nothing.", [("", {}, viewers.stalled)])
    yield _counter("viewers_refused", "Turned away: no place.", [("", {}, viewers.refused)])


def _gauge(name: str, text: str, samples: Iterable[Sample]) -> str:
    return _family(name, "gauge", text, samples)


def _counter(name: str, text: str, samples: Iterable[Sample]) -> str:
    return _family(f"{name}_total", "counter", text, samples)


def _family(
    name: str, kind: str, text: str, samples: Iterable[Sample], *, prefix: str = "edgeseg_"
) -> str:
    """Return one metric with its help and type, nothing where no sample is known."""
    full = prefix + name
    lines = [
        f"{full}{suffix}{_labels(labels)} {_value(value)}"
        for suffix, labels, value in samples
        if value is not None
    ]
    if not lines:
        return ""
    return "\n".join((f"# HELP {full} {_escaped(text)}", f"# TYPE {full} {kind}", *lines, ""))


def _labels(labels: Mapping[str, str]) -> str:
    if not labels:
        return ""
    quoted = (f'{name}="{_escaped(value, quote=True)}"' for name, value in labels.items())
    return "{" + ",".join(quoted) + "}"


def _escaped(text: str, *, quote: bool = False) -> str:
    text = text.replace("\\", r"\\").replace("\n", r"\n")
    return text.replace('"', r"\"") if quote else text


def _value(value: float) -> str:
    if math.isinf(value):
        return "+Inf" if value > 0 else "-Inf"
    return "NaN" if math.isnan(value) else repr(float(value))
