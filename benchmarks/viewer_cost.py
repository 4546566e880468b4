"""What viewers of the page cost: the mask rate with them over the rate without, in one run.

`python -m edgeseg.benchmarks.viewer_cost [LOOKING STALLING [PAIRS [unpaced]]]`
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from random import Random
from typing import IO, TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from edgeseg.loop import run_stream
from edgeseg.manifest import Size
from edgeseg.monitor import Monitor
from edgeseg.segmenter import open_segmenter
from edgeseg.serve import ServeSink
from edgeseg.sinks import Sink
from edgeseg.sources import NOTHING, Frame, SourceStatus
from edgeseg.sources.street import render_street

if TYPE_CHECKING:
    from edgeseg.loop import FrameResult

_RENDERED = 30
_SETTLE_S = 1.0
_SIZE = Size(1280, 720)


@dataclass(frozen=True)
class ViewerCost:
    """Of one run.

    Attributes:
        without_fps, with_fps: masked frames a second in each pair of phases.
        ratio: median over the pairs of with over without.
        cpu_without, cpu_with: processor seconds a second of the run's process, median.
        pictures_fps: pictures a second that a looking viewer got.
        stalled: viewers that were dropped because they took nothing.
    """

    without_fps: tuple[float, ...]
    with_fps: tuple[float, ...]
    ratio: float
    cpu_without: float
    cpu_with: float
    pictures_fps: float
    stalled: int


class RepeatedStreet:
    """A few pictures of the street over and over: rendering must not weigh on the measurement."""

    dropped: Mapping[str, int] = NOTHING
    status: SourceStatus | None = None
    name = "repeated street"
    length: int | None = None

    def __init__(self, fps: float | None, size: Size = _SIZE) -> None:
        """Render; `fps` None gives frames as fast as they are taken."""
        self.live = fps is not None
        self.fps = fps
        self.size: Size | None = size
        self.notes: list[str] = []
        self._pictures: list[NDArray[np.uint8]] = [
            render_street(1, index / 25, size)[0] for index in range(_RENDERED)
        ]
        self._closed = threading.Event()

    def frames(self) -> Iterator[Frame]:
        """Yield pictures until closed."""
        start_s = time.monotonic()
        index = 0
        while not self._closed.is_set():
            if self.fps is not None:
                self._closed.wait(max(0.0, start_s + index / self.fps - time.monotonic()))
            pixels = self._pictures[index % _RENDERED]
            yield Frame(index, pixels, time.monotonic(), name=f"{index:06d}")
            index += 1

    def close(self) -> None:
        """Make `frames` end."""
        self._closed.set()


class _Counter(Sink):
    name = "counter"

    def __init__(self) -> None:
        self.count = 0

    def write(self, result: FrameResult) -> None:  # noqa: ARG002  only counted
        self.count += 1

    def close(self) -> None:
        pass


def measure_viewers(
    *,
    looking: int = 16,
    stalling: int = 16,
    pairs: int = 5,
    phase_s: float = 4.0,
    fps: float | None = 30.0,
    model: str = "fcn8",
) -> ViewerCost:
    """Run a model with the page served, with viewers and without in turns.

    Args:
        looking: viewers that take pictures as fast as they come.
        stalling: viewers that take nothing; they come again when they are dropped.
        pairs: of phases; which comes first in a pair is drawn.
        phase_s: length of a phase, after a second to settle.
        fps: of the source; None is as fast as the model goes.
        model: file or zoo name.
    """
    stop, counter = threading.Event(), _Counter()
    with open_segmenter(model) as segmenter:
        page = ServeSink(
            "127.0.0.1:0",
            manifest=segmenter.manifest,
            monitor=Monitor(),
            max_viewers=looking + stalling,
            model=model,
        )
        run = threading.Thread(
            target=run_stream,
            args=(RepeatedStreet(fps), segmenter, [page, counter]),
            kwargs={"stop": stop},
        )
        run.start()
        try:
            with _crowd(page.url, looking, stalling) as crowd:
                return _measure(crowd, counter, page, pairs, phase_s, looking)
        finally:
            stop.set()
            run.join()


class _Child:
    """The viewers' process."""

    def __init__(self, lines: IO[str], answers: IO[str]) -> None:
        self._lines = lines
        self._answers = answers

    def say(self, word: str) -> int:
        """Turn the viewers `on` or `off`; return how many pictures they have got so far."""
        self._lines.write(f"{word}\n")
        self._lines.flush()
        return int(self._answers.readline().split()[0])


@contextmanager
def _crowd(url: str, looking: int, stalling: int) -> Iterator[_Child]:
    host, port = url.removeprefix("http://").rstrip("/").split(":")
    numbers = (str(looking), str(stalling))
    child = subprocess.Popen(
        [sys.executable, "-m", "edgeseg.benchmarks.viewers", host, port, *numbers],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with child:
        assert child.stdin is not None  # for the type checker: both are pipes
        assert child.stdout is not None
        yield _Child(child.stdin, child.stdout)


def _measure(
    crowd: _Child, counter: _Counter, page: ServeSink, pairs: int, phase_s: float, looking: int
) -> ViewerCost:
    order = Random(0)
    rates: dict[str, list[float]] = {"on": [], "off": []}
    loads: dict[str, list[float]] = {"on": [], "off": []}
    seen, seen_s = 0, 0.0
    for _ in range(pairs):
        for word in order.sample(["on", "off"], 2):
            before, start_s = crowd.say(word), time.monotonic()
            time.sleep(_SETTLE_S)
            rate, load = _phase(counter, phase_s)
            rates[word].append(rate)
            loads[word].append(load)
            if word == "on":
                seen += crowd.say("off") - before
                seen_s += time.monotonic() - start_s
    ratios = [one / other for one, other in zip(rates["on"], rates["off"], strict=True)]
    return ViewerCost(
        without_fps=tuple(rates["off"]),
        with_fps=tuple(rates["on"]),
        ratio=statistics.median(ratios),
        cpu_without=statistics.median(loads["off"]),
        cpu_with=statistics.median(loads["on"]),
        pictures_fps=seen / seen_s / looking if looking else 0.0,
        stalled=page.viewers.stalled,
    )


def _phase(counter: _Counter, phase_s: float) -> tuple[float, float]:
    """Return frames and processor seconds a second of this process."""
    count, start_s, cpu_s = counter.count, time.monotonic(), _cpu_s()
    time.sleep(phase_s)
    seconds = time.monotonic() - start_s
    return (counter.count - count) / seconds, (_cpu_s() - cpu_s) / seconds


def _cpu_s() -> float:
    times = os.times()
    return times.user + times.system


def main(arguments: list[str]) -> None:
    """Measure and print."""
    numbers = [int(text) for text in arguments if text.isdigit()]
    looking, stalling, pairs = (*numbers, *(16, 16, 5)[len(numbers) :])
    fps = None if "unpaced" in arguments else 30.0
    cost = measure_viewers(looking=looking, stalling=stalling, pairs=pairs, fps=fps)
    sys.stdout.write(
        f"masks with viewers / without: {cost.ratio:.3f}\n"
        f"fps with {_listed(cost.with_fps)}; without {_listed(cost.without_fps)}\n"
        f"cores with {cost.cpu_with:.2f}, without {cost.cpu_without:.2f}; a viewer got "
        f"{cost.pictures_fps:.1f} fps; {cost.stalled} dropped as stalled\n"
    )


def _listed(values: tuple[float, ...]) -> str:
    return " ".join(f"{value:.1f}" for value in values)


if __name__ == "__main__":
    main(sys.argv[1:])
