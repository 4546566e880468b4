"""The encoder's process: what becomes of the video when somebody is killed, or the disk is full."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest

from edgeseg.errors import OutputError
from edgeseg.manifest import Size
from edgeseg.sinks.encoder import Encoder
from edgeseg.sinks.mp4 import make_plain
from edgeseg.sinks.partfile import leftovers

SIZE = Size(160, 96)
OPENCV = int(cv2.__version__.partition(".")[0])
PIPE_BYTES = 1 << 20
SLACK = 3  # machines of CI are busy; the figures are those of a quiet one

needs_ffmpeg = pytest.mark.skipif(
    shutil.which("ffmpeg") is None, reason="needs ffmpeg; type: apt install ffmpeg"
)


def picture(index: int, size: Size = SIZE) -> np.ndarray:
    return np.random.default_rng(index).integers(0, 255, (size.height, size.width, 3), np.uint8)


def frames_of(path: Path) -> int:
    """Count what can be decoded."""
    capture = cv2.VideoCapture(str(path))
    return sum(1 for _ in iter(lambda: capture.read()[0], False))


def until(condition: Callable[[], bool], seconds: float) -> None:
    end_s = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end_s
        time.sleep(0.01)


def children_of(pid: int) -> list[int]:
    found = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [int(child) for child in found]


WRITE_FOR_EVER = """
import sys, time
from pathlib import Path
import numpy as np
from edgeseg.manifest import Size
from edgeseg.sinks.encoder import Encoder
encoder = Encoder(Path(sys.argv[1]), sys.argv[2])
encoder.begin(Size(160, 96), 50)
for index in range(10_000):
    encoder.write(np.full((96, 160, 3), index % 250, np.uint8))
    print(index, flush=True)
    time.sleep(0.02)
"""


@pytest.mark.parametrize("wish", [pytest.param("h264", marks=needs_ffmpeg), "opencv"])
def test_a_killed_run_leaves_a_whole_video(tmp_path: Path, wish: str) -> None:
    path = tmp_path / "out.mp4"
    run = subprocess.Popen(
        [sys.executable, "-c", WRITE_FOR_EVER, str(path), wish], stdout=subprocess.PIPE
    )
    assert run.stdout is not None
    for _ in range(60):
        run.stdout.readline()
    os.kill(run.pid, signal.SIGKILL)
    until(path.exists, 2 * SLACK)
    written = 60 + run.stdout.read().count(b"\n")
    run.wait()
    run.stdout.close()
    assert frames_of(path) >= written
    assert [entry.name for entry in tmp_path.iterdir()] == ["out.mp4"]


def begun(path: Path, wish: str, count: int) -> Encoder:
    encoder = Encoder(path, wish)
    encoder.begin(SIZE, 10)
    for index in range(count):
        encoder.write(picture(index))
    return encoder


def write_on(encoder: Encoder) -> None:
    for index in range(10_000):
        encoder.write(picture(index))
    pytest.fail("nobody noticed")


@needs_ffmpeg
@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
def test_what_a_killed_encoder_had_written_is_kept(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"out{suffix}"
    encoder = begun(path, "h264", 100)
    (ffmpeg,) = children_of(encoder._child.pid)
    until(lambda: encoder.written_bytes > 100_000, 20)
    os.kill(ffmpeg, signal.SIGKILL)
    with pytest.raises(OutputError, match=r"ended by signal 9; its first \d+ frames are kept"):
        write_on(encoder)
    assert frames_of(path) >= 10
    assert [entry.name for entry in tmp_path.iterdir()] == [path.name]
    encoder.finish()


@needs_ffmpeg
def test_a_part_that_nobody_finished_is_named_and_never_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "out.mp4"
    encoder = begun(path, "h264", 100)
    (ffmpeg,) = children_of(encoder._child.pid)
    assert leftovers(path) == []  # it is being written
    os.kill(encoder._child.pid, signal.SIGKILL)
    part = tmp_path / ".out.part.mp4"
    with pytest.raises(
        OutputError, match=r"signal 9; what it had written is in .*\.out\.part\.mp4"
    ):
        write_on(encoder)
    until(lambda: not Path(f"/proc/{ffmpeg}").exists(), 20)
    assert leftovers(path) == [part]
    assert frames_of(part) >= 100
    before = part.read_bytes()
    begun(path, "h264", 3).finish()
    assert part.read_bytes() == before
    assert frames_of(path) == 3


@needs_ffmpeg
@pytest.mark.parametrize("suffix", [".mp4", ".mov", ".mkv"])
def test_after_a_power_cut_the_part_plays_as_it_is(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"out{suffix}"
    encoder = begun(path, "h264", 100)
    (ffmpeg,) = children_of(encoder._child.pid)
    for pid in (encoder._child.pid, ffmpeg):
        os.kill(pid, signal.SIGKILL)
    with pytest.raises(OutputError, match="ended by signal 9"):
        write_on(encoder)
    (part,) = leftovers(path)
    assert frames_of(part) >= 100 - 10 - PIPE_BYTES // picture(0).nbytes - 5  # one second, the pipe


def test_an_empty_part_is_removed(tmp_path: Path) -> None:
    (tmp_path / ".out.part.mp4").touch()
    (tmp_path / ".out.part2.mp4").write_bytes(b"something")
    (tmp_path / ".out-0007.part.mp4").write_bytes(b"of a segment")
    (tmp_path / ".outside.part.mp4").write_bytes(b"of another")
    found = [path.name for path in leftovers(tmp_path / "out.mp4")]
    assert found == [".out-0007.part.mp4", ".out.part2.mp4"]
    assert not (tmp_path / ".out.part.mp4").exists()


@pytest.mark.parametrize("wish", [pytest.param("h264", marks=needs_ffmpeg), "opencv"])
def test_signals_to_everybody_are_meant_for_the_run_alone(tmp_path: Path, wish: str) -> None:
    encoder = begun(tmp_path / "out.mp4", wish, 5)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        for child in (encoder._child.pid, *children_of(encoder._child.pid)):
            os.kill(child, number)
    time.sleep(0.2)
    for index in range(5):
        encoder.write(picture(index))
    encoder.finish()
    assert frames_of(tmp_path / "out.mp4") == 10


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(folder)]
    if shutil.which("mount") is None or subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("needs the right to mount a small file system (root)")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


@pytest.mark.parametrize(
    ("wish", "suffix"),
    [
        pytest.param("h264", ".mp4", marks=needs_ffmpeg),
        pytest.param("h264", ".mkv", marks=needs_ffmpeg),
        ("opencv", ".avi"),
        ("opencv", ".mkv"),
    ],
)
def test_a_full_disk_keeps_what_fitted(small_disk: Path, wish: str, suffix: str) -> None:
    path = small_disk / f"out{suffix}"
    encoder = begun(path, wish, 3)
    with pytest.raises(OutputError, match=r"[Nn]o space.*its first \d+ frames are kept"):
        write_on(encoder)
    encoder.finish()
    assert frames_of(path) >= 8
    assert [entry.name for entry in small_disk.iterdir()] == [path.name]


@pytest.mark.skipif(
    int(cv2.__version__.split(".")[0]) < 5,
    reason="OpenCV below 5 is stopped before the disk is full",
)
def test_a_full_disk_that_leaves_nothing_to_play_leaves_no_file(small_disk: Path) -> None:
    encoder = begun(small_disk / "out.mp4", "opencv", 3)
    with pytest.raises(OutputError, match="no space is left") as caught:
        write_on(encoder)
    assert "kept" not in str(caught.value)
    assert list(small_disk.iterdir()) == []


@needs_ffmpeg
def test_a_fragmented_file_becomes_a_plain_one(tmp_path: Path) -> None:
    path = tmp_path / "fragments.mp4"
    command = ["ffmpeg", "-v", "error", "-f", "lavfi", "-i", "testsrc=size=160x96:rate=10"]
    command += ["-t", "3.5", "-c:v", "libx264", "-pix_fmt", "yuv420p", "-bf", "0", "-g", "10"]
    command += ["-movflags", "frag_keyframe+empty_moov+default_base_moof", str(path)]
    subprocess.run(command, check=True, stdin=subprocess.DEVNULL)
    before = [pixels.copy() for pixels in decoded(path)]
    cut = tmp_path / "cut.mp4"
    cut.write_bytes(path.read_bytes()[: path.stat().st_size * 9 // 10])

    assert make_plain(path) == 35
    assert b"mvex" not in path.read_bytes()[-4000:]
    assert np.array_equal(before, decoded(path))
    assert frame_count(path) == 35
    assert np.array_equal(before[25], at(path, 25))
    assert make_plain(path) is None  # it is plain already
    assert len(decoded(path)) == 35

    assert make_plain(cut) in (20, 30)
    assert np.array_equal(before[: frame_count(cut)], decoded(cut))


@pytest.mark.parametrize("data", [b"", b"\0\0\0\x08mdat", b"no video at all", b"\0" * 100])
def test_what_is_no_fragmented_file_stays(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "other.mp4"
    path.write_bytes(data)
    assert make_plain(path) is None
    assert path.read_bytes() == data


def decoded(path: Path) -> list[np.ndarray]:
    capture = cv2.VideoCapture(str(path))
    return [pixels for ok, pixels in iter(capture.read, (False, None)) if ok]


def frame_count(path: Path) -> int:
    return round(cv2.VideoCapture(str(path)).get(cv2.CAP_PROP_FRAME_COUNT))


def at(path: Path, index: int) -> np.ndarray:
    capture = cv2.VideoCapture(str(path))
    capture.set(cv2.CAP_PROP_POS_FRAMES, index)
    return capture.read()[1]
