"""The frame loop: a source's frames through a segmenter into sinks, overlapped and bounded."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from edgeseg.errors import EdgesegError, OutputError, SourceError
from edgeseg.manifest import Manifest
from edgeseg.segmenter import Segmentation, StageTimes
from edgeseg.sinks import Sink
from edgeseg.slot import Slot
from edgeseg.sources import Frame, Source
from edgeseg.summary import RunSummary, Tally

__all__ = ["FrameResult", "RunSummary", "run_stream"]

# The thread contract.
#
#   capture thread --[slot of frames]--> caller's thread --[slot of results]--> output thread
#   runs source.frames()                 segments                               writes every sink
#
# - A slot holds one item. For a live source the newer item replaces the one that waits, and what
#   was replaced is counted: frames as dropped, results as missed by the sinks. So neither inference
#   nor a slow sink ever makes the loop fall behind. For any other source a full slot makes its
#   producer wait: every frame is written, in order, and memory stays bounded.
# - A source is opened in the caller's thread but read only in the capture thread. That thread is a
#   daemon: one that is stuck in a driver is left behind after _PATIENCE_S and never awaited again.
# - Sinks are written and closed only in the output thread. All are closed whatever happened, so
#   every file is finished; run_stream returns or raises after that.
# - An error in either thread travels through its slot, and run_stream raises it in the caller's
#   thread. The caller's thread never waits longer than a moment without looking at `stop`.

_CAPTURE_THREAD = "edgeseg-capture"

# Cameras end a stalled read after one second (sources/camera.py); a little more, and it is stuck.
_PATIENCE_S = 1.3


class Masker(Protocol):
    """What the loop needs of a segmenter."""

    manifest: Manifest

    def segment(self, frame: NDArray[np.uint8]) -> Segmentation:
        """Return the class map of a BGR frame, uint8 [h, w], and what it took."""
        ...


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


def run_stream(
    source: Source,
    segmenter: Masker,
    sinks: Sequence[Sink],
    *,
    stop: threading.Event,
    limit: int | None = None,
    duration_s: float | None = None,
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

    Raises:
        SourceError: the source failed; results before that are in the sinks.
        OutputError: a sink failed; the other sinks are finished.
        EdgesegError: the segmenter failed.
    """
    tally = Tally(segmenter.manifest.labels)
    frames: Slot[Frame] = Slot(newest=source.live)
    results: Slot[FrameResult] = Slot(newest=source.live)
    capture = _start(_CAPTURE_THREAD, _capture, source, frames)
    output = _start("edgeseg-output", _output, results, sinks, tally)
    try:
        for count, frame in enumerate(frames.items(_deadline(stop, duration_s)), start=1):
            result = _mask(segmenter, frame)
            tally.masked(result.times, result.age_ms)
            if not results.put(result) or count == limit:
                break
    finally:
        frames.leave()
        source.close()
        results.end()
        output.join()
        tally.finished()
        capture.join(_PATIENCE_S)
    results.check()
    return tally.summary(source, dropped=frames.replaced, missed=results.replaced)


def _start(name: str, work: Callable[..., None], *args: object) -> threading.Thread:
    thread = threading.Thread(target=work, args=args, name=name, daemon=True)
    thread.start()
    return thread


def _deadline(stop: threading.Event, duration_s: float | None) -> Callable[[], bool]:
    if duration_s is None:
        return stop.is_set
    end_s = time.monotonic() + duration_s
    return lambda: stop.is_set() or time.monotonic() >= end_s


def _mask(segmenter: Masker, frame: Frame) -> FrameResult:
    segmentation = segmenter.segment(frame.pixels)
    age_ms = (time.monotonic() - frame.captured_s) * 1e3
    return FrameResult(
        frame, segmentation.mask, segmentation.times, age_ms, counts=segmentation.counts
    )


def _capture(source: Source, frames: Slot[Frame]) -> None:
    error: BaseException | None = None
    try:
        for frame in source.frames():
            if not frames.put(frame):
                break
    except BaseException as caught:  # noqa: BLE001  it is raised in the caller's thread
        error = _as_ours(caught, SourceError, source.name)
    frames.end(error)


def _output(results: Slot[FrameResult], sinks: Sequence[Sink], tally: Tally) -> None:
    error: BaseException | None = None
    name = "output"
    try:
        with ExitStack() as closing:
            for sink in sinks:
                closing.callback(sink.close)
            for result in results.items():
                start_s = time.perf_counter()
                for sink in sinks:
                    name = sink.name
                    sink.write(result)
                tally.written(result, (time.perf_counter() - start_s) * 1e3)
    except BaseException as caught:  # noqa: BLE001  it is raised in the caller's thread
        error = _as_ours(caught, OutputError, name)
    results.leave(error)


def _as_ours(error: BaseException, kind: type[EdgesegError], name: str) -> BaseException:
    """Turn what the world does into our error; a bug stays what it is, with its traceback."""
    if isinstance(error, OSError | MemoryError | cv2.error) and not isinstance(error, EdgesegError):
        ours = kind(f"{name}: {str(error) or type(error).__name__}")
        ours.__cause__ = error
        return ours
    return error


def capture_is_stuck() -> bool:
    """Return whether a capture thread was left behind in a driver and still runs."""
    return any(thread.name == _CAPTURE_THREAD for thread in threading.enumerate())
