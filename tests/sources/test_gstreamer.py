"""GStreamer pipelines, in gst-launch-1.0 unless OpenCV has GStreamer."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import cv2
import numpy as np
import pytest

from edgeseg.manifest import Size
from edgeseg.sources.grabber import GrabError
from edgeseg.sources.gst_launch import LaunchedPipeline
from edgeseg.sources.gstreamer import GstreamerGrabber

HAS_BACKEND = cv2.videoio_registry.hasBackend(cv2.CAP_GSTREAMER)
SLACK_S = 3.0

needs_gstreamer = [
    pytest.mark.slow,
    pytest.mark.skipif(
        shutil.which("gst-launch-1.0") is None,
        reason="needs gst-launch-1.0; apt install gstreamer1.0-tools gstreamer1.0-plugins-good",
    ),
]
LIVE = "videotestsrc is-live=true pattern={} ! video/x-raw,width={},height={},framerate=25/1"


def marked(test: object) -> object:
    for mark in needs_gstreamer:
        test = mark(test)
    return test


def refused(pipeline: str) -> GrabError:
    with pytest.raises(GrabError) as caught:
        GstreamerGrabber(pipeline, open_timeout_s=10).open()
    return caught.value


@marked
@pytest.mark.parametrize("launched", [True, False])
def test_pictures_of_a_pipeline(launched: bool) -> None:
    pipeline = LIVE.format("smpte", 640, 480) + " ! appsink drop=true"
    if launched:
        grabber = LaunchedPipeline(pipeline.rpartition("!")[0].split(), 10, 5)
    elif HAS_BACKEND:
        grabber = GstreamerGrabber(pipeline, open_timeout_s=10, read_timeout_s=5)
    else:
        pytest.skip("this OpenCV has no GStreamer")
    mode = grabber.open()
    assert (mode.size, mode.fps) == (Size(640, 480), 25)
    pictures = [grabber.grab() for _ in range(30)]
    assert pictures[-1].captured_s - pictures[0].captured_s == pytest.approx(29 / 25, abs=1)
    assert time.monotonic() - pictures[-1].captured_s < SLACK_S
    # Colour bars: the first is white, the sixth is red.
    pixels = pictures[-1].pixels
    assert pixels.shape == (480, 640, 3)
    assert pixels[100, 40] == pytest.approx([255, 255, 255], abs=4)
    assert pixels[100, 500] == pytest.approx([0, 0, 255], abs=4)
    grabber.close()


@marked
@pytest.mark.skipif(HAS_BACKEND, reason="OpenCV takes every size")
def test_a_size_that_would_be_padded_is_brought_to_one_that_is_not() -> None:
    grabber = GstreamerGrabber(LIVE.format("red", 321, 241), open_timeout_s=10)
    assert grabber.open().size == Size(320, 240)
    pixels = grabber.grab().pixels
    grabber.close()
    assert pixels.shape == (240, 320, 3)
    assert (np.abs(pixels.astype(int) - [0, 0, 255]) <= 4).all()


@marked
def test_a_pipeline_that_ends_stalls_or_makes_no_sense() -> None:
    wrong = refused("nosuchelement ! videoconvert")
    assert wrong.final
    assert 'no element "nosuchelement"' in str(wrong)
    gone = refused("v4l2src device=/dev/video99")
    assert not gone.final
    assert "/dev/video99" in str(gone)
    grabber = GstreamerGrabber("videotestsrc num-buffers=5", open_timeout_s=10)
    grabber.open()
    with pytest.raises(GrabError, match="the pipeline ended"):
        grab_to_the_end(grabber)


@marked
def test_silence_is_noticed_and_nothing_is_left_behind(tmp_path: Path) -> None:
    script = tmp_path / "grab.py"
    script.write_text(
        "import sys, time\n"
        "from edgeseg.sources.gstreamer import GstreamerGrabber\n"
        "grabber = GstreamerGrabber(sys.argv[1], open_timeout_s=10, read_timeout_s=0.5)\n"
        "grabber.open()\n"
        "grabber.grab()\n"
        "print('live', flush=True)\n"
        "time.sleep(60)\n"
    )
    pipeline = LIVE.format("ball", 320, 240)
    owner = subprocess.Popen(
        [sys.executable, str(script), pipeline], stdout=subprocess.PIPE, text=True
    )
    assert owner.stdout is not None
    with owner, owner.stdout:
        assert owner.stdout.readline() == "live\n"
        (launcher,) = children(owner.pid)
        owner.kill()
    end_s = time.monotonic() + SLACK_S
    while Path(f"/proc/{launcher}").exists() and time.monotonic() < end_s:
        time.sleep(0.05)
    assert not Path(f"/proc/{launcher}").exists()


@marked
@pytest.mark.skipif(HAS_BACKEND, reason="OpenCV runs the pipeline inside this process")
def test_a_frozen_pipeline_is_noticed() -> None:
    others = children(os.getpid())  # of tests before this one
    grabber = GstreamerGrabber(LIVE.format("ball", 320, 240), 10, read_timeout_s=0.5)
    grabber.open()
    (launcher,) = set(children(os.getpid())).difference(others)
    os.kill(launcher, signal.SIGSTOP)
    start_s = time.monotonic()
    with pytest.raises(GrabError) as caught:
        grab_to_the_end(grabber)
    assert caught.value.stalled
    assert time.monotonic() - start_s < 0.5 + SLACK_S
    assert set(children(os.getpid())) <= set(others)
    grabber.open()
    grabber.grab()
    grabber.close()


def grab_to_the_end(grabber: GstreamerGrabber) -> None:
    while True:
        grabber.grab()


def children(pid: int) -> list[int]:
    return [int(name) for name in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def test_what_is_no_pipeline_is_final() -> None:
    for pipeline in ("", " ! appsink", 'v4l2src device="/dev/video0'):
        with pytest.raises(GrabError, match="the pipeline") as caught:
            GstreamerGrabber(pipeline).open()
        assert caught.value.final


@pytest.mark.skipif(HAS_BACKEND, reason="this OpenCV has GStreamer")
def test_without_gstreamer_it_is_said_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    error = refused("videotestsrc")
    assert error.final
    assert "apt install gstreamer1.0-tools" in str(error)
