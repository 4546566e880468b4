"""The process that reads a camera or a stream: one grabber, its pictures in shared memory.

Started with the number of a socket (`live.CaptureProcess`), it gets its job there and answers with
the messages of `shared`. It reconnects by itself and waits longer each time, and it ends when the
other end of the socket closes, however stuck its grabber is then.
"""

from __future__ import annotations

import json
import os
import socket
import sys
import threading
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgeseg.sources.grabber import Grabbed, Grabber, GrabError, Mode, make_grabber
from edgeseg.sources.shared import LONGEST_MESSAGE, News, Ring, Taken, encode

# A device gets this long to be closed properly once nobody wants its pictures any more.
_GOODBYE_S = 0.25
_PARENT_CHECK_S = 1.0
_SAMPLES = 4096


@dataclass(frozen=True)
class Job:
    """What a capture process is asked to do.

    Attributes:
        kind: of grabber.
        options: of the grabber.
        first_wait_s: before the first attempt to connect again; doubled from one to the next.
        longest_wait_s: before any attempt.
    """

    kind: str
    options: dict[str, Any]
    first_wait_s: float = 0.1
    longest_wait_s: float = 1.0

    def encode(self) -> bytes:
        """Return the job as bytes; a command line, which all can read, must hold no password."""
        return json.dumps(vars(self)).encode()


def main(arguments: list[str]) -> int:
    """Take a job from the socket whose number is given, and do it until that is closed."""
    line = socket.socket(fileno=int(arguments[0]))
    data = line.recv(LONGEST_MESSAGE)
    if not data:
        return 0
    leaving = threading.Event()
    threading.Thread(target=_leave_with_parent, args=(line, leaving), daemon=True).start()
    try:
        _Capture(line, Job(**json.loads(data)), leaving).run()
    except (BrokenPipeError, ConnectionResetError):
        return 0
    return 0


def _leave_with_parent(line: socket.socket, leaving: threading.Event) -> None:
    """End the process when the parent hangs up or dies.

    PR_SET_PDEATHSIG is no use: it fires when the *thread* that started this process ends. Copies of
    the parent made by fork() may hold the socket open, so its number is looked at as well.
    """
    parent = os.getppid()
    line_closed = False
    while not line_closed and os.getppid() == parent:
        line_closed = _is_closed(line, _PARENT_CHECK_S)
    leaving.set()
    threading.Event().wait(_GOODBYE_S)
    os._exit(0)


def _is_closed(line: socket.socket, timeout_s: float) -> bool:
    import select

    poll = select.poll()
    poll.register(line, select.POLLIN)
    return bool(poll.poll(timeout_s * 1000)) and not line.recv(1)


class _Capture:
    """Opens, reads, reopens, and says so."""

    def __init__(self, line: socket.socket, job: Job, leaving: threading.Event) -> None:
        self._line = line
        self._job = job
        self._leaving = leaving
        self._ring = Ring(line)
        self._still = StillWatch()
        self._captured = 0
        self._damaged = 0
        self._frozen = 0
        self._wait_s = job.first_wait_s

    def run(self) -> None:
        """Read until told to leave, or until trying again is pointless."""
        grabber = self._make()
        while grabber is not None and not self._leaving.is_set():
            if not self._connection(grabber):
                return
            self._leaving.wait(self._wait_s)
            self._wait_s = min(2 * self._wait_s, self._job.longest_wait_s)

    def _make(self) -> Grabber | None:
        try:
            return make_grabber(self._job.kind, self._job.options)
        except Exception as error:  # noqa: BLE001  the parent must hear of it, whatever it is
            self._say(News("failed", reason=_words(error), final=True))
            return None

    def _connection(self, grabber: Grabber) -> bool:
        """Open and read until that fails; return whether to try again."""
        try:
            self._say(News("opening"))
            self._say(_opened(grabber.open(), grabber))
            while not self._leaving.is_set():
                self._take(grabber.grab())
        except (BrokenPipeError, ConnectionResetError):
            raise
        except GrabError as error:
            self._say(News("failed", reason=str(error), stalled=error.stalled, final=error.final))
            return not error.final
        except Exception as error:  # noqa: BLE001  decoders and drivers raise whatever they like
            self._say(News("failed", reason=_words(error)))
        finally:
            grabber.close()
        return True

    def _take(self, grabbed: Grabbed) -> None:
        """Count a picture, and pass it on when it is good and new."""
        self._captured += 1 + grabbed.skipped
        picture = None
        if grabbed.damaged:
            self._damaged += 1
        elif self._still.is_same(grabbed, self._ring.last):
            self._frozen += 1
        else:
            picture = self._ring.write(grabbed.pixels, grabbed.layout, self._captured)
            self._wait_s = self._job.first_wait_s
        self._announce(
            Taken(
                self._captured,
                self._damaged,
                self._frozen,
                grabbed.captured_s,
                self._still.seconds,
                picture,
            )
        )

    def _announce(self, taken: Taken) -> None:
        """Tell of a picture, unless the parent is too late already; the next one has all counts."""
        try:
            self._line.send(encode(taken), socket.MSG_DONTWAIT)
        except BlockingIOError:
            return

    def _say(self, news: News) -> None:
        self._line.send(encode(news))


class StillWatch:
    """Notices a picture that is, byte for byte, the one before: only faulty cameras do that.

    Attributes:
        seconds: for how long the same picture has been coming.
    """

    def __init__(self) -> None:
        """Begin without a picture."""
        self.seconds = 0.0
        self._sample: NDArray[np.uint8] | None = None
        self._since_s = 0.0

    def is_same(self, grabbed: Grabbed, last: NDArray[np.uint8] | None) -> bool:
        """Return whether the picture equals `last`; a few bytes tell nearly always."""
        flat = grabbed.pixels.reshape(-1)
        sample = flat[:: max(1, flat.size // _SAMPLES) | 1].copy()
        same = (
            last is not None
            and self._sample is not None
            and np.array_equal(sample, self._sample)
            and np.array_equal(grabbed.pixels, last)
        )
        if not same:
            self._sample, self._since_s = sample, grabbed.captured_s
        self.seconds = grabbed.captured_s - self._since_s
        return same


def _opened(mode: Mode, grabber: Grabber) -> News:
    rate = f"{mode.fps:g} fps" if mode.fps else ""
    words = [str(mode.size) if mode.size else "", mode.format, rate]
    return News(
        "opened",
        mode=" ".join(filter(None, words)),
        size=mode.size,
        fps=mode.fps,
        memory=getattr(grabber, "memory", None),
    )


def _words(error: Exception) -> str:
    return " ".join((str(error) or type(error).__name__).split())[:500]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
