"""The window: refused where it cannot be, closed by its user, lost without harm.

SDL's dummy driver is a real driver that shows nothing: pictures go all the way through it.
"""

from __future__ import annotations

import importlib.util
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from edgeseg.errors import MissingExtraError, OutputError
from edgeseg.loop import FrameResult
from edgeseg.overlay import Painter
from edgeseg.sinks import window
from edgeseg.sinks.window_child import header

MakeResult = Callable[..., FrameResult]

needs_pygame = pytest.mark.skipif(
    importlib.util.find_spec("pygame") is None,
    reason="needs pygame-ce; type: pip install 'edgeseg[window]'",
)


@pytest.fixture
def no_display(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "SDL_VIDEODRIVER"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(window, "_KMS_DEVICES", tmp_path / "no-dri")


def until(condition: Callable[[], bool], seconds: float = 10) -> bool:
    end_s = time.monotonic() + seconds
    while not condition() and time.monotonic() < end_s:
        time.sleep(0.02)
    return condition()


def test_without_pygame_the_extra_is_named(
    painter: Painter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(window, "find_spec", lambda _: None)
    with pytest.raises(MissingExtraError, match=r"edgeseg\[window\]"):
        window.WindowSink(painter, threading.Event())


@pytest.mark.usefixtures("no_display")
def test_without_a_display(painter: Painter, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(window, "find_spec", lambda _: object())
    assert not window.has_display()
    with pytest.raises(OutputError, match="DISPLAY"):
        window.WindowSink(painter, threading.Event())


@needs_pygame
@pytest.mark.usefixtures("no_display")
def test_a_display_that_is_not_there(painter: Painter, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DISPLAY", ":987")
    with pytest.raises(OutputError, match="--no-window"):
        window.WindowSink(painter, threading.Event())


@needs_pygame
@pytest.mark.usefixtures("no_display")
def test_pictures_go_through(
    painter: Painter, make_result: MakeResult, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SDL_VIDEODRIVER", "dummy")
    stop, lost = threading.Event(), threading.Event()
    with window.WindowSink(painter, stop, lost.set) as sink:
        for index in range(5):
            sink.write(make_result(index))
    assert not stop.is_set()
    assert not lost.is_set()


@needs_pygame
@pytest.mark.usefixtures("no_display")
def test_a_window_that_dies_is_reported_and_harmless(
    painter: Painter, make_result: MakeResult, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SDL_VIDEODRIVER", "dummy")
    stop, lost = threading.Event(), threading.Event()
    sink = window.WindowSink(painter, stop, lost.set)
    sink.write(make_result(0))
    os.kill(sink._child.pid, signal.SIGKILL)
    assert lost.wait(10)
    for index in range(1, 5):
        sink.write(make_result(index))
    sink.close()
    assert not stop.is_set()


USER_PRESSES_Q = """
import pygame, sys
from edgeseg.sinks import window_child
flip = pygame.display.flip
def flip_and_press():
    flip()
    pygame.event.post(pygame.event.Event(pygame.KEYDOWN, key=pygame.K_q))
pygame.display.flip = flip_and_press
sys.exit(window_child.main())
"""


@needs_pygame
def test_q_is_the_users_wish() -> None:
    picture = np.zeros((4, 6, 3), np.uint8)
    child = subprocess.run(
        [sys.executable, "-c", USER_PRESSES_Q],
        input=header(picture) + picture.tobytes(),
        capture_output=True,
        env={**os.environ, "SDL_VIDEODRIVER": "dummy"},
        timeout=30,
        check=False,
    )
    assert child.stdout.splitlines()[-1] == b"ready"
    assert child.returncode == 10


@needs_pygame
@pytest.mark.usefixtures("no_display")
def test_a_closed_window_ends_the_run(painter: Painter, monkeypatch: pytest.MonkeyPatch) -> None:
    stand_in = [sys.executable, "-c", "import sys; print('ready', flush=True); sys.exit(10)"]
    popen = subprocess.Popen
    monkeypatch.setenv("SDL_VIDEODRIVER", "dummy")
    monkeypatch.setattr(window.subprocess, "Popen", lambda _, **options: popen(stand_in, **options))
    stop = threading.Event()
    with window.WindowSink(painter, stop):
        assert stop.wait(10)
