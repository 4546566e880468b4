"""The parent's side of a capture process: start it, hear it, end it without ever waiting long."""

from __future__ import annotations

import os
import select
import socket
import subprocess
import sys
import threading
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from edgeseg.sources.capture_child import Job
from edgeseg.sources.shared import LONGEST_MESSAGE, Memory, News, Taken, Window, decode

# The child ends by itself within its own goodbye; after that it is killed.
_GOODBYE_S = 0.3
_KILLED_S = 0.1

# What OpenCV and FFmpeg write to stderr is said in our own words.
_QUIET = {"OPENCV_LOG_LEVEL": "SILENT", "OPENCV_FFMPEG_LOGLEVEL": "-8"}

# Killed, but not gone: a process in a driver's uninterruptible call may take for ever.
_abandoned: list[subprocess.Popen[bytes]] = []
_abandoned_lock = threading.Lock()


class CaptureProcess:
    """One child that captures, and what it says.

    Attributes:
        gone: the child has ended, or was told to.
    """

    def __init__(self, job: Job, environment: Mapping[str, str] | None = None) -> None:
        """Start the child.

        Args:
            job: for it.
            environment: variables besides those of this process.
        """
        _reap()
        self.gone = False
        self._window: Window | None = None
        self._line, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            self._child = subprocess.Popen(
                [sys.executable, "-m", "edgeseg.sources.capture_child", str(theirs.fileno())],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=None if os.environ.get("EDGESEG_DEBUG") == "1" else subprocess.DEVNULL,
                pass_fds=[theirs.fileno()],
                start_new_session=True,  # Ctrl-C is for the run, which then closes its source
                env={**_QUIET, **os.environ, **(environment or {})},
            )
        self._line.send(job.encode())
        self._line.setblocking(False)
        self._poll = select.poll()
        self._poll.register(self._line, select.POLLIN)

    @property
    def pid(self) -> int:
        """Of the child."""
        return self._child.pid

    def receive(self, timeout_s: float) -> list[Taken | News]:
        """Return all that was said, in order; waits for a first message at most `timeout_s`."""
        said: list[Taken | News] = []
        if not self.gone:
            self._poll.poll(timeout_s * 1000)
        while not self.gone and (message := self._receive_one()) is not None:
            said.append(message)
        return said

    def read(self, taken: Taken) -> NDArray[np.uint8] | None:
        """Return a copy of an announced picture, None when newer ones have taken its place."""
        window = self._window
        if window is None or taken.picture is None:
            return None
        return window.read(taken.picture, taken.captured)

    def hang_up(self) -> None:
        """Tell the child to end; a thread that waits in `receive` returns. From any thread."""
        self.gone = True
        try:
            self._line.shutdown(socket.SHUT_RDWR)
        except OSError:
            return  # it hung up first

    def end(self, patience_s: float = _GOODBYE_S) -> None:
        """End the child: it gets `patience_s` to close its device, then it is killed."""
        self.hang_up()
        if not _ended(self._child, patience_s):
            self._child.kill()
            if not _ended(self._child, _KILLED_S):
                with _abandoned_lock:
                    _abandoned.append(self._child)
        self._window = None
        self._line.close()

    def why_gone(self) -> str:
        """Say how the child ended."""
        if not _ended(self._child, _KILLED_S):
            return "the capture process hung up"
        code = self._child.returncode
        if code < 0:
            return f"the capture process was ended by signal {-code}"
        return f"the capture process ended with code {code}"

    def _receive_one(self) -> Taken | News | None:
        """Return the next message, None when there is none now; memory is taken care of here."""
        try:
            data, fds, _, _ = socket.recv_fds(self._line, LONGEST_MESSAGE, 1)
        except (BlockingIOError, InterruptedError):
            return None
        except OSError:
            data, fds = b"", []
        if not data:
            self.gone = True
            return None
        message = decode(data, fds)
        if isinstance(message, Memory):
            self._window = Window(message)
            return self._receive_one()
        return message


def _ended(child: subprocess.Popen[bytes], timeout_s: float) -> bool:
    try:
        child.wait(timeout_s)
    except subprocess.TimeoutExpired:
        return False
    return True


def _reap() -> None:
    """Look after children that were left behind."""
    with _abandoned_lock:
        _abandoned[:] = [child for child in _abandoned if child.poll() is None]
