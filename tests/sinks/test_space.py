"""Room on the disk: a floor that is kept, a cap that is not passed, and earlier output whole."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest

from edgeseg.errors import ConfigError, OutputError
from edgeseg.labels import STREET
from edgeseg.loop import FrameResult
from edgeseg.manifest import Size
from edgeseg.overlay import Painter
from edgeseg.sinks import Sink
from edgeseg.sinks.masks import MaskSink
from edgeseg.sinks.snapshot import SnapshotSink
from edgeseg.sinks.space import SpaceGuard
from edgeseg.sinks.stats import StatsSink
from edgeseg.sinks.video import VideoSink
from edgeseg.units import format_size, parse_duration_s, parse_size

MakeResult = Callable[..., FrameResult]
SIZE = Size(160, 120)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 1 MB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(folder)]
    if shutil.which("mount") is None or subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("needs the right to mount a small file system (root)")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


def noisy(make_result: MakeResult, index: int) -> FrameResult:
    """A result whose mask nothing compresses; its picture hardly counts, being in a pipe yet."""
    result = make_result(index, SIZE)
    result.mask[:] = np.random.default_rng(index).integers(0, 19, result.mask.shape, np.uint8)
    return result


def all_sinks(guard: SpaceGuard, folder: Path, painter: Painter) -> list[Sink]:
    log, masks, video, last = (folder / name for name in ("log", "masks", "out.mkv", "last.png"))
    return [
        guard.watch(StatsSink(log, STREET.names), log),
        guard.watch(MaskSink(masks, STREET.palette), masks),
        guard.watch(VideoSink(video, painter, fps=10, live=False), video),
        guard.watch(SnapshotSink(last, painter), last),
    ]


def check_whole(folder: Path, frames: int) -> None:
    """Everything that was written before the end can be read."""
    lines = (folder / "log").read_text().splitlines()
    assert [json.loads(line)["frame"] for line in lines] == list(range(frames))
    masks = sorted((folder / "masks").iterdir())
    assert [path.name for path in masks] == [f"{index:06d}.png" for index in range(len(masks))]
    assert all(cv2.imread(str(path)).shape == (120, 160, 3) for path in masks)
    capture = cv2.VideoCapture(str(folder / "out.mkv"))
    assert sum(1 for _ in iter(capture.grab, False)) in (frames - 1, frames)
    assert cv2.imread(str(folder / "last.png")).shape == (120, 160, 3)
    assert sorted(path.name for path in folder.iterdir()) == ["last.png", "log", "masks", "out.mkv"]


def test_the_floor_ends_every_output_whole(
    small_disk: Path, painter: Painter, make_result: MakeResult
) -> None:
    said: list[str] = []
    guard = SpaceGuard(keep_free_bytes=300_000, on_end=said.append)
    sinks = all_sinks(guard, small_disk, painter)
    for index in range(60):
        for sink in sinks:
            sink.write(noisy(make_result, index))
    for sink in sinks:
        sink.close()
    assert guard.reached == "floor"
    assert said == [guard.message]
    assert "are to stay free" in guard.message
    check_whole(small_disk, len((small_disk / "log").read_text().splitlines()))


def test_the_cap_ends_every_output_whole(
    tmp_path: Path, painter: Painter, make_result: MakeResult
) -> None:
    guard = SpaceGuard(keep_free_bytes=0, max_bytes=300_000)
    sinks = all_sinks(guard, tmp_path, painter)
    for index in range(100):
        for sink in sinks:
            sink.write(noisy(make_result, index))
    for sink in sinks:
        sink.close()
    assert guard.reached == "cap"
    assert guard.message == "the outputs have reached 293 KiB: the outputs end here"
    total = sum(path.stat().st_size for path in tmp_path.rglob("*") if path.is_file())
    assert 300_000 < total < 500_000
    check_whole(tmp_path, len((tmp_path / "log").read_text().splitlines()))


@pytest.mark.parametrize("output", ["log", "masks", "last.png"])
def test_without_a_floor_a_full_disk_is_named(
    small_disk: Path, painter: Painter, make_result: MakeResult, output: str
) -> None:
    (small_disk / "filler").write_bytes(b"x" * 900_000)
    sinks: dict[str, Sink] = {
        "log": StatsSink(small_disk / "log", STREET.names),
        "masks": MaskSink(small_disk / "masks", STREET.palette),
        "last.png": SnapshotSink(small_disk / "last.png", painter),
    }

    def write_on() -> None:
        for index in range(1000):
            sinks[output].write(noisy(make_result, index))
            if output == "last.png" and index == 3:
                with pytest.raises(OSError, match="No space"):
                    (small_disk / "filler2").write_bytes(b"x" * 1_000_000)
                sinks[output].close()

    with pytest.raises(OutputError, match=f"{output}.*No space left"):
        write_on()
    sinks[output].close()
    for path in (small_disk / "masks").iterdir():
        assert cv2.imread(str(path)) is not None
    if output == "log":
        lines = (small_disk / "log").read_text().splitlines()
        assert all(json.loads(line)["name"] for line in lines)


def test_too_little_room_at_the_start(tmp_path: Path, painter: Painter) -> None:
    guard = SpaceGuard(keep_free_bytes=1 << 60)
    path = tmp_path / "out.mkv"
    with pytest.raises(OutputError, match=r"only .* free.*allow less with --keep-free"):
        guard.watch(VideoSink(path, painter, fps=10, live=False), path)
    assert list(tmp_path.iterdir()) == []


def test_a_device_takes_no_room(make_result: MakeResult) -> None:
    path = Path("/dev/null")
    guard = SpaceGuard(keep_free_bytes=1 << 60)
    with guard.watch(StatsSink(path, STREET.names), path) as sink:
        sink.write(make_result())
    assert guard.reached == ""


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("500M", 500 << 20),
        ("2G", 2 << 30),
        ("2GiB", 2 << 30),
        ("2GB", 2 * 10**9),
        (" 64 mb ", 64 * 10**6),
        ("1.5k", 1536),
        ("10b", 10),
        ("7", 7),
        ("0", 0),
    ],
)
def test_sizes(text: str, count: int) -> None:
    assert parse_size(text) == count


@pytest.mark.parametrize("text", ["", "M", "-1", "1X", "1iB", "1e9", "five", "1.M", "9" * 20])
def test_no_sizes(text: str) -> None:
    with pytest.raises(ConfigError, match="500M"):
        parse_size(text)


@pytest.mark.parametrize(
    ("text", "seconds"), [("90", 90), ("90s", 90), ("10m", 600), ("1.5h", 5400), ("2 d", 172800)]
)
def test_durations(text: str, seconds: float) -> None:
    assert parse_duration_s(text) == seconds


@pytest.mark.parametrize("text", ["", "0", "0m", "-1s", "1y", "m", "1:30"])
def test_no_durations(text: str) -> None:
    with pytest.raises(ConfigError, match="10m"):
        parse_duration_s(text)


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (0, "0 bytes"),
        (1023, "1023 bytes"),
        (1536, "1.5 KiB"),
        (64 << 20, "64 MiB"),
        (2 << 30, "2.0 GiB"),
        (5000 << 40, "5000 TiB"),
    ],
)
def test_sizes_for_people(count: int, text: str) -> None:
    assert format_size(count) == text
