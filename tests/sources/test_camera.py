"""Cameras through OpenCV's real V4L2 backend, on fake devices (tests/rig/fakev4l2)."""

from __future__ import annotations

import os
import signal
import statistics
import time
from itertools import pairwise
from pathlib import Path

import pytest
from camera_faults import consumed, next_frame, outages, status_of, until
from fake_camera import Rig, read_number, write_jpegs

from edgeseg.errors import SourceError
from edgeseg.manifest import Size
from edgeseg.sources import SourceOptions, open_source
from edgeseg.sources.live import LiveSource

# The figures are for a quiet machine; here others work as well.
SLACK = 3.0
NOTICED_S = 1.0
BACK_S = 2.0
STALL_NOTICED_S = 3.0
MOST_CPU = 0.05
START_S = 20.0
ON_THEIR_WAY = 20


def camera_source(uri: str = "0", **options: object) -> LiveSource:
    source = open_source(uri, SourceOptions(**options))  # type: ignore[arg-type]
    assert isinstance(source, LiveSource)
    return source


def check_accounts(source: LiveSource, yielded: int) -> None:
    captured = status_of(source).captured
    assert captured == yielded + sum(source.dropped.values())
    assert min(source.dropped.values()) >= 0


def check_numbers(frames: list[tuple[int, int]], modulus: int) -> None:
    """OpenCV throws away the first picture of each stream, so the first shows number 1."""
    assert [(index + 1) % modulus for index, _ in frames] == [number for _, number in frames]
    assert all(a < b for (a, _), (b, _) in pairwise(frames))


@pytest.mark.parametrize(
    ("mode", "layout", "modulus", "count"),
    [
        ("YUYV 320 240 100", "yuyv", 1 << 32, 200),
        ("MJPG 320 240 100", "bgr", 64, 50),
        ("NV12 320 240 100", "nv12", 1 << 32, 50),
        ("GREY 320 240 100", "grey", 1 << 32, 50),
    ],
)
def test_every_picture_is_accounted_for(
    rig: Rig, tmp_path: Path, mode: str, layout: str, modulus: int, count: int
) -> None:
    camera = rig.camera(modes=[mode], jpegs=write_jpegs(tmp_path / "jpegs", 320, 240))
    source = camera_source()
    with consumed(source) as seen:
        until(lambda: len(seen.frames) >= count, START_S)
    assert seen.last is not None
    assert seen.last.layout == layout
    assert seen.last.pixels.shape == (240, 320, 3)
    assert status_of(source).mode == f"320x240 {mode[:4]} 100 fps"
    check_numbers(seen.frames, modulus)
    check_accounts(source, len(seen.frames))
    # Beside the first, some may have been on their way when the camera was closed.
    assert 1 <= camera.report().delivered - status_of(source).captured <= ON_THEIR_WAY


@pytest.mark.slow
def test_2000_pictures_are_accounted_for(rig: Rig) -> None:
    camera = rig.camera(modes=["YUYV 640 480 60"])
    source = camera_source()
    with consumed(source) as seen:
        until(lambda: status_of(source).captured >= 2000, 120)
    check_numbers(seen.frames, 1 << 32)
    check_accounts(source, len(seen.frames))
    assert 1 <= camera.report().delivered - status_of(source).captured <= ON_THEIR_WAY


def test_a_slow_consumer_gets_the_newest(rig: Rig) -> None:
    rig.camera(modes=["YUYV 320 240 100"])
    source = camera_source()
    behind = []
    for frame in source.frames():
        behind.append(status_of(source).captured - 1 - frame.index)
        assert read_number(frame.pixels) == frame.index + 1
        if len(behind) == 10:
            break
        time.sleep(0.1)
    assert statistics.median(behind) == 0
    assert source.dropped["newer"] > 50
    check_accounts(source, len(behind))


def check_outages(rig: Rig, cycles: int, nodes: tuple[str, ...]) -> None:
    camera = rig.camera()
    source = camera_source()
    with consumed(source) as seen:
        next_frame(seen, START_S)
        times = list(outages(source, seen, camera, cycles=cycles, nodes=nodes, lasts_s=0.6))
        assert status_of(source).losses == cycles
        assert status_of(source).state == "live"
    worst = [max(getattr(one, name) for one in times) for name in _OUTAGE]
    print(f"{cycles} outages, at worst: {dict(zip(_OUTAGE, worst, strict=True))}")  # noqa: T201
    assert worst[0] < SLACK * NOTICED_S
    assert statistics.median(one.cpu_share for one in times) < MOST_CPU
    assert worst[2] < SLACK * BACK_S
    check_accounts(source, len(seen.frames))
    assert f"lost {'once' if cycles == 1 else f'{cycles} times'}" in source.notes[0]


_OUTAGE = ("noticed_s", "cpu_share", "back_s")


def test_an_unplugged_camera_is_noticed_and_found_again_under_any_number(rig: Rig) -> None:
    check_outages(rig, 3, ("/dev/video0", "/dev/video1", "/dev/video0"))


@pytest.mark.slow
def test_50_unplugs(rig: Rig) -> None:
    check_outages(rig, 50, ("/dev/video0", "/dev/video3"))


def test_another_camera_is_not_taken_for_the_lost_one(rig: Rig) -> None:
    camera = rig.camera()
    source = camera_source()
    with consumed(source) as seen:
        next_frame(seen, START_S)
        camera.control("unplug")
        rig.camera("other", card="Another Webcam", bus="usb-fake-2", plugged=False)
        until(lambda: status_of(source).state == "lost", START_S)
        time.sleep(0.5)
        assert status_of(source).state == "lost"
        assert status_of(source).retries > 0
        camera.control("ok", "/dev/video5")
        next_frame(seen, START_S)
    assert seen.error is None


def test_a_stalled_camera_is_noticed_and_read_again(rig: Rig) -> None:
    camera = rig.camera()
    source = camera_source()
    with consumed(source) as seen:
        next_frame(seen, START_S)
        faults = outages(source, seen, camera, cycles=1, command="stall", state="stalled")
        stall = next(faults)
    print(f"a stall: noticed after {stall.noticed_s:.2f} s, back after {stall.back_s:.2f} s")  # noqa: T201
    assert stall.noticed_s < SLACK * STALL_NOTICED_S
    assert "no picture came" in status_of(source).reason
    assert stall.cpu_share < MOST_CPU
    assert stall.back_s < SLACK * BACK_S


def test_a_stuck_driver_costs_its_process_only(rig: Rig) -> None:
    camera = rig.camera()
    source = camera_source()
    with consumed(source) as seen:
        next_frame(seen, START_S)
        before = source.pid
        camera.control("hang")
        until(lambda: source.pid not in (before, None), START_S)
        assert "did not answer" in status_of(source).reason
        camera.control("ok")
        next_frame(seen, START_S)
    assert seen.error is None
    check_accounts(source, len(seen.frames))


def test_a_killed_capture_process_is_replaced(rig: Rig) -> None:
    rig.camera()
    source = camera_source()
    with consumed(source) as seen:
        for _ in range(2):
            next_frame(seen, START_S)
            before = source.pid
            assert before is not None
            os.kill(before, signal.SIGKILL)
            until(lambda before=before: source.pid not in (before, None), START_S)
            assert "signal 9" in status_of(source).reason
        next_frame(seen, START_S)
    indices = [index for index, _ in seen.frames]
    assert indices == sorted(set(indices))
    assert status_of(source).losses == 2
    check_accounts(source, len(seen.frames))


def test_damaged_pictures_are_counted_and_not_yielded(rig: Rig, tmp_path: Path) -> None:
    camera = rig.camera(modes=["MJPG 320 240 100"], jpegs=write_jpegs(tmp_path / "j", 320, 240))
    source = camera_source()
    with consumed(source) as seen:
        next_frame(seen, START_S)
        camera.control("damage")
        until(lambda: source.dropped["damaged"] >= 20, START_S)
        yielded = len(seen.frames)
        until(lambda: source.dropped["damaged"] >= 30, START_S)
        assert len(seen.frames) == yielded
        camera.control("ok")
        next_frame(seen, START_S)
    check_numbers(seen.frames, 64)
    check_accounts(source, len(seen.frames))
    assert "damaged" in source.notes[-1]


def test_a_frozen_picture_is_counted_and_not_yielded(rig: Rig) -> None:
    camera = rig.camera(modes=["YUYV 320 240 100"])
    source = camera_source()
    with consumed(source) as seen:
        next_frame(seen, START_S)
        assert source.dropped["frozen"] == 0
        camera.control("freeze")
        until(lambda: status_of(source).frozen_s > 0.5, START_S)
        yielded = len(seen.frames)
        until(lambda: status_of(source).frozen_s > 0.7, START_S)
        assert len(seen.frames) == yielded
        assert status_of(source).state == "live"
        camera.control("ok")
        next_frame(seen, START_S)
        until(lambda: status_of(source).frozen_s == 0, START_S)
    check_numbers(seen.frames, 1 << 32)
    check_accounts(source, len(seen.frames))
    assert "the very same picture" in source.notes[-1]


@pytest.mark.parametrize("mode", ["YUYV 320 240 100", "MJPG 320 240 100"])
def test_buffers_of_an_odd_size_do_no_harm(rig: Rig, tmp_path: Path, mode: str) -> None:
    camera = rig.camera(modes=[mode], jpegs=write_jpegs(tmp_path / "j", 320, 240))
    source = camera_source()
    with consumed(source) as seen:
        next_frame(seen, START_S)
        camera.control("odd")
        until(lambda: status_of(source).losses > 0, START_S)
        assert "odd size" in status_of(source).reason
        camera.control("ok")
        next_frame(seen, START_S)
    assert seen.error is None
    check_accounts(source, len(seen.frames))


@pytest.mark.parametrize("state", ["ok", "unplug", "stall", "hang", "freeze"])
def test_close_returns_at_once_in_every_state(rig: Rig, state: str) -> None:
    camera = rig.camera()
    source = camera_source()
    with consumed(source) as seen:
        next_frame(seen, START_S)
        camera.control(state)
        time.sleep(0.3)
        begun_s = time.monotonic()
        pid = source.pid
        source.close()
        assert time.monotonic() - begun_s < SLACK * 0.5
    assert status_of(source).state == "ended"
    assert seen.error is None
    until(lambda: not Path(f"/proc/{pid}").exists(), 2.0)
    assert list(source.frames()) == []


def test_no_camera_is_an_error_at_once_that_says_what_to_type(rig: Rig) -> None:
    rig.camera(plugged=False)
    begun_s = time.monotonic()
    with pytest.raises(SourceError, match=r"/dev/video0: there is no such.*synthetic://street"):
        next(camera_source().frames())
    assert time.monotonic() - begun_s < START_S


def test_a_camera_can_be_waited_for(rig: Rig) -> None:
    camera = rig.camera(plugged=False)
    source = camera_source(wait=True)
    with consumed(source) as seen:
        until(lambda: status_of(source).retries >= 2, START_S)
        assert status_of(source).state == "opening"
        assert "no such device" in status_of(source).reason
        camera.control("ok")
        next_frame(seen, START_S)
        assert status_of(source).state == "live"
    assert seen.error is None


def test_a_camera_that_never_gives_a_picture_is_an_error(rig: Rig) -> None:
    rig.camera().control("stall")
    with pytest.raises(SourceError, match="opens but gives no picture"):
        next(camera_source().frames())


def test_a_node_for_metadata_is_refused(rig: Rig) -> None:
    rig.camera(metadata=True)
    with pytest.raises(SourceError, match="metadata"):
        next(camera_source().frames())


def test_a_mode_can_be_asked_for(rig: Rig, tmp_path: Path) -> None:
    modes = ["YUYV 640 480 30", "YUYV 1280 720 10", "MJPG 1280 720 30", "NV12 640 480 60"]
    rig.camera(modes=modes, jpegs=write_jpegs(tmp_path / "j", 1280, 720, 4))

    def mode_of(**options: object) -> str:
        source = camera_source(**options)
        next(source.frames())
        return status_of(source).mode

    assert mode_of() == "640x480 YUYV 30 fps"
    assert mode_of(fps=60.0) == "640x480 NV12 60 fps"
    # 30 fps of this size come as JPEG only.
    assert mode_of(size=Size(1280, 720)) == "1280x720 MJPG 30 fps"
    assert mode_of(size=Size(1280, 720), format="YUYV") == "1280x720 YUYV 10 fps"


def test_modes_that_the_camera_has_not_are_refused(rig: Rig) -> None:
    rig.camera(modes=["YUYV 640 480 30"])
    with pytest.raises(SourceError, match=r"no format NV12; it has YUYV"):
        next(camera_source(format="NV12").frames())
    with pytest.raises(SourceError, match=r"no size 800x600; it has 640x480"):
        next(camera_source(size=Size(800, 600)).frames())


@pytest.mark.parametrize(("exposure", "values"), [(20.0, (1, 200)), ("auto", (3, 156))])
def test_exposure_is_set(rig: Rig, exposure: object, values: tuple[int, int]) -> None:
    camera = rig.camera()
    source = camera_source(exposure=exposure)
    next(source.frames())
    assert camera.report().exposure == values
