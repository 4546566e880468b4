"""A camera or a stream as a live source: the newest picture, whatever happens to the device.

A capture process (`capture_child`) reads the device. Here, in the thread that runs `frames`, its
messages are heard and time is watched: a process that says nothing for long is killed and another
one started. Nothing here waits for the device.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from edgeseg.errors import SourceError
from edgeseg.manifest import Size
from edgeseg.sources import Frame, SourceStatus, State
from edgeseg.sources.capture import CaptureProcess
from edgeseg.sources.capture_child import Job
from edgeseg.sources.shared import News, Taken

# How often the clock is looked at while nothing comes.
_LOOK_S = 0.1
# A process must at least start in this time, from a slow SD card and on a busy machine.
_START_S = 30.0
# What a process gets on top of the grabber's own time-out before it counts as stuck.
_GRACE_S = 2.0
# Processes that end at once are not started more often than this.
_RESTART_S = 5.0
# A device that opens may still give no picture, for a moment (just plugged in) or for ever.
_TRIES_FOR_FIRST_PICTURE = 3


@dataclass(frozen=True)
class LiveSettings:
    """How a live source is watched.

    Attributes:
        wait: keep trying from the beginning; otherwise a first failure is an error.
        stall_s: without a picture for this long it counts as stalled, and after twice that its
            process as stuck.
        open_timeout_s: the longest that its grabber should take to open.
        first_wait_s: before the first attempt to connect again; doubled from one to the next.
        longest_wait_s: before any attempt.
        environment: variables for the capture process.
    """

    wait: bool = False
    stall_s: float = 2.0
    open_timeout_s: float = 5.0
    first_wait_s: float = 0.1
    longest_wait_s: float = 1.0
    environment: Mapping[str, str] = field(default_factory=dict)


def _as_it_is(reason: str) -> str:
    return reason


class LiveSource:
    """Yields the newest picture of a grabber that runs in a process of its own."""

    live = True
    length: int | None = None

    def __init__(
        self,
        name: str,
        kind: str,
        options: Mapping[str, Any],
        settings: LiveSettings | None = None,
        *,
        explain: Callable[[str], str] = _as_it_is,
    ) -> None:
        """Prepare the source; nothing is started before `frames`.

        Args:
            name: for messages.
            kind: of grabber, as `make_grabber` has them.
            options: of the grabber.
            settings: of the supervision.
            explain: makes the error's text of the reason why the device cannot be opened.
        """
        self.name = name
        self.size: Size | None = None
        self.fps: float | None = None
        self.notes: list[str] = []
        self._kind = kind
        self._options = dict(options)
        self._settings = settings or LiveSettings()
        self._explain = explain
        self._accounts = _Accounts()
        self._status = SourceStatus("opening", time.monotonic())
        self._closed = threading.Event()
        self._lock = threading.Lock()
        self._process: CaptureProcess | None = None
        self._limit_s = 0.0
        self._heard_s = 0.0
        self._restart_wait_s = self._settings.first_wait_s
        self._failures = 0
        self._was_live = False
        self._lost_by = ""

    @property
    def status(self) -> SourceStatus | None:
        """How it is doing now."""
        return self._status

    @property
    def dropped(self) -> Mapping[str, int]:
        """Pictures that were taken but not yielded, by reason: newer, damaged, frozen."""
        return self._accounts.dropped()

    @property
    def pid(self) -> int | None:
        """Of the capture process, None when there is none."""
        process = self._process
        return None if process is None else process.pid

    def frames(self) -> Iterator[Frame]:
        """Yield the newest picture each time, until closed; what is lost is waited for.

        Raises:
            SourceError: the device cannot be opened at first or never gives a picture (without
                `wait`), or trying again is pointless.
        """
        try:
            while not self._closed.is_set():
                frame = self._next()
                if frame is not None:
                    yield frame
        finally:
            self.close()

    def close(self) -> None:
        """Make `frames` end now and let the capture process go; returns within half a second."""
        with self._lock:
            self._closed.set()
            process, self._process = self._process, None
        if process is not None:
            process.end()
        self._turn("ended")

    def _next(self) -> Frame | None:
        """Hear what there is, look at the clock, and return a frame if there is a new one."""
        process = self._running()
        if process is None:
            return None
        newest: Taken | None = None
        for message in process.receive(_LOOK_S):
            if isinstance(message, News):
                self._hear(message)
            else:
                self._count(message)
                newest = message if message.picture else newest
        frame = None if newest is None else self._frame(process, newest)
        if not self._closed.is_set():
            self._watch(process)
        return frame

    def _running(self) -> CaptureProcess | None:
        """Return the process at work, started when there is none."""
        with self._lock:
            if self._process is None and not self._closed.is_set():
                settings = self._settings
                job = Job(self._kind, self._options, settings.first_wait_s, settings.longest_wait_s)
                self._process = CaptureProcess(job, settings.environment)
                self._accounts.new_process()
                self._heard_s = time.monotonic()
                self._limit_s = _START_S
            return self._process

    def _hear(self, news: News) -> None:
        """Take in what the process says about its connection."""
        settings = self._settings
        self._heard_s = time.monotonic()
        self._limit_s = 2 * settings.stall_s
        if news.event == "opening":
            self._limit_s = settings.open_timeout_s + _GRACE_S
            if self._status.state in ("lost", "stalled"):
                self._change(retries=self._status.retries + 1)
        elif news.event == "opened":
            self.size = Size(*news.size) if news.size else None
            self.fps = news.fps
            self._options.update(news.memory or {})
            self._change(mode=news.mode)
        else:
            self._limit_s = settings.longest_wait_s + _GRACE_S
            self._fail(news.reason, stalled=news.stalled, final=news.final)

    def _count(self, taken: Taken) -> None:
        """Take in that a picture came, good or bad."""
        self._heard_s = time.monotonic()
        self._limit_s = 2 * self._settings.stall_s
        self._accounts.take(taken)
        self._restart_wait_s = self._settings.first_wait_s
        self._failures, self._was_live = 0, True
        self._turn("live", retries=0)
        self._change(captured=self._accounts.captured, frozen_s=taken.still_s)

    def _frame(self, process: CaptureProcess, taken: Taken) -> Frame | None:
        """Return the picture that was announced, unless it was too late for it."""
        pixels = process.read(taken)
        if pixels is None or self._closed.is_set():
            return None
        assert taken.picture is not None  # for the type checker: only such are asked for
        index = self._accounts.yielding(taken)
        return Frame(
            index, pixels, taken.captured_s, name=f"{index:06d}", layout=taken.picture.layout
        )

    def _watch(self, process: CaptureProcess) -> None:
        """Look at the clock: is it stalled, is its process stuck, is it still there at all?"""
        silent_s = time.monotonic() - self._heard_s
        if process.gone:
            self._replace(process, process.why_gone())
        elif silent_s > self._limit_s:
            self._replace(process, f"it did not answer for {silent_s:.1f} s", stalled=True)
        elif self._status.state == "live" and silent_s > self._settings.stall_s:
            self._turn("stalled", reason=f"nothing came for {silent_s:.1f} s")

    def _replace(self, process: CaptureProcess, reason: str, *, stalled: bool = False) -> None:
        """End a process that is of no use any more; the next look starts another."""
        with self._lock:
            if self._process is not process:
                return  # closed meanwhile
            self._process = None
        process.end(patience_s=0.0)
        self._fail(reason, stalled=stalled)
        self._closed.wait(self._restart_wait_s)
        self._restart_wait_s = min(2 * self._restart_wait_s, _RESTART_S)

    def _fail(self, reason: str, *, stalled: bool = False, final: bool = False) -> None:
        """Note a failure; raises SourceError when it is not one to be waited out."""
        if self._closed.is_set():
            return
        self._failures += 1
        if final or not (self._was_live or self._settings.wait):
            self._give_up(reason, final)
        if self._was_live:
            self._turn("stalled" if stalled else "lost", reason=reason)
        else:
            self._change(reason=reason, retries=self._failures)

    def _give_up(self, reason: str, final: bool) -> None:
        """Raise when it does not open, or opens again and again in vain."""
        self._change(reason=reason)
        if final:
            raise SourceError(f"{self.name}: {reason}")
        if not self._status.mode:
            raise SourceError(self._explain(reason))
        if self._failures >= _TRIES_FOR_FIRST_PICTURE:
            raise SourceError(
                f"{self.name} opens but gives no picture ({reason}); does something else use it?"
            )

    def _turn(self, state: State, **changes: Any) -> None:
        """Go to a state; leaving `live` for worse is a loss."""
        before = self._status
        if before.state == state and not changes.get("reason"):
            return
        worse = before.state == "live" and state in ("stalled", "lost")
        since_s = before.since_s if before.state == state else time.monotonic()
        self._lost_by = changes["reason"] if worse else self._lost_by
        self._change(state=state, since_s=since_s, losses=before.losses + worse, **changes)
        self._tell()

    def _change(self, **changes: Any) -> None:
        """Put a new status in the place of the old; nothing comes after `ended`."""
        with self._lock:
            if self._status.state != "ended":
                self._status = replace(self._status, **changes)

    def _tell(self) -> None:
        """Put into `notes` what a user should hear at the end."""
        counts = self._accounts.dropped()
        losses = self._status.losses
        said = []
        if losses:
            said.append(f"{self.name} was lost {_times(losses)} during the run ({self._lost_by})")
        if counts["damaged"]:
            said.append(f"{self.name} gave {_pictures(counts['damaged'])} that were damaged")
        if counts["frozen"]:
            said.append(f"{self.name} gave the very same picture again {_times(counts['frozen'])}")
        self.notes[:] = said


class _Accounts:
    """What became of every picture: captured = yielded + newer + damaged + frozen."""

    def __init__(self) -> None:
        self._yielded = 0
        # Captured, damaged, frozen: by the processes before this one, and by all. Each is replaced
        # as a whole, since other threads read them.
        self._before = (0, 0, 0)
        self._now = (0, 0, 0)

    @property
    def captured(self) -> int:
        """All that were taken."""
        return self._now[0]

    def new_process(self) -> None:
        """Go on from here: a new process counts from nothing."""
        self._before = self._now

    def take(self, taken: Taken) -> None:
        """Take over the counts of the process."""
        captured, damaged, frozen = self._before
        self._now = (captured + taken.captured, damaged + taken.damaged, frozen + taken.frozen)

    def yielding(self, taken: Taken) -> int:
        """Count a picture that is handed out; returns its number, from 0."""
        self._yielded += 1
        return self._before[0] + taken.captured - 1

    def dropped(self) -> dict[str, int]:
        """Return the others by reason."""
        captured, damaged, frozen = self._now
        newer = captured - self._yielded - damaged - frozen
        return {"newer": newer, "damaged": damaged, "frozen": frozen}


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count} times"


def _pictures(count: int) -> str:
    return "1 picture" if count == 1 else f"{count} pictures"
