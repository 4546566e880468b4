"""A window with the overlay, in a child process that may die without taking the run along."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import IO, TYPE_CHECKING

from edgeseg.errors import MissingExtraError, OutputError
from edgeseg.overlay import Painter
from edgeseg.sinks import Sink
from edgeseg.sinks.window_child import READY, USER_CLOSED, header

if TYPE_CHECKING:
    from edgeseg.loop import FrameResult

_DISPLAYS = ("DISPLAY", "WAYLAND_DISPLAY", "SDL_VIDEODRIVER")
_KMS_DEVICES = Path("/dev/dri")
_KMS_DRIVER = "kmsdrm"
_GOODBYE_S = 1.0


class WindowSink(Sink):
    """Shows each result; closing the window, q or Esc sets `stop`.

    Xlib ends its process when the X server goes away, and no handler can prevent that. So the
    window lives in a process of its own (`window_child`), which gets pictures through a pipe.
    """

    def __init__(
        self, painter: Painter, stop: threading.Event, on_lost: Callable[[], None] = lambda: None
    ) -> None:
        """Open the window.

        Args:
            painter: of the overlays.
            stop: set when the user closes the window.
            on_lost: called once, from another thread, when the display goes away; results are
                then no longer shown.

        Raises:
            MissingExtraError: pygame-ce is not installed.
            OutputError: there is no display, or it refuses.
        """
        if find_spec("pygame") is None:
            raise MissingExtraError("pygame-ce, which opens the window,", "window")
        self.name = "window"
        self._painter = painter
        self._stop = stop
        self._on_lost = on_lost
        self._closing = False
        self._child, self._pictures = _start_child(_environment())
        threading.Thread(target=self._watch, name="edgeseg-window", daemon=True).start()

    def write(self, result: FrameResult) -> None:
        """Show the result, unless the window has gone."""
        if self._pictures.closed:
            return
        picture = self._painter.paint(result)
        try:
            self._pictures.write(header(picture))
            self._pictures.write(picture.tobytes())
            self._pictures.flush()
        except OSError:  # the watching thread says why
            self._hang_up()

    def close(self) -> None:
        """Close the window."""
        self._closing = True
        self._hang_up()
        try:
            self._child.wait(_GOODBYE_S)
        except subprocess.TimeoutExpired:
            self._child.kill()

    def _hang_up(self) -> None:
        try:
            self._pictures.close()
        except OSError:
            return  # what was buffered has nobody to go to

    def _watch(self) -> None:
        code = self._child.wait()
        if code == USER_CLOSED:
            self._stop.set()
        elif not self._closing:
            self._on_lost()


def has_display() -> bool:
    """Return whether a desktop (or a chosen SDL driver) is there to show a window on."""
    return any(os.environ.get(name) for name in _DISPLAYS)


def _environment() -> dict[str, str]:
    """The child's environment; without a desktop SDL draws on the console, but only when told."""
    if has_display():
        return dict(os.environ)
    if not _KMS_DEVICES.is_dir():
        raise OutputError(
            "no display for a window: DISPLAY and WAYLAND_DISPLAY are not set and there is no "
            "/dev/dri; leave out --window and watch --save overlay.mp4"
        )
    return {**os.environ, "SDL_VIDEODRIVER": _KMS_DRIVER}


def _start_child(environment: dict[str, str]) -> tuple[subprocess.Popen[bytes], IO[bytes]]:
    child = subprocess.Popen(
        [sys.executable, "-m", "edgeseg.sinks.window_child"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,  # Xlib and SDL talk there; what matters comes through stdout
        start_new_session=True,  # Ctrl-C is for the run, which then closes the window
        env=environment,
    )
    assert child.stdin is not None  # for the type checker: both are pipes
    assert child.stdout is not None
    with child.stdout:
        answer = child.stdout.readline().decode(errors="replace").strip()
    if answer != READY:
        child.wait()
        child.stdin.close()
        why = answer or "the window could not be opened"
        raise OutputError(f"{why}; type --no-window, or set DISPLAY to one that can be used")
    return child, child.stdin
