"""The last minute of a run, second by second, and stage times summed up from its start."""

from __future__ import annotations

import threading
import time
from collections import deque
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from edgeseg.loop import FrameResult

KEPT_S = 60
STAGES = ("prepare", "infer", "decode")


@dataclass(frozen=True)
class Second:
    """One second of results; means over its frames, None where none came.

    Attributes:
        number: seconds since the page opened.
        frames: how many results came.
        age_ms: mean age of a result when its mask was ready.
        oldest_ms: greatest such age.
        prepare_ms, infer_ms, decode_ms: mean times of the stages.
    """

    number: int
    frames: int
    age_ms: float | None
    oldest_ms: float | None
    prepare_ms: float | None
    infer_ms: float | None
    decode_ms: float | None


class Minute:
    """Counts results as they come; every method may be called from any thread."""

    def __init__(self) -> None:
        """Start with an empty minute."""
        self._lock = threading.Lock()
        self._start_s = time.monotonic()
        self._kept: deque[Second] = deque(maxlen=KEPT_S)
        self._results: list[tuple[float, float, float, float]] = []
        self._sums_s = dict.fromkeys(STAGES, 0.0)
        self._count = 0

    def add(self, result: FrameResult) -> None:
        """Count a result."""
        times = result.times
        stages = (times.prepare_ms, times.infer_ms, times.decode_ms)
        with self._lock:
            self._results.append((result.age_ms, *stages))
            self._count += 1
            for stage, value_ms in zip(STAGES, stages, strict=True):
                self._sums_s[stage] += value_ms / 1e3

    def turn(self) -> Second:
        """End the second that runs and return it; called once a second."""
        with self._lock:
            results, self._results = self._results, []
            second = _second(int(time.monotonic() - self._start_s), results)
            self._kept.append(second)
        return second

    def kept(self) -> list[dict[str, float | None]]:
        """Return the seconds so far, oldest first, as JSON holds them."""
        with self._lock:
            return [asdict(second) for second in self._kept]

    def sums(self) -> tuple[int, dict[str, float]]:
        """Return how many results there were, and the seconds of each stage."""
        with self._lock:
            return self._count, dict(self._sums_s)


def _second(number: int, results: list[tuple[float, float, float, float]]) -> Second:
    if not results:
        return Second(number, 0, None, None, None, None, None)
    means = [round(sum(column) / len(results), 3) for column in zip(*results, strict=True)]
    oldest_ms = round(max(result[0] for result in results), 3)
    return Second(number, len(results), means[0], oldest_ms, *means[1:])
