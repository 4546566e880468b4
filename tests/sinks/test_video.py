"""The overlay video: whole or absent, every frame of a file, real time for a live source."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from edgeseg.errors import ConfigError, OutputError
from edgeseg.manifest import Size
from edgeseg.overlay import Painter
from edgeseg.sinks.video import VideoSink
from edgeseg.stream import FrameResult

MakeResult = Callable[..., FrameResult]


def read_video(path: Path) -> tuple[list[int], float]:
    """Return the brightness of every frame, and the rate."""
    capture = cv2.VideoCapture(str(path))
    fps = capture.get(cv2.CAP_PROP_FPS)
    levels = []
    while True:
        ok, pixels = capture.read()
        if not ok:
            return levels, fps
        levels.append(round(float(np.mean(pixels))))


@pytest.mark.parametrize("suffix", [".mp4", ".m4v", ".mov", ".mkv", ".avi"])
def test_a_files_frames_are_written_once_each(
    tmp_path: Path, painter: Painter, make_result: MakeResult, suffix: str
) -> None:
    path = tmp_path / f"out{suffix}"
    with VideoSink(path, painter, fps=12.5, live=False) as sink:
        for index in range(0, 100, 10):
            sink.write(make_result(index))
        assert not path.exists()
    levels, fps = read_video(path)
    assert np.abs(np.array(levels) - np.arange(0, 100, 10)).max() < 5
    assert fps == pytest.approx(12.5)
    assert [p.name for p in tmp_path.iterdir()] == [path.name]


def test_no_frames_leave_no_file(tmp_path: Path, painter: Painter) -> None:
    (tmp_path / "old.mp4").write_bytes(b"kept")
    VideoSink(tmp_path / "new.mp4", painter, fps=None, live=False).close()
    VideoSink(tmp_path / "old.mp4", painter, fps=None, live=True).close()
    assert (tmp_path / "old.mp4").read_bytes() == b"kept"
    assert [p.name for p in tmp_path.iterdir()] == ["old.mp4"]


def test_another_size_is_fitted_into_the_first(
    tmp_path: Path, painter: Painter, make_result: MakeResult
) -> None:
    path = tmp_path / "out.avi"
    with VideoSink(path, painter, fps=10, live=False) as sink:
        sink.write(make_result(100))
        sink.write(make_result(100, Size(64, 96)))
    levels, _ = read_video(path)
    assert levels[0] == pytest.approx(100, abs=3)
    assert levels[1] == pytest.approx(50, abs=6)  # bars on both sides


def test_odd_sizes_are_written(tmp_path: Path, painter: Painter, make_result: MakeResult) -> None:
    path = tmp_path / "out.mp4"
    with VideoSink(path, painter, fps=10, live=False) as sink:
        for index in range(3):
            sink.write(make_result(index, Size(101, 75)))
    assert len(read_video(path)[0]) == 3


def test_a_live_video_lasts_as_long_as_what_it_shows(
    tmp_path: Path, painter: Painter, make_result: MakeResult
) -> None:
    path = tmp_path / "out.avi"
    # 10 fps at first, then 5, then 20.
    gaps = [0.1] * 20 + [0.2] * 10 + [0.05] * 40
    times = 1000 + np.cumsum([0.0, *gaps])
    with VideoSink(path, painter, fps=30, live=True) as sink:
        for index, time_s in enumerate(times):
            sink.write(make_result(index, captured_s=float(time_s)))
    levels, fps = read_video(path)
    assert fps == pytest.approx(10, rel=0.01)
    assert len(levels) / fps == pytest.approx(times[-1] - times[0], abs=0.3)


def test_an_outage_is_shortened(tmp_path: Path, painter: Painter, make_result: MakeResult) -> None:
    path = tmp_path / "out.avi"
    with VideoSink(path, painter, fps=10, live=True) as sink:
        for index in range(20):
            late_s = 3600 if index >= 10 else 0
            sink.write(make_result(index, captured_s=index / 10 + late_s))
    levels, fps = read_video(path)
    assert 3 <= len(levels) / fps <= 5


def test_a_short_live_run_is_written_whole(
    tmp_path: Path, painter: Painter, make_result: MakeResult
) -> None:
    path = tmp_path / "out.avi"
    with VideoSink(path, painter, fps=20, live=True) as sink:
        sink.write(make_result(0))
    levels, fps = read_video(path)
    assert len(levels) == 1
    assert fps == pytest.approx(20)


@pytest.mark.parametrize("name", ["out.gif", "out", "out.MP5"])
def test_an_unknown_container_is_refused(tmp_path: Path, painter: Painter, name: str) -> None:
    with pytest.raises(ConfigError, match=r"\.mp4"):
        VideoSink(tmp_path / name, painter, fps=10, live=False)


def test_a_missing_folder_is_refused_at_once(tmp_path: Path, painter: Painter) -> None:
    with pytest.raises(OutputError, match="missing"):
        VideoSink(tmp_path / "missing" / "out.mp4", painter, fps=10, live=False)


class Writer:
    """OpenCV's writer, but it loses all frames after the first `takes`, and then answers `says`."""

    takes: int
    says: bool
    fourcc = staticmethod(cv2.VideoWriter.fourcc)

    def __init__(self) -> None:
        self._real = VIDEO_WRITER()
        self._count = 0

    def write(self, picture: object) -> bool:
        self._count += 1
        if self._count <= Writer.takes:
            self._real.write(picture)
            return True
        return Writer.says

    def __getattr__(self, name: str) -> object:
        """Everything else is the real thing."""
        return getattr(self._real, name)


VIDEO_WRITER = cv2.VideoWriter


@pytest.fixture
def bad_writer(monkeypatch: pytest.MonkeyPatch) -> type[Writer]:
    monkeypatch.setattr(cv2, "VideoWriter", Writer)
    return Writer


def test_an_encoder_that_refuses_leaves_no_file(
    tmp_path: Path, painter: Painter, make_result: MakeResult, bad_writer: type[Writer]
) -> None:
    bad_writer.takes, bad_writer.says = 2, False
    sink = VideoSink(tmp_path / "out.mp4", painter, fps=10, live=False)
    sink.write(make_result())
    sink.write(make_result())
    with pytest.raises(OutputError, match=r"out\.mp4: the encoder refused"):
        sink.write(make_result())
    sink.close()
    assert list(tmp_path.iterdir()) == []


def test_frames_that_did_not_arrive_leave_no_file(
    tmp_path: Path, painter: Painter, make_result: MakeResult, bad_writer: type[Writer]
) -> None:
    bad_writer.takes, bad_writer.says = 3, True
    sink = VideoSink(tmp_path / "out.avi", painter, fps=10, live=False)
    for index in range(6):
        sink.write(make_result(index))
    with pytest.raises(OutputError, match="only 3 of 6 frames"):
        sink.close()
    assert list(tmp_path.iterdir()) == []
