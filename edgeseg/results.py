"""Results one after the other, for a loop of the caller's own."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

from edgeseg.errors import EdgesegError
from edgeseg.loop import FrameResult, Pace, run_stream
from edgeseg.monitor import Monitor
from edgeseg.segmenter import Segmenter, open_segmenter
from edgeseg.sinks import Sink
from edgeseg.slot import Slot
from edgeseg.sources import Source, open_source
from edgeseg.summary import RunSummary

if TYPE_CHECKING:
    from typing_extensions import Self

# After `close`, the frame at hand and open files are finished; a source that hangs is left behind.
_PATIENCE_S = 5.0


def stream(
    model: str | Path | Segmenter | None = None,
    source: str | Source = "0",
    *,
    threads: int | None = None,
    runtime: str | None = None,
    sinks: Sequence[Sink] = (),
    pace: Pace | None = None,
    limit: int | None = None,
    duration_s: float | None = None,
) -> Results:
    """Mask a source's frames on other threads, and hand over result after result.

    Of a live source the newest result is handed over, and those that came while the caller was busy
    are left out; of any other source every result is, in order.

        with edgeseg.stream("fcn8", "rtsp://camera/1") as results:
            for result in results:
                print(result.frame.index, result.age_ms, result.mask.shape)

    Args:
        model: a .tflite file, a zoo name, None for the zoo's default, or an open segmenter, which
            then stays open.
        source: as for `edgeseg.open_source`, or a source, which can be run once.
        threads: of the network.
        runtime: of the network.
        sinks: that get the results as well.
        pace: which frames to leave out.
        limit: the most frames to mask.
        duration_s: the longest time to run.

    Raises:
        SourceError: there is no such source, or nothing that can be read.
        ModelError: there is no such model, or it cannot be loaded.
        ConfigError: an option makes no sense.
    """
    opened = open_source(source) if isinstance(source, str) else source
    try:
        if isinstance(model, Segmenter):
            return Results(opened, model, sinks, pace or Pace(), limit, duration_s, own=False)
        segmenter = open_segmenter(model, threads=threads, runtime=runtime)
    except BaseException:
        opened.close()
        raise
    return Results(opened, segmenter, sinks, pace or Pace(), limit, duration_s, own=True)


class Results:
    """Results of a run that goes on in the background; made by `stream`.

    Iterating raises what the run fails with: SourceError, ModelError, OutputError.

    Attributes:
        monitor: how far the run has come.
    """

    def __init__(
        self,
        source: Source,
        segmenter: Segmenter,
        sinks: Sequence[Sink],
        pace: Pace,
        limit: int | None,
        duration_s: float | None,
        *,
        own: bool,
    ) -> None:
        """Start the run; `own` has the segmenter closed at its end."""
        self.monitor = Monitor()
        self._summary: RunSummary | None = None
        self._stop = threading.Event()
        self._slot: Slot[FrameResult] = Slot(newest=source.live)
        self._segmenter = segmenter
        self._own = own
        limits = {"limit": limit, "duration_s": duration_s, "pace": pace}
        self._thread = threading.Thread(
            target=self._run, args=(source, sinks, limits), name="edgeseg-stream", daemon=True
        )
        self._thread.start()

    def __iter__(self) -> Iterator[FrameResult]:
        """Yield results until the source ends, a limit is reached, or `close`."""
        return self._slot.items()

    @property
    def summary(self) -> RunSummary:
        """What the run amounted to, once it has ended.

        Raises:
            EdgesegError: it has not, or it failed.
        """
        if self._summary is None:
            raise EdgesegError("the run has no summary yet; iterate to its end, or close it")
        return self._summary

    def close(self) -> None:
        """End the run after the frame at hand; harmless when repeated."""
        self._stop.set()
        self._slot.leave()
        self._thread.join(_PATIENCE_S)

    def __enter__(self) -> Self:
        """Return the results."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close the run."""
        self.close()

    def _run(self, source: Source, sinks: Sequence[Sink], limits: dict[str, Any]) -> None:
        error: BaseException | None = None
        try:
            self._summary = run_stream(
                source,
                self._segmenter,
                [*sinks, _HandOver(self._slot)],
                stop=self._stop,
                monitor=self.monitor,
                **limits,
            )
        except BaseException as caught:  # noqa: BLE001  it is raised where results are taken
            error = caught
        if self._own:
            self._segmenter.close()
        self._slot.end(error)


class _HandOver(Sink):
    """The last sink: gives each result to the loop of the caller."""

    name = "stream"

    def __init__(self, slot: Slot[FrameResult]) -> None:
        self._slot = slot

    def write(self, result: FrameResult) -> None:
        self._slot.put(result)

    def close(self) -> None:
        return
