"""The overlay video: whole or absent, every frame of a file, real time for a live source."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from edgeseg.errors import ConfigError, OutputError
from edgeseg.loop import FrameResult
from edgeseg.manifest import Size
from edgeseg.overlay import Painter
from edgeseg.sinks.video import VideoSink

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


@pytest.fixture(params=["ffmpeg", "opencv"])
def encoders(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Once with the program ffmpeg, once on a system that has none."""
    if request.param == "opencv":
        monkeypatch.setenv("PATH", "/nowhere")
    elif shutil.which("ffmpeg") is None:
        pytest.skip("needs ffmpeg; type: apt install ffmpeg")


@pytest.mark.usefixtures("encoders")
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


@pytest.mark.usefixtures("encoders")
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


def test_what_encodes_is_said(
    tmp_path: Path, painter: Painter, make_result: MakeResult, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    with VideoSink(tmp_path / "out.mp4", painter, fps=10, live=False) as sink:
        sink.write(make_result())
        assert sink.encoder == "mp4v (OpenCV)"


def test_an_encoder_that_is_insisted_on_and_not_there(
    tmp_path: Path, painter: Painter, make_result: MakeResult, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    with (
        VideoSink(tmp_path / "out.mp4", painter, fps=10, live=False, encoder="h264") as sink,
        pytest.raises(OutputError, match="apt install ffmpeg"),
    ):
        sink.write(make_result())
    assert list(tmp_path.iterdir()) == []


def test_segments_are_complete_one_by_one_and_never_overwritten(
    tmp_path: Path, painter: Painter, make_result: MakeResult
) -> None:
    (tmp_path / "out-0006.avi").write_bytes(b"of an earlier run")
    with VideoSink(tmp_path / "out.avi", painter, fps=10, live=False, segment_s=1) as sink:
        for index in range(25):
            sink.write(make_result(index))
            if index == 20:
                assert (tmp_path / "out-0007.avi").exists()
        sink.close()
        assert sink.written_bytes == sum(
            (tmp_path / f"out-000{number}.avi").stat().st_size for number in (7, 8, 9)
        )
    lengths = [len(read_video(tmp_path / f"out-000{number}.avi")[0]) for number in (7, 8, 9)]
    assert lengths == [10, 10, 5]
    assert (tmp_path / "out-0006.avi").read_bytes() == b"of an earlier run"
    assert len(list(tmp_path.iterdir())) == 4
