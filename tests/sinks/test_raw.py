"""Raw pictures in a pipe: every byte, another reader's departure, a reader that stands still."""

from __future__ import annotations

import os
import shutil
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO

import cv2
import numpy as np
import pytest

from edgeseg.errors import OutputError
from edgeseg.loop import FrameResult
from edgeseg.manifest import Size
from edgeseg.overlay import Painter
from edgeseg.sinks.raw import RawSink

MakeResult = Callable[..., FrameResult]
LARGE = Size(640, 360)  # ten times what a pipe holds


@pytest.fixture
def pipe() -> Iterator[tuple[IO[bytes], IO[bytes]]]:
    reading, writing = os.pipe()
    with os.fdopen(reading, "rb") as reader, os.fdopen(writing, "wb") as writer:
        yield reader, writer


def test_overlays_arrive_whole_and_of_one_size(
    pipe: tuple[IO[bytes], IO[bytes]], painter: Painter, make_result: MakeResult
) -> None:
    reader, writer = pipe
    data = bytearray()
    reading = threading.Thread(target=lambda: data.extend(reader.read()))
    reading.start()
    with RawSink(writer, threading.Event(), painter=painter) as sink:
        sink.write(make_result(10, LARGE))
        sink.write(make_result(20, Size(320, 360)))
    writer.close()
    reading.join()
    pictures = np.frombuffer(data, np.uint8).reshape(2, 360, 640, 3)
    assert (pictures[0] == 10).all()
    assert (pictures[1, :, 160:480] == 20).all()
    assert not pictures[1, :, :160].any()


@pytest.mark.parametrize("what", ["mask", "frame"])
def test_masks_and_frames(tmp_path: Path, make_result: MakeResult, what: str) -> None:
    path = tmp_path / "raw"
    result = make_result(7)
    with path.open("wb") as file, RawSink(file, threading.Event(), what=what) as sink:
        sink.write(result)
        sink.write(make_result(7, Size(128, 96)))
    expected = result.mask if what == "mask" else result.frame.pixels
    assert path.read_bytes() == expected.tobytes() * 2


@pytest.mark.parametrize("what", ["overlay", "mask"])
def test_y4m_is_understood(
    tmp_path: Path, painter: Painter, make_result: MakeResult, what: str
) -> None:
    path = tmp_path / "out.y4m"
    with path.open("wb") as file:
        stop = threading.Event()
        sink = RawSink(file, stop, what=what, painter=painter, y4m=True, fps=12.5)
        for index in range(5):
            sink.write(make_result(index * 10, Size(66, 49)))
        sink.close()
    capture = cv2.VideoCapture(str(path))
    assert capture.get(cv2.CAP_PROP_FPS) == pytest.approx(12.5)
    pictures = [pixels for ok, pixels in iter(capture.read, (False, None)) if ok]
    assert len(pictures) == 5
    if what == "overlay":
        assert pictures[0].shape == (48, 66, 3)
        assert [round(p.mean()) for p in pictures] == pytest.approx([0, 10, 20, 30, 40], abs=1)
    else:
        assert pictures[4].shape == (49, 66, 3)


def test_a_reader_that_leaves_ends_the_run(
    pipe: tuple[IO[bytes], IO[bytes]], painter: Painter, make_result: MakeResult
) -> None:
    reader, writer = pipe
    stop = threading.Event()
    sink = RawSink(writer, stop, painter=painter)
    sink.write(make_result(1))
    assert not stop.is_set()
    reader.close()
    sink.write(make_result(2))
    assert stop.is_set()
    sink.write(make_result(3))
    sink.close()
    sink.close()


def test_a_reader_that_stands_still_holds_up_no_stop(
    pipe: tuple[IO[bytes], IO[bytes]], painter: Painter, make_result: MakeResult
) -> None:
    stop = threading.Event()
    sink = RawSink(pipe[1], stop, painter=painter)
    writing = threading.Thread(target=sink.write, args=(make_result(1, LARGE),), daemon=True)
    writing.start()
    time.sleep(0.3)
    assert writing.is_alive()
    stop.set()
    writing.join(5)
    assert not writing.is_alive()
    sink.close()


def test_a_full_disk_behind_it(painter: Painter, make_result: MakeResult) -> None:
    with (
        Path("/dev/full").open("wb", buffering=0) as full,
        RawSink(full, threading.Event(), painter=painter) as sink,
        pytest.raises(OutputError, match="pipe of overlays: No space"),
    ):
        sink.write(make_result())


@pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="needs ffmpeg; type: apt install ffmpeg")
def test_ffmpeg_reads_y4m_as_it_is(
    tmp_path: Path, painter: Painter, make_result: MakeResult
) -> None:
    path = tmp_path / "out.mkv"
    command = ["ffmpeg", "-v", "error", "-i", "-", "-c:v", "ffv1", str(path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE) as child:
        assert child.stdin is not None
        with RawSink(child.stdin, threading.Event(), painter=painter, y4m=True, fps=10) as sink:
            for index in range(10):
                sink.write(make_result(index, LARGE))
        child.stdin.close()
    assert child.returncode == 0
    assert cv2.VideoCapture(str(path)).read()[1].shape == (360, 640, 3)
