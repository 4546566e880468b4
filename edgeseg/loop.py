"""The frame loop: a source's frames through a segmenter into sinks, overlapped and bounded."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from edgeseg.errors import ConfigError, SourceError
from edgeseg.kernels_numpy_pictures import Layout
from edgeseg.manifest import Manifest
from edgeseg.monitor import Monitor
from edgeseg.outlet import OUTPUT_THREAD, Outlet, as_ours
from edgeseg.segmenter import Segmentation, StageTimes
from edgeseg.sinks import Sink
from edgeseg.slot import Slot
from edgeseg.sources import Frame, Source
from edgeseg.summary import RunSummary, SinkSummary, Tally

__all__ = ["FrameResult", "Pace", "RunSummary", "run_stream"]

# The thread contract.
#
#   capture thread --[slot of frames]--> caller's thread --[slot of results]--> a thread for each
#   runs source.frames()                 segments           ...                 sink: writes it
#
# - A slot holds one item. For a live source the newer item replaces the one that waits, and what
#   was replaced is counted: frames as dropped, results as missed by that sink. So neither inference
#   nor a slow sink ever makes the loop, or another sink, fall behind. For any other source a full
#   slot makes its producer wait: every frame is written, in order, and memory stays bounded.
# - A source is opened in the caller's thread but read only in the capture thread. That thread is a
#   daemon: one that is stuck in a driver is left behind after _PATIENCE_S and never awaited again.
# - A sink is written and closed only in its own thread. All are closed whatever happened, so every
#   file is finished; run_stream returns or raises after that. A sink that hangs is left behind a
#   moment after `stop`, and noted.
# - An error in another thread travels through its slot, and run_stream raises it in the caller's
#   thread. The caller's thread never waits longer than a moment without looking at `stop`.

_CAPTURE_THREAD = "edgeseg-capture"

# Closing a source ends its frames at once or after the picture at hand; longer, and it is stuck. So
# is a sink that is not closed so long after `stop`: a pipe that nobody reads, a disk that is gone.
_PATIENCE_S = 1.3
# So much of it a result may wait for a sink that takes none; the rest lets the others close.
_HAND_OVER_S = 0.8
_LOOK_S = 0.05


class Masker(Protocol):
    """What the loop needs of a segmenter."""

    manifest: Manifest

    def segment(self, frame: NDArray[np.uint8], *, layout: Layout) -> Segmentation:
        """Return the class map of a frame of a layout, uint8 [h, w], and what it took."""
        ...


@dataclass(frozen=True)
class Pace:
    """Which frames of a source are worth masking.

    Attributes:
        every: mask each N-th captured frame only.
        max_age_ms: leave out frames that are older when their turn comes (live sources only).
        max_fps: mask at most so many a second.
    """

    every: int = 1
    max_age_ms: float | None = None
    max_fps: float | None = None

    def __post_init__(self) -> None:
        """Check the numbers.

        Raises:
            ConfigError: one makes no sense.
        """
        limits = (("every", self.every), ("max age", self.max_age_ms), ("max fps", self.max_fps))
        wrong = [f"{name} is {value}" for name, value in limits if value is not None and value <= 0]
        if wrong:
            raise ConfigError(f"{', '.join(wrong)}; expected more than 0")


@dataclass(frozen=True)
class FrameResult:
    """A frame and what the network made of it.

    Attributes:
        frame: the picture.
        mask: class indices, uint8 [h, w], the frame's size.
        times: of the stages.
        age_ms: from capture until the mask was ready.
        counts: pixels of each class, where they were counted already.
    """

    frame: Frame
    mask: NDArray[np.uint8]
    times: StageTimes
    age_ms: float
    counts: NDArray[np.uint32] | None = None

    @cached_property
    def coverage(self) -> NDArray[np.float64]:
        """Share of the frame's pixels for each class index, float64 [256]."""
        shares = np.zeros(256)
        if self.counts is None:
            shares[:] = cv2.calcHist([self.mask], [0], None, [256], [0, 256]).ravel()
        else:
            shares[: self.counts.size] = self.counts
        return shares / self.mask.size


_EVERY_FRAME = Pace()


def run_stream(
    source: Source,
    segmenter: Masker,
    sinks: Sequence[Sink],
    *,
    stop: threading.Event,
    limit: int | None = None,
    duration_s: float | None = None,
    pace: Pace = _EVERY_FRAME,
    monitor: Monitor | None = None,
) -> RunSummary:
    """Mask a source's frames until it ends, `stop` is set, or a limit is reached.

    Sinks are closed and the source released when this returns or raises.

    Args:
        source: of the frames; it can be run once.
        segmenter: anything with a manifest and `segment`.
        sinks: each gets every result, in order; those of a live source only as they keep up.
        stop: set it from a signal handler, a sink or another thread to end after the frame at hand.
        limit: the most frames to mask.
        duration_s: the longest time to run.
        pace: which frames to leave out.
        monitor: tells others how far the run has come.

    Raises:
        SourceError: the source failed; results before that are in the sinks.
        OutputError: a sink failed; the other sinks are finished.
        EdgesegError: the segmenter failed.
    """
    tally = Tally(segmenter.manifest.labels)
    patience = _Patience(stop)
    intake = _Intake(source, pace)
    outlets = [Outlet(sink, newest=source.live) for sink in sinks]
    counting = Outlet(_Counting(tally), newest=source.live)
    if monitor is not None:
        monitor.attach(lambda: tally.progress(source, intake.dropped(), _missed(outlets)))
    try:
        for count, frame in enumerate(intake.frames(stop, duration_s), start=1):
            result = _mask(segmenter, frame)
            tally.masked(result)
            taken = [outlet.give(result, patience.is_waning) for outlet in (counting, *outlets)]
            if not all(taken) or count == limit:
                break
    finally:
        intake.leave()
        _finish((*outlets, counting), patience)
        tally.finished()
        intake.join()
    for outlet in (*outlets, counting):
        outlet.check()
    return tally.summary(
        source, dropped=intake.dropped(), sinks=_summaries(outlets), notes=_left_behind(outlets)
    )


class _Intake:
    """The frames of a source that are worth masking, and how many were not, by reason."""

    def __init__(self, source: Source, pace: Pace) -> None:
        """Start to capture."""
        self._source = source
        self._pace = pace
        self._slot: Slot[Frame] = Slot(newest=source.live)
        self._left_out: Counter[str] = Counter()
        self._due = 0
        self._thread = threading.Thread(target=self._capture, name=_CAPTURE_THREAD, daemon=True)
        self._thread.start()

    def frames(self, stop: threading.Event, duration_s: float | None) -> Iterator[Frame]:
        """Yield frames until the source ends, `stop` is set or the time is up."""
        for frame in self._slot.items(_deadline(stop, duration_s)):
            start_s = time.monotonic()
            if self._is_too_old(frame, start_s):
                self._left_out["too old"] += 1
                continue
            yield frame
            if self._pace.max_fps is not None:
                stop.wait(max(0.0, start_s + 1 / self._pace.max_fps - time.monotonic()))

    def leave(self) -> None:
        """Take no more, and close the source."""
        self._slot.leave()
        self._source.close()

    def join(self) -> None:
        """Wait a moment for the capture thread to end."""
        self._thread.join(_PATIENCE_S)

    def dropped(self) -> dict[str, int]:
        """Return how many frames were captured but not masked, by reason."""
        # Copied at one stroke, for the other threads go on counting.
        reasons = Counter(dict(self._source.dropped))
        reasons.update(dict(self._left_out))
        reasons["newer"] += self._slot.replaced
        if self._source.live:  # what was read ahead of a file is not lost
            reasons["end"] += self._slot.abandoned
        return {reason: count for reason, count in reasons.items() if count}

    def _is_too_old(self, frame: Frame, now_s: float) -> bool:
        limit_ms = self._pace.max_age_ms
        if limit_ms is None or not self._source.live:
            return False
        return (now_s - frame.captured_s) * 1e3 > limit_ms

    def _is_due(self, index: int) -> bool:
        """Return whether a frame is the N-th; of live ones, which may be lost before, the next."""
        every = self._pace.every
        if not self._source.live:
            return index % every == 0
        if index < self._due:
            return False
        self._due = index - index % every + every
        return True

    def _capture(self) -> None:
        error: BaseException | None = None
        try:
            for frame in self._source.frames():
                if not self._is_due(frame.index):
                    self._left_out["every"] += 1
                elif not self._slot.put(frame):
                    break
        except BaseException as caught:  # noqa: BLE001  it is raised in the caller's thread
            error = as_ours(caught, SourceError, self._source.name)
        self._slot.end(error)


class _Counting(Sink):
    """Adds up what the masks hold, beside the loop like any sink."""

    name = "summary"

    def __init__(self, tally: Tally) -> None:
        self._tally = tally

    def write(self, result: FrameResult) -> None:
        self._tally.seen(result)

    def close(self) -> None:
        return


class _Patience:
    """With sinks: without an end until `stop` is set, then _HAND_OVER_S and _PATIENCE_S."""

    def __init__(self, stop: threading.Event) -> None:
        self._stop = stop
        self._since_s: float | None = None

    def is_waning(self) -> bool:
        """Whether a sink that takes no result should be waited for no longer."""
        return self._waited_s() > _HAND_OVER_S

    def is_over(self) -> bool:
        """Whether sinks that are not closed are to be left behind."""
        return self._waited_s() > _PATIENCE_S

    def _waited_s(self) -> float:
        if not self._stop.is_set():
            return 0.0
        now_s = time.monotonic()
        if self._since_s is None:
            self._since_s = now_s
        return now_s - self._since_s


def _finish(outlets: Sequence[Outlet], patience: _Patience) -> None:
    """Wait until all sinks are closed, as long as there is patience."""
    for outlet in outlets:
        outlet.end()
    waiting = list(outlets)
    while waiting and not patience.is_over():
        waiting = [outlet for outlet in waiting if not outlet.join(_LOOK_S)]


def _left_behind(outlets: Sequence[Outlet]) -> list[str]:
    return [
        f"{outlet.name} was left behind: it did not finish within {_PATIENCE_S:g} s"
        for outlet in outlets
        if outlet.hangs
    ]


def _deadline(stop: threading.Event, duration_s: float | None) -> Callable[[], bool]:
    if duration_s is None:
        return stop.is_set
    end_s = time.monotonic() + duration_s
    return lambda: stop.is_set() or time.monotonic() >= end_s


def _mask(segmenter: Masker, frame: Frame) -> FrameResult:
    segmentation = segmenter.segment(frame.raw, layout=frame.layout)
    age_ms = (time.monotonic() - frame.captured_s) * 1e3
    return FrameResult(
        frame, segmentation.mask, segmentation.times, age_ms, counts=segmentation.counts
    )


def _missed(outlets: Sequence[Outlet]) -> dict[str, int]:
    return {name: outlet.missed for name, outlet in _named(outlets)}


def _summaries(outlets: Sequence[Outlet]) -> dict[str, SinkSummary]:
    return {name: outlet.summary() for name, outlet in _named(outlets)}


def _named(outlets: Sequence[Outlet]) -> Iterator[tuple[str, Outlet]]:
    """Yield outlets with their names; a second one of the same name gets a number."""
    uses: Counter[str] = Counter()
    for outlet in outlets:
        uses[outlet.name] += 1
        count = uses[outlet.name]
        yield outlet.name if count == 1 else f"{outlet.name} ({count})", outlet


def has_stuck_threads() -> bool:
    """Return whether a thread was left behind, in a driver or a write, and still runs."""
    names = {thread.name for thread in threading.enumerate()}
    return not names.isdisjoint((_CAPTURE_THREAD, OUTPUT_THREAD))
