"""The frame loop: order, bounds, errors and ends, with fakes where the logic is the subject."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from edgeseg.errors import ConfigError, ModelError, OutputError, SourceError
from edgeseg.labels import STREET
from edgeseg.loop import FrameResult, Pace, has_stuck_threads, run_stream
from edgeseg.manifest import Head, Manifest, Preparation, Size
from edgeseg.monitor import Monitor, Progress
from edgeseg.segmenter import Segmentation, StageTimes
from edgeseg.sinks import Sink
from edgeseg.sources import NOTHING, Frame, SourceStatus
from edgeseg.summary import RunSummary, Spread

MANIFEST = Manifest(STREET.names, STREET.palette, Preparation(Size(8, 8)), Head())


class FakeSource:
    """Yields `count` frames, one every `period_s`, then raises `error` if there is one."""

    name = "fake"
    dropped = NOTHING
    status: SourceStatus | None = None
    size: Size | None = Size(4, 2)
    fps: float | None = None

    def __init__(
        self,
        count: int,
        *,
        live: bool = False,
        period_s: float = 0.0,
        error: Exception | None = None,
        truth: int | None = None,
    ) -> None:
        self.live = live
        self.length: int | None = count
        self.notes: list[str] = []
        self.captured = 0
        self._period_s = period_s
        self._error = error
        self._truth = truth
        self._closed = threading.Event()

    def frames(self) -> Iterator[Frame]:
        for index in range(self.length or 0):
            if self._closed.wait(self._period_s):
                return
            self.captured += 1
            pixels = np.full((2, 4, 3), index % 256, np.uint8)
            truth = None if self._truth is None else np.full((2, 4), self._truth, np.uint8)
            yield Frame(index, pixels, time.monotonic(), truth, f"{index:06d}")
        if self._error is not None:
            raise self._error

    def close(self) -> None:
        self._closed.set()


class FakeSegmenter:
    """Says class 3 everywhere after `period_s`."""

    manifest = MANIFEST

    def __init__(self, period_s: float = 0.0, error: Exception | None = None) -> None:
        self._period_s = period_s
        self._error = error

    def segment(self, frame: NDArray[np.uint8], *, layout: str) -> Segmentation:
        assert layout == "bgr"
        time.sleep(self._period_s)
        if self._error is not None:
            raise self._error
        return Segmentation(np.full(frame.shape[:2], 3, np.uint8), StageTimes(1.0, 2.0, 3.0))


class FakeSink(Sink):
    """Remembers what it got; `on_write` is called with each result first."""

    name = "fake sink"

    def __init__(self, on_write: Callable[[FrameResult], None] = lambda _: None) -> None:
        self.indices: list[int] = []
        self.threads: set[int] = set()
        self.closed = 0
        self._on_write = on_write

    def write(self, result: FrameResult) -> None:
        self._on_write(result)
        self.threads.add(threading.get_ident())
        self.indices.append(result.frame.index)

    def close(self) -> None:
        self.threads.add(threading.get_ident())
        self.closed += 1


def run(
    source: FakeSource,
    *sinks: Sink,
    segmenter: FakeSegmenter | None = None,
    stop: threading.Event | None = None,
    limit: int | None = None,
    duration_s: float | None = None,
    pace: Pace | None = None,
    monitor: Monitor | None = None,
) -> RunSummary:
    return run_stream(
        source,
        segmenter or FakeSegmenter(),
        sinks,
        stop=stop or threading.Event(),
        limit=limit,
        duration_s=duration_s,
        pace=pace or Pace(),
        monitor=monitor,
    )


def test_a_file_gives_every_frame_in_order_to_every_sink() -> None:
    fast, slow = FakeSink(), FakeSink(lambda _: time.sleep(0.002))
    summary = run(FakeSource(30), fast, slow)
    assert fast.indices == slow.indices == list(range(30))
    assert (summary.frames, summary.captured, summary.dropped) == (30, 30, {})
    assert [(one.written, one.missed) for one in summary.sinks.values()] == [(30, 0), (30, 0)]
    assert list(summary.sinks) == ["fake sink", "fake sink (2)"]
    assert (fast.closed, slow.closed) == (1, 1)


def test_a_sink_sees_one_thread_of_its_own() -> None:
    first, second = FakeSink(), FakeSink()
    run(FakeSource(3), first, second)
    assert len(first.threads) == len(second.threads) == 1
    assert len(first.threads | second.threads | {threading.get_ident()}) == 3


def test_a_live_source_is_masked_at_its_newest_and_each_frame_accounted_for() -> None:
    source = FakeSource(60, live=True, period_s=0.002)
    sink = FakeSink()
    summary = run(source, sink, segmenter=FakeSegmenter(period_s=0.01))
    assert summary.dropped["newer"] > 0
    assert summary.frames + summary.dropped["newer"] == summary.captured == source.captured == 60
    assert sink.indices == sorted(set(sink.indices))
    assert sink.indices[-1] == 59


def test_a_slow_sink_never_slows_a_live_source() -> None:
    source = FakeSource(60, live=True, period_s=0.005)
    slow, quick = FakeSink(lambda _: time.sleep(0.1)), FakeSink()
    summary = run(source, slow, quick)
    assert summary.frames >= 50
    assert len(quick.indices) >= 50
    of_slow = summary.sinks["fake sink"]
    assert of_slow.missed > 0
    assert of_slow.written == len(slow.indices)
    assert of_slow.written + of_slow.missed == summary.frames


def test_what_waits_when_a_run_ends_is_accounted_for() -> None:
    source = FakeSource(1000, live=True, period_s=0.001)
    summary = run(source, segmenter=FakeSegmenter(period_s=0.02), limit=5)
    assert summary.captured == source.captured
    assert summary.dropped["end"] >= 1


def test_every_third_frame() -> None:
    sink = FakeSink()
    summary = run(FakeSource(10), sink, pace=Pace(every=3))
    assert sink.indices == [0, 3, 6, 9]
    assert (summary.captured, summary.dropped) == (10, {"every": 6})


def test_every_third_frame_of_a_camera_that_drops_some_keeps_to_the_grid() -> None:
    class Dropping(FakeSource):
        def frames(self) -> Iterator[Frame]:
            return (frame for frame in super().frames() if frame.index not in (3, 4, 6))

    sink = FakeSink()
    run(Dropping(12, live=True, period_s=0.01), sink, pace=Pace(every=3))
    assert sink.indices == [0, 5, 7, 9]


def test_every_third_frame_of_a_file_whose_beginning_is_done_already() -> None:
    class Resumed(FakeSource):
        def frames(self) -> Iterator[Frame]:
            return (frame for frame in super().frames() if frame.index not in (0, 3))

    sink = FakeSink()
    run(Resumed(10), sink, pace=Pace(every=3))
    assert sink.indices == [6, 9]


def test_old_frames_are_left_out_of_a_live_run() -> None:
    class Late(FakeSource):
        def frames(self) -> Iterator[Frame]:
            for frame in super().frames():
                late_s = 1.0 if frame.index % 2 else 0.0
                yield replace(frame, captured_s=frame.captured_s - late_s)

    sink = FakeSink()
    summary = run(Late(10, live=True, period_s=0.03), sink, pace=Pace(max_age_ms=500))
    assert set(sink.indices) <= {0, 2, 4, 6, 8}
    assert summary.dropped["too old"] >= 1
    assert summary.captured == 10


def test_the_rate_can_be_limited() -> None:
    start_s = time.monotonic()
    summary = run(FakeSource(11), pace=Pace(max_fps=50))
    assert summary.frames == 11
    assert time.monotonic() - start_s >= 0.2


@pytest.mark.parametrize("wrong", [{"every": 0}, {"max_age_ms": 0.0}, {"max_fps": -1.0}])
def test_a_pace_that_makes_no_sense_is_refused(wrong: Any) -> None:
    with pytest.raises(ConfigError, match="expected more than 0"):
        Pace(**wrong)


def test_a_monitor_tells_how_far_the_run_has_come() -> None:
    monitor = Monitor()
    seen: list[Progress] = []
    sink = FakeSink(lambda _: seen.append(monitor.now()))
    source = FakeSource(40, live=True, period_s=0.005)
    summary = run(source, sink, segmenter=FakeSegmenter(period_s=0.02), monitor=monitor)
    assert monitor.now().masked == summary.frames
    assert monitor.now().dropped == summary.dropped
    assert 1 <= seen[0].masked <= seen[-1].masked
    assert 10 < seen[-1].fps <= 55
    assert seen[-1].times_ms["infer"] == 2.0
    assert seen[-1].missed.keys() == {"fake sink"}
    assert seen[-1].size == Size(4, 2)


def test_the_limit_ends_the_run() -> None:
    sink = FakeSink()
    assert run(FakeSource(100), sink, limit=7).frames == 7
    assert sink.indices == list(range(7))


def test_the_duration_ends_the_run() -> None:
    start_s = time.monotonic()
    summary = run(FakeSource(10_000, live=True, period_s=0.01), duration_s=0.3)
    assert 0.25 < time.monotonic() - start_s < 3
    assert summary.frames > 3


def test_stop_is_heard_while_waiting_for_a_frame() -> None:
    stop = threading.Event()
    threading.Timer(0.1, stop.set).start()
    start_s = time.monotonic()
    summary = run(FakeSource(1, live=True, period_s=60), stop=stop)
    assert time.monotonic() - start_s < 3
    assert summary.frames == 0
    assert summary.fps == 0


def test_a_sink_may_end_the_run() -> None:
    stop = threading.Event()
    sink = FakeSink(lambda result: stop.set() if result.frame.index == 2 else None)
    assert run(FakeSource(1000, period_s=0.001), sink, stop=stop).frames < 1000
    assert sink.closed == 1


def test_a_source_that_fails_leaves_finished_sinks() -> None:
    sink = FakeSink()
    with pytest.raises(SourceError, match="cable"):
        run(FakeSource(3, error=SourceError("cable")), sink)
    assert sink.indices == [0, 1, 2]
    assert sink.closed == 1


def test_errors_of_the_system_become_ours() -> None:
    with pytest.raises(SourceError, match=r"fake: .*gone"):
        run(FakeSource(1, error=OSError(5, "gone")))


def test_a_bug_stays_a_bug() -> None:
    with pytest.raises(ZeroDivisionError):
        run(FakeSource(1, error=ZeroDivisionError()))


def test_a_sink_that_fails_ends_the_run_and_finishes_the_others() -> None:
    def fail(result: FrameResult) -> None:
        if result.frame.index == 2:
            raise OSError(28, "No space left on device")

    good, bad = FakeSink(), FakeSink(fail)
    with pytest.raises(OutputError, match=r"fake sink: .*No space"):
        run(FakeSource(1000), good, bad)
    assert len(good.indices) >= 3
    assert good.indices == list(range(len(good.indices)))
    assert (good.closed, bad.closed) == (1, 1)


def test_a_sink_that_cannot_finish_is_an_error() -> None:
    class Unfinished(FakeSink):
        def close(self) -> None:
            raise OutputError("half a file")

    other = FakeSink()
    with pytest.raises(OutputError, match="half a file"):
        run(FakeSource(2), Unfinished(), other)
    assert other.closed == 1


def test_a_model_that_fails_ends_the_run_and_finishes_the_sinks() -> None:
    sink = FakeSink()
    with pytest.raises(ModelError):
        run(FakeSource(5), sink, segmenter=FakeSegmenter(error=ModelError("no")))
    assert sink.closed == 1


def test_a_source_that_hangs_is_left_behind() -> None:
    release = threading.Event()

    class Hanging(FakeSource):
        def frames(self) -> Iterator[Frame]:
            release.wait(60)
            yield from ()

    stop = threading.Event()
    stop.set()
    start_s = time.monotonic()
    run(Hanging(1, live=True), stop=stop)
    assert time.monotonic() - start_s < 5
    assert has_stuck_threads()
    release.set()
    for thread in threading.enumerate():
        if thread is not threading.current_thread():
            thread.join(5)
    assert not has_stuck_threads()


@pytest.mark.parametrize("live", [True, False])
def test_a_sink_that_hangs_is_left_behind_when_asked_to_end(live: bool) -> None:
    release, hangs, stop = threading.Event(), threading.Event(), threading.Event()

    def hang(_: FrameResult) -> None:
        hangs.set()
        release.wait(60)

    class Slow(FakeSink):
        def close(self) -> None:  # what the stuck one uses up must not be missing here
            time.sleep(0.2)
            super().close()

    stuck, other = FakeSink(hang), Slow(lambda _: stop.set() if hangs.is_set() else None)
    start_s = time.monotonic()
    summary = run(FakeSource(1000, live=live, period_s=0.01), other, stuck, stop=stop)
    assert time.monotonic() - start_s < 5
    assert (stuck.closed, other.closed) == (0, 1)
    assert [note for note in summary.notes if "fake sink was left behind" in note]
    assert has_stuck_threads()
    release.set()
    for thread in threading.enumerate():
        if thread is not threading.current_thread():
            thread.join(5)
    assert not has_stuck_threads()
    assert stuck.closed == 1


def test_the_summary_adds_up() -> None:
    source = FakeSource(4, truth=3)
    source.notes.append("one file skipped")
    summary = run(source, FakeSink())
    assert summary.times["infer"] == Spread(2.0, 2.0, 2.0)
    assert set(summary.times) == {"age", "prepare", "infer", "decode"}
    assert summary.sinks["fake sink"].time is not None
    assert summary.coverage["road"] == 1.0
    assert sum(summary.coverage.values()) == 1.0
    assert summary.accuracy is not None
    assert summary.accuracy.pixels == summary.accuracy.mean_iou == 1.0
    assert summary.size == Size(4, 2)
    assert summary.notes == ("one file skipped",)
    assert summary.fps == pytest.approx(4 / summary.duration_s)


def test_accuracy_needs_the_truths_own_labels() -> None:
    segmenter = FakeSegmenter()
    segmenter.manifest = Manifest(
        ("a", "b", "c", "d"), ((0, 0, 0),) * 4, MANIFEST.preparation, Head()
    )
    assert run(FakeSource(2, truth=3), segmenter=segmenter).accuracy is None
