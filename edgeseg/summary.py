"""What a run amounted to: counts, rates, times, coverage, and accuracy where truth is known."""

from __future__ import annotations

import random
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from edgeseg.labels import STREET
from edgeseg.manifest import Size
from edgeseg.metrics import confusion, mean_iou, pixel_accuracy

if TYPE_CHECKING:
    from edgeseg.segmenter import StageTimes
    from edgeseg.sources import Source
    from edgeseg.stream import FrameResult

# Enough for a steady p95; a run of days must not fill the memory with times.
_KEPT_TIMES = 4096


@dataclass(frozen=True)
class Spread:
    """Median and 95th percentile, in milliseconds."""

    p50_ms: float
    p95_ms: float


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
        frames: how many were masked.
        dropped: captured but never masked, because a newer frame came first (live only).
        missed: masked but not written, because the sinks were busy (live only).
        duration_s: from the first frame until everything was written.
        fps: masked frames a second of that.
        times: `age`, `prepare`, `infer`, `decode` of masked frames, `output` of written ones.
        coverage: mean share of the pixels for each label.
        accuracy: None where no truth is known.
        notes: what the source has to say (skipped files, a lost camera).
    """

    source: str
    live: bool
    size: Size | None
    frames: int
    dropped: int
    missed: int
    duration_s: float
    fps: float
    times: Mapping[str, Spread]
    coverage: Mapping[str, float]
    accuracy: Accuracy | None
    notes: tuple[str, ...]


class Tally:
    """Counts while a run goes on; `masked` and `written` may be called from different threads."""

    def __init__(self, labels: Sequence[str]) -> None:
        """Start empty; a truth is compared only where `labels` are the street's."""
        self._labels = tuple(labels)
        self._times = {name: _Sample() for name in ("age", "prepare", "infer", "decode", "output")}
        self._frames = 0
        self._start_s = 0.0
        self._end_s = 0.0
        self._size: Size | None = None
        self._written = 0
        self._coverage = np.zeros(256)
        self._confusion = np.zeros((len(labels), len(labels)), np.int64)
        self._with_truth = 0

    def masked(self, times: StageTimes, age_ms: float) -> None:
        """Count a masked frame."""
        stages = {"prepare": times.prepare_ms, "infer": times.infer_ms, "decode": times.decode_ms}
        if self._frames == 0:
            self._start_s = time.monotonic() - sum(stages.values()) / 1e3
        self._frames += 1
        for name, value_ms in {**stages, "age": age_ms}.items():
            self._times[name].add(value_ms)

    def written(self, result: FrameResult, output_ms: float) -> None:
        """Count a result that the sinks have taken."""
        self._times["output"].add(output_ms)
        self._size = self._size or Size(*result.mask.shape[1::-1])
        self._written += 1
        self._coverage += result.coverage
        if result.frame.truth is not None and self._labels == STREET.names:
            self._compare(result.frame.truth, result.mask)

    def finished(self) -> None:
        """Take the time: everything is written."""
        self._end_s = time.monotonic()

    def summary(self, source: Source, *, dropped: int, missed: int) -> RunSummary:
        """Return the sum of it, after `finished`."""
        duration_s = self._end_s - self._start_s if self._frames else 0.0
        return RunSummary(
            source=source.name,
            live=source.live,
            size=self._size,
            frames=self._frames,
            dropped=dropped,
            missed=missed,
            duration_s=duration_s,
            fps=self._frames / duration_s if duration_s else 0.0,
            times={name: sample.spread() for name, sample in self._times.items() if sample.count},
            coverage=self._mean_coverage(),
            accuracy=self._accuracy(),
            notes=tuple(source.notes),
        )

    def _compare(self, truth: NDArray[np.uint8], mask: NDArray[np.uint8]) -> None:
        self._confusion += confusion(truth, mask, len(self._labels), STREET.ignore)
        self._with_truth += 1

    def _mean_coverage(self) -> dict[str, float]:
        mean = self._coverage / max(1, self._written)
        return {label: float(mean[index]) for index, label in enumerate(self._labels)}

    def _accuracy(self) -> Accuracy | None:
        if self._with_truth == 0:
            return None
        return Accuracy(
            pixels=float(pixel_accuracy(self._confusion)),
            mean_iou=float(mean_iou(self._confusion)),
            frames=self._with_truth,
        )


class _Sample:
    """All values at first, later a uniform random sample of them (Vitter 1985, algorithm R)."""

    def __init__(self) -> None:
        self.count = 0
        self._kept: list[float] = []
        self._random = random.Random(0)

    def add(self, value: float) -> None:
        self.count += 1
        if len(self._kept) < _KEPT_TIMES:
            self._kept.append(value)
            return
        place = self._random.randrange(self.count)
        if place < _KEPT_TIMES:
            self._kept[place] = value

    def spread(self) -> Spread:
        p50, p95 = np.percentile(self._kept, [50, 95])
        return Spread(float(p50), float(p95))
