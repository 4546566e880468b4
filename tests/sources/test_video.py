"""Video files: every frame, and damage that OpenCV does not report."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from edgeseg.errors import SourceError
from edgeseg.manifest import Size
from edgeseg.sources import open_source


@pytest.fixture
def video(tmp_path: Path) -> Path:
    """60 frames of noise, 64x48 at 12 fps."""
    path = tmp_path / "v.avi"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), 12.0, (64, 48))
    rng = np.random.default_rng(1)
    for _ in range(60):
        writer.write(rng.integers(0, 256, (48, 64, 3), np.uint8))
    writer.release()
    return path


def test_every_frame_in_order(video: Path) -> None:
    source = open_source(str(video))
    assert (source.live, source.length, source.size) == (False, 60, Size(64, 48))
    assert source.fps == pytest.approx(12)
    frames = list(source.frames())
    assert [frame.index for frame in frames] == list(range(60))
    assert frames[11].name == "000011"
    assert frames[0].pixels.shape == (48, 64, 3)
    times = [frame.captured_s for frame in frames]
    assert times == sorted(times)
    assert source.notes == []


def test_a_video_cut_short_is_reported(video: Path) -> None:
    data = video.read_bytes()
    # The header keeps its promise of 60 frames; the pictures from the middle on are zeroed.
    video.write_bytes(data[: len(data) // 2] + bytes(len(data) - len(data) // 2))
    source = open_source(str(video))
    count = len(list(source.frames()))
    assert 0 < count < 40
    assert f"promises 60 frames but only {count}" in source.notes[0]


def test_a_video_without_one_good_frame_is_an_error(video: Path) -> None:
    data = bytearray(video.read_bytes())
    start = data.index(b"movi") + 4
    data[start:] = bytes(len(data) - start)
    video.write_bytes(data)
    with pytest.raises(SourceError, match=r"v\.avi"):
        list(open_source(str(video)).frames())


@pytest.mark.parametrize("content", [b"", b"text, not a video\n" * 100])
def test_what_is_no_video_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "v.mp4"
    path.write_bytes(content)
    with pytest.raises(SourceError, match=r"v\.mp4"):
        open_source(str(path))


def test_closing_ends_the_frames(video: Path) -> None:
    source = open_source(str(video))
    frames = source.frames()
    next(frames)
    source.close()
    assert list(frames) == []
    assert source.notes == []
