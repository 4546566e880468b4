"""Files at the pace of a camera."""

from __future__ import annotations

import itertools
import time
from pathlib import Path

import cv2
import numpy as np
import pytest

from edgeseg.errors import ConfigError, SourceError
from edgeseg.manifest import Size
from edgeseg.sources import open_source

# Machines that test are busy: what takes a moment may take this much longer.
SLACK_S = 2.0


@pytest.fixture
def video(tmp_path: Path) -> Path:
    """30 frames at 20 fps, each brighter than the one before."""
    path = tmp_path / "v.avi"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), 20.0, (64, 48))
    for index in range(30):
        writer.write(np.full((48, 64, 3), index * 8, np.uint8))
    writer.release()
    return path


def number(pixels: np.ndarray) -> int:
    return round(float(pixels.mean()) / 8)


def test_pictures_come_when_they_are_due(video: Path) -> None:
    source = open_source(f"replay:{video}")
    assert (source.live, source.length, source.size) == (True, 30, Size(64, 48))
    assert source.fps == pytest.approx(20)
    start_s = time.monotonic()
    frames, handed_s = [], []
    for frame in source.frames():
        handed_s.append(time.monotonic())
        frames.append(frame)
    assert 29 / 20 <= time.monotonic() - start_s < 30 / 20 + SLACK_S
    assert len(frames) + source.dropped["newer"] == 30
    for frame, time_s in zip(frames, handed_s, strict=True):
        assert number(frame.pixels) == frame.index
        assert frame.name == f"{frame.index:06d}"
        # When it was due, whenever it was decoded; never before it is handed over.
        assert frame.captured_s == pytest.approx(frames[0].captured_s + frame.index / 20, abs=0.05)
        assert frame.captured_s <= time_s


def test_what_is_late_is_dropped_and_counted(video: Path) -> None:
    source = open_source(f"replay://{video}?fps=50")
    frames = source.frames()
    assert next(frames).index == 0
    time.sleep(0.3)
    late = next(frames)
    assert 10 <= late.index < 30
    assert number(late.pixels) == late.index
    assert time.monotonic() - late.captured_s < SLACK_S
    rest = list(frames)
    assert 2 + len(rest) + source.dropped["newer"] == 30
    assert source.dropped["newer"] >= 10


def test_a_pace_that_is_too_much_for_the_file_is_told(tmp_path: Path) -> None:
    for index in range(12):
        pixels = np.random.default_rng(index).integers(0, 256, (600, 800, 3), np.uint8)
        assert cv2.imwrite(str(tmp_path / f"{index}.png"), pixels)
    source = open_source(f"replay:{tmp_path}?fps=1000")
    frames = list(source.frames())
    assert len(frames) >= 6, "most are shown, later than asked"
    assert len(frames) + source.dropped["newer"] == 12
    (note,) = source.notes
    assert "could not be decoded at 1000 fps" in note
    times = [frame.captured_s for frame in frames]
    assert times == sorted(times)


def test_a_loop_begins_again(video: Path) -> None:
    source = open_source(f"replay:{video}?fps=200&loop=1")
    assert source.length is None
    start_s = time.monotonic()
    indices = [frame.index for frame in itertools.islice(source.frames(), 70)]
    assert indices == sorted(set(indices))
    assert indices[-1] >= 69
    assert time.monotonic() - start_s >= indices[-1] / 200


def test_images_take_25_a_second_if_nothing_is_said(tmp_path: Path) -> None:
    for index in range(3):
        assert cv2.imwrite(str(tmp_path / f"{index}?.png"), np.full((48, 64, 3), index, np.uint8))
    source = open_source(f"replay:{tmp_path}/??.png")
    assert source.fps == 25
    assert len(list(source.frames())) + source.dropped["newer"] == 3


def test_closing_wakes_it(video: Path) -> None:
    source = open_source(f"replay:{video}?fps=0.01")
    frames = source.frames()
    next(frames)
    source.close()
    start_s = time.monotonic()
    assert list(frames) == []
    assert time.monotonic() - start_s < SLACK_S


def test_all_that_is_wrong_is_named_at_once(video: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        open_source("replay:?fps=0&loop=yes&speed=2")
    for words in ("file is missing", "unknown: speed", "fps is '0'", "loop is 'yes'"):
        assert words in str(caught.value)
    with pytest.raises(ConfigError, match="live already"):
        open_source("replay:rtsp://10.0.0.2/live")
    with pytest.raises(ConfigError, match="live already"):
        open_source("replay:0")
    with pytest.raises(SourceError, match=r"no file or folder .*none\.mp4"):
        open_source(f"replay:{video.parent}/none.mp4?fps=3")
