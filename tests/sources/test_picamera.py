"""What of the Pi camera can be tested without one.

There was no Raspberry Pi: a stand-in for the module picamera2 holds what is asked of it and what is
made of its answers. That the real one does as its manual says is not shown here.
"""

from __future__ import annotations

import sys
import time
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from edgeseg.manifest import Size
from edgeseg.sources.grabber import GrabError
from edgeseg.sources.picamera import PicameraGrabber


class StandIn:
    """As much of picamera2.Picamera2 as is used."""

    found = ({"Model": "imx708"},)
    made: tuple[StandIn, ...] = ()

    def __init__(self, number: int) -> None:
        self.number, self.calls, self.held = number, [], 0
        self.configuration: dict[str, Any] = {}
        self.trouble: Exception | None = None
        self.exposed_ns = time.clock_gettime_ns(time.CLOCK_BOOTTIME) - 40_000_000
        StandIn.made += (self,)

    @staticmethod
    def global_camera_info() -> list[dict[str, str]]:
        return list(StandIn.found)

    def create_video_configuration(self, **given: Any) -> dict[str, Any]:
        return given

    def configure(self, configuration: dict[str, Any]) -> None:
        self.configuration = configuration

    def camera_configuration(self) -> dict[str, Any]:
        return self.configuration

    def start(self) -> None:
        self.calls.append("start")

    def stop(self) -> None:
        self.calls.append("stop")

    def close(self) -> None:
        self.calls.append("close")

    def capture_request(self, wait: float) -> Any:
        assert wait > 0
        if self.trouble:
            raise self.trouble
        self.held += 1
        width, height = self.configuration["main"]["size"]
        return SimpleNamespace(
            make_array=lambda _: np.full((height, width, 3), (1, 2, 3), np.uint8),
            get_metadata=lambda: {"SensorTimestamp": self.exposed_ns},
            release=self._release,
        )

    def _release(self) -> None:
        self.held -= 1


@pytest.fixture
def picamera2(monkeypatch: pytest.MonkeyPatch) -> type[StandIn]:
    monkeypatch.setitem(sys.modules, "picamera2", SimpleNamespace(Picamera2=StandIn))
    monkeypatch.setattr(StandIn, "made", ())
    return StandIn


def test_a_picture_is_bgr_and_as_old_as_its_exposure(picamera2: type[StandIn]) -> None:
    grabber = PicameraGrabber(0, [640, 480], 30.0)
    mode = grabber.open()
    assert (mode.size, mode.fps, mode.format) == (Size(640, 480), 30.0, "RGB888")
    (camera,) = picamera2.made
    assert camera.configuration["controls"] == {"FrameRate": 30.0}
    grabbed = grabber.grab()
    assert grabbed.layout == "bgr"
    assert grabbed.pixels[0, 0].tolist() == [1, 2, 3]
    assert 0.04 <= time.monotonic() - grabbed.captured_s < 2
    camera.exposed_ns = 12
    assert time.monotonic() - grabber.grab().captured_s < 1
    assert camera.held == 0
    grabber.close()
    grabber.close()
    assert camera.calls == ["start", "stop", "close"]


def test_silence_and_trouble_close_the_camera(picamera2: type[StandIn]) -> None:
    grabber = PicameraGrabber()
    for trouble, stalled in ((TimeoutError(), True), (RuntimeError("Camera frontend"), False)):
        grabber.open()
        picamera2.made[-1].trouble = trouble
        with pytest.raises(GrabError) as caught:
            grabber.grab()
        assert caught.value.stalled == stalled
        assert picamera2.made[-1].calls[-1] == "close"


def test_a_camera_that_is_not_there(
    picamera2: type[StandIn], monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(GrabError, match=r"no camera 1; these exist: 0 \(imx708\)"):
        PicameraGrabber(1).open()
    monkeypatch.setattr(picamera2, "found", ())
    with pytest.raises(GrabError, match="is its cable in"):
        PicameraGrabber(0).open()


def test_without_picamera2_it_is_said_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "picamera2", None)
    with pytest.raises(GrabError, match="apt install python3-picamera2") as caught:
        PicameraGrabber().open()
    assert caught.value.final
