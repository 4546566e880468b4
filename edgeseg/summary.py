"""What a run amounted to: counts, rates, times, coverage, and accuracy where truth is known."""

from __future__ import annotations

import random
import time
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from edgeseg.labels import STREET
from edgeseg.manifest import Size
from edgeseg.metrics import confusion, mean_iou, pixel_accuracy
from edgeseg.monitor import Progress

if TYPE_CHECKING:
    from edgeseg.loop import FrameResult
    from edgeseg.sources import Source

# Enough for a steady p95; a run of days must not fill the memory with times.
_KEPT_TIMES = 4096

# The rate of a running run is that of its last two seconds.
_WINDOW_S = 2.0
_RECENT = 512


@dataclass(frozen=True)
class Spread:
    """Median, 95th and 99th percentile, in milliseconds."""

    p50_ms: float
    p95_ms: float
    p99_ms: float


@dataclass(frozen=True)
class SinkSummary:
    """What became of the results that an output was given.

    Attributes:
        written: how many it took.
        missed: how many it had no time for (live only).
        time: a result took, None where it took none.
    """

    written: int
    missed: int
    time: Spread | None


@dataclass(frozen=True)
class Accuracy:
    """Against the truth that came with the frames.

    Attributes:
        pixels: share of right pixels.
        mean_iou: mean intersection over union, of the classes that occur.
        frames: how many had a truth.
    """

    pixels: float
    mean_iou: float
    frames: int


@dataclass(frozen=True)
class RunSummary:
    """What a run amounted to.

    Attributes:
        source: its name.
        live: whether only the newest frames mattered.
        size: of the frames; the first one's.
        captured: frames that the source captured: those masked and those dropped.
        frames: how many were masked.
        dropped: those that were not, by reason: `newer` (one came first), `too old`, `every`,
            `damaged`, `frozen`, `end` (waiting when the run ended).
        duration_s: from the first frame until everything was written.
        fps: masked frames a second of that.
        times: `age`, `prepare`, `infer`, `decode` of masked frames.
        sinks: what became of the results, by the sinks' names.
        coverage: mean share of the pixels for each label.
        accuracy: None where no truth is known.
        notes: what is to be said (skipped files, a lost camera, an output that hangs).
    """

    source: str
    live: bool
    size: Size | None
    captured: int
    frames: int
    dropped: Mapping[str, int]
    duration_s: float
    fps: float
    times: Mapping[str, Spread]
    sinks: Mapping[str, SinkSummary]
    coverage: Mapping[str, float]
    accuracy: Accuracy | None
    notes: tuple[str, ...]


class Tally:
    """Counts while a run goes on. `masked` and `seen` may be called from different threads."""

    def __init__(self, labels: Sequence[str]) -> None:
        """Start empty; a truth is compared only where `labels` are the street's."""
        self._labels = tuple(labels)
        self._times = {name: Sample() for name in ("age", "prepare", "infer", "decode")}
        self._last_ms: dict[str, float] = {}
        self._recent_s: deque[float] = deque(maxlen=_RECENT)
        self._frames = 0
        self._begin_s = self._start_s = self._end_s = time.monotonic()
        self._size: Size | None = None
        self._seen = 0
        self._coverage = np.zeros(256)
        self._confusion = np.zeros((len(labels), len(labels)), np.int64)
        self._with_truth = 0

    def masked(self, result: FrameResult) -> None:
        """Count a masked frame."""
        times = result.times
        now_s = time.monotonic()
        stages = {"prepare": times.prepare_ms, "infer": times.infer_ms, "decode": times.decode_ms}
        if self._frames == 0:
            self._start_s = now_s - sum(stages.values()) / 1e3
            self._size = result.frame.size
        self._frames += 1
        self._recent_s.append(now_s)
        self._last_ms = {"age": result.age_ms, **stages}
        for name, value_ms in self._last_ms.items():
            self._times[name].add(value_ms)

    def seen(self, result: FrameResult) -> None:
        """Add what a mask holds; this takes a moment."""
        self._seen += 1
        self._coverage += result.coverage
        if result.frame.truth is not None and self._labels == STREET.names:
            self._confusion += confusion(
                result.frame.truth, result.mask, len(self._labels), STREET.ignore
            )
            self._with_truth += 1

    def finished(self) -> None:
        """Take the time: everything is written."""
        self._end_s = time.monotonic()

    def progress(
        self, source: Source, dropped: Mapping[str, int], missed: Mapping[str, int]
    ) -> Progress:
        """Return how far the run has come; may be called from any thread."""
        return Progress(
            running_s=time.monotonic() - self._begin_s,
            size=self._size,
            masked=self._frames,
            dropped=dropped,
            missed=missed,
            fps=_rate(tuple(self._recent_s)),
            times_ms=self._last_ms,
            source=source.status,
        )

    def summary(
        self,
        source: Source,
        *,
        dropped: Mapping[str, int],
        sinks: Mapping[str, SinkSummary],
        notes: Sequence[str] = (),
    ) -> RunSummary:
        """Return the sum of it, after `finished`; `notes` are put to the source's."""
        duration_s = self._end_s - self._start_s if self._frames else 0.0
        times = {name: sample.spread() for name, sample in self._times.items()}
        return RunSummary(
            source=source.name,
            live=source.live,
            size=self._size,
            captured=self._frames + sum(dropped.values()),
            frames=self._frames,
            dropped=dropped,
            duration_s=duration_s,
            fps=self._frames / duration_s if duration_s else 0.0,
            times={name: spread for name, spread in times.items() if spread is not None},
            sinks=sinks,
            coverage=self._mean_coverage(),
            accuracy=self._accuracy(),
            notes=(*source.notes, *notes),
        )

    def _mean_coverage(self) -> dict[str, float]:
        mean = self._coverage / max(1, self._seen)
        return {label: float(mean[index]) for index, label in enumerate(self._labels)}

    def _accuracy(self) -> Accuracy | None:
        if self._with_truth == 0:
            return None
        return Accuracy(
            pixels=float(pixel_accuracy(self._confusion)),
            mean_iou=float(mean_iou(self._confusion)),
            frames=self._with_truth,
        )


def _rate(times_s: Sequence[float]) -> float:
    """Return the events a second of the last _WINDOW_S; none if the last was longer ago."""
    now_s = time.monotonic()
    late = [time_s for time_s in times_s if now_s - time_s <= _WINDOW_S]
    return (len(late) - 1) / (now_s - late[0]) if len(late) > 1 else 0.0


class Sample:
    """All values at first, later a uniform random sample of them (Vitter 1985, algorithm R)."""

    def __init__(self) -> None:
        """Start empty."""
        self.count = 0
        self._kept: list[float] = []
        self._random = random.Random(0)

    def add(self, value: float) -> None:
        """Take one in."""
        self.count += 1
        if len(self._kept) < _KEPT_TIMES:
            self._kept.append(value)
            return
        place = self._random.randrange(self.count)
        if place < _KEPT_TIMES:
            self._kept[place] = value

    def spread(self) -> Spread | None:
        """Return the percentiles, None where there is nothing."""
        if not self._kept:
            return None
        return Spread(*np.percentile(self._kept, [50, 95, 99]).tolist())
