"""A sink on a thread of its own, fed through a slot: slow ones hold up nobody."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

import cv2

from edgeseg.errors import EdgesegError, OutputError
from edgeseg.slot import Slot
from edgeseg.summary import Sample, SinkSummary

if TYPE_CHECKING:
    from edgeseg.loop import FrameResult
    from edgeseg.sinks import Sink


OUTPUT_THREAD = "edgeseg-output"


class Outlet:
    """Writes and closes one sink, all in one thread.

    Attributes:
        name: the sink's.
    """

    def __init__(self, sink: Sink, *, newest: bool) -> None:
        """Start the thread.

        Args:
            sink: closed by that thread, whatever happens.
            newest: True lets a newer result replace the one that waits; False makes `give` wait.
        """
        self.name = sink.name
        self._sink = sink
        self._slot: Slot[FrameResult] = Slot(newest=newest)
        self._times = Sample()
        self._thread = threading.Thread(target=self._work, name=OUTPUT_THREAD, daemon=True)
        self._thread.start()

    @property
    def missed(self) -> int:
        """Results that were never written, because a newer one was there."""
        return self._slot.replaced

    def give(self, result: FrameResult, until: Callable[[], bool]) -> bool:
        """Hand over a result; return False when the sink takes no more, or `until` is true.

        Raises:
            EdgesegError: what the sink failed with.
        """
        return self._slot.put(result, until)

    def end(self) -> None:
        """Say that nothing more will come: what waits is written, and the sink closed."""
        self._slot.end()

    def join(self, timeout_s: float) -> bool:
        """Wait for that; return whether it is done."""
        self._thread.join(timeout_s)
        return not self._thread.is_alive()

    @property
    def hangs(self) -> bool:
        """Whether the sink is not closed yet; after the run's end it was left behind."""
        return self._thread.is_alive()

    def check(self) -> None:
        """Raise what the sink failed with, if it did."""
        self._slot.check()

    def summary(self) -> SinkSummary:
        """Return what became of the results, after `finish`."""
        return SinkSummary(self._times.count, self.missed, self._times.spread())

    def _work(self) -> None:
        error: BaseException | None = None
        try:
            with self._sink:
                for result in self._slot.items():
                    start_s = time.perf_counter()
                    self._sink.write(result)
                    self._times.add((time.perf_counter() - start_s) * 1e3)
        except BaseException as caught:  # noqa: BLE001  it is raised in the caller's thread
            error = as_ours(caught, OutputError, self.name)
        self._slot.leave(error)


def as_ours(error: BaseException, kind: type[EdgesegError], name: str) -> BaseException:
    """Turn what the world does into our error; a bug stays what it is, with its traceback."""
    if isinstance(error, OSError | MemoryError | cv2.error) and not isinstance(error, EdgesegError):
        ours = kind(f"{name}: {str(error) or type(error).__name__}")
        ours.__cause__ = error
        return ours
    return error
