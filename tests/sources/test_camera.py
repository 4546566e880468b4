"""The camera's logic of losing and finding a device; OpenCV's capture is replaced."""

from __future__ import annotations

import itertools
import threading
import time
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from edgeseg.errors import SourceError
from edgeseg.sources import camera, open_source


class FakeCapture:
    """Gives `script[n]` frames at the n-th opening; None means that it does not open."""

    script: list[int | None]
    opened: int

    def __init__(self, device: str, backend: int) -> None:
        assert (device, backend) == ("/dev/video0", cv2.CAP_V4L2)
        self._left = FakeCapture.script[min(FakeCapture.opened, len(FakeCapture.script) - 1)]
        FakeCapture.opened += 1

    def isOpened(self) -> bool:  # noqa: N802  # OpenCV's name
        return self._left is not None

    def get(self, _: int) -> float:
        return 30.0

    def grab(self) -> bool:
        if not self._left:
            return False
        self._left -= 1
        return True

    def retrieve(self) -> tuple[bool, Any]:
        return True, np.zeros((2, 3, 3), np.uint8)

    def release(self) -> None:
        self._left = None


@pytest.fixture
def devices(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A /dev and a /sys without cameras."""
    monkeypatch.setattr(cv2, "VideoCapture", FakeCapture)
    monkeypatch.setattr(camera, "_DEVICES", tmp_path / "dev")
    monkeypatch.setattr(camera, "_CARDS", tmp_path / "sys")
    (tmp_path / "dev").mkdir()
    return tmp_path


def play(*script: int | None) -> None:
    FakeCapture.script = list(script)
    FakeCapture.opened = 0


@pytest.mark.usefixtures("devices")
def test_a_camera_that_comes_back_goes_on_counting() -> None:
    play(3, None, 2, 100)
    source = open_source("0")
    frames = list(itertools.islice(source.frames(), 7))
    assert [frame.index for frame in frames] == list(range(7))
    assert source.notes == ["/dev/video0 was lost 2 times during the run"]


@pytest.mark.usefixtures("devices")
def test_a_lost_camera_is_not_asked_all_the_time() -> None:
    play(1, None)
    source = open_source("0")
    frames = source.frames()
    next(frames)
    threading.Timer(0.8, source.close).start()
    assert list(frames) == []
    assert FakeCapture.opened <= 5


def test_no_camera_says_which_there_are(devices: Path) -> None:
    play(None)
    with pytest.raises(SourceError, match=r"no /dev/video\*.*synthetic://street"):
        next(open_source("0").frames())
    (devices / "dev" / "video10").touch()
    (devices / "dev" / "video2").touch()
    (devices / "sys" / "video2").mkdir(parents=True)
    (devices / "sys" / "video2" / "name").write_text("HD Webcam\n")
    assert [card for _, card in camera.list_cameras()] == ["HD Webcam", "unnamed"]
    with pytest.raises(SourceError, match=r"video2 \(HD Webcam\), .*video10 \(unnamed\)"):
        next(open_source("0").frames())


@pytest.mark.usefixtures("devices")
def test_a_camera_that_never_gives_a_picture_is_an_error() -> None:
    play(0)
    start_s = time.monotonic()
    with pytest.raises(SourceError, match="no picture"):
        next(open_source("camera:0").frames())
    assert time.monotonic() - start_s < 5
