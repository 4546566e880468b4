"""Faults of a fake camera, one after the other, and how long the source took to notice and recover.

For tests, and for benchmarks that print the figures.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from fake_camera import FakeCamera, read_number

from edgeseg.sources import Frame, SourceStatus
from edgeseg.sources.live import LiveSource

_LOOK_S = 0.005
_TICKS_PER_S = os.sysconf("SC_CLK_TCK")


@dataclass
class Seen:
    """What a consumer of a source has seen so far.

    Attributes:
        frames: index of each frame, and the number that it shows.
        last: the newest frame.
        error: what `frames` raised.
    """

    frames: list[tuple[int, int]] = field(default_factory=list)
    last: Frame | None = None
    error: BaseException | None = None


@contextmanager
def consumed(source: LiveSource) -> Iterator[Seen]:
    """Take a source's frames in a thread of their own, as the frame loop does."""
    seen = Seen()
    thread = threading.Thread(target=_consume, args=(source, seen), daemon=True)
    thread.start()
    try:
        yield seen
    finally:
        source.close()
        thread.join(5.0)


def _consume(source: LiveSource, seen: Seen) -> None:
    try:
        for frame in source.frames():
            seen.frames.append((frame.index, read_number(frame.pixels)))
            seen.last = frame
    except BaseException as error:  # noqa: BLE001  the test looks at it
        seen.error = error


def until(condition: Callable[[], bool], timeout_s: float) -> float:
    """Wait for something; returns how long it took, or raises TimeoutError."""
    begun_s = time.monotonic()
    while not condition():
        if time.monotonic() - begun_s > timeout_s:
            raise TimeoutError(f"not within {timeout_s} s")
        time.sleep(_LOOK_S)
    return time.monotonic() - begun_s


def next_frame(seen: Seen, timeout_s: float) -> float:
    """Wait for a frame that was not there yet; returns how long it took."""
    before = len(seen.frames)
    return until(lambda: len(seen.frames) > before, timeout_s)


def status_of(source: LiveSource) -> SourceStatus:
    """Return the status, which a live source has."""
    status = source.status
    assert status is not None
    return status


def cpu_s(pid: int) -> float:
    """Return the processor time that a process has taken, 0 when it has gone."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / _TICKS_PER_S


@dataclass(frozen=True)
class Outage:
    """One fault.

    Attributes:
        noticed_s: from the fault until the status said so.
        cpu_share: of a core, by the capture process and its parent, while it lasted.
        back_s: from its end until the next frame.
    """

    noticed_s: float
    cpu_share: float
    back_s: float


def outages(
    source: LiveSource,
    seen: Seen,
    camera: FakeCamera,
    *,
    cycles: int,
    command: str = "unplug",
    state: str = "lost",
    lasts_s: float = 1.0,
    nodes: tuple[str, ...] = ("/dev/video0",),
    timeout_s: float = 20.0,
) -> Iterator[Outage]:
    """Break and mend a camera again and again.

    Args:
        source: of the camera.
        seen: of `consumed`; the source must be giving frames.
        camera: to break.
        cycles: how often.
        command: the fault.
        state: that the source should be in then.
        lasts_s: how long the fault lasts after it was noticed.
        nodes: where the camera comes back, in turn.
        timeout_s: the longest wait for anything.
    """
    for cycle in range(cycles):
        next_frame(seen, timeout_s)
        camera.control(command)
        noticed_s = until(lambda: status_of(source).state == state, timeout_s)
        cpu_share = _cpu_share(source.pid, lasts_s)
        camera.control("ok", nodes[cycle % len(nodes)])
        yield Outage(noticed_s, cpu_share, next_frame(seen, timeout_s))


def _cpu_share(pid: int | None, seconds: float) -> float:
    """Return the share of a core that this process and its child take."""
    pids = [os.getpid(), *([pid] if pid else [])]
    before = sum(map(cpu_s, pids))
    begun_s = time.monotonic()
    time.sleep(seconds)
    return (sum(map(cpu_s, pids)) - before) / (time.monotonic() - begun_s)
