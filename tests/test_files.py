"""Files appear complete or not at all."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from edgeseg.errors import OutputError
from edgeseg.files import atomic_path, atomic_write_bytes, check_writable, remove_scratch


def names_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def write_half_and(error: BaseException, target: Path) -> None:
    with atomic_path(target) as scratch:
        scratch.write_bytes(b"half")
        raise error


def test_bytes_arrive_and_nothing_else_stays(tmp_path: Path) -> None:
    target = tmp_path / "model.tflite"
    atomic_write_bytes(target, b"one")
    atomic_write_bytes(target, b"two")
    assert target.read_bytes() == b"two"
    assert names_in(tmp_path) == ["model.tflite"]


def test_a_failed_block_leaves_the_old_file(tmp_path: Path) -> None:
    target = tmp_path / "video.mp4"
    target.write_bytes(b"old")
    with pytest.raises(RuntimeError):
        write_half_and(RuntimeError(), target)
    assert target.read_bytes() == b"old"
    assert names_in(tmp_path) == ["video.mp4"]


def test_an_interruption_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        write_half_and(KeyboardInterrupt(), tmp_path / "a.bin")
    assert names_in(tmp_path) == []


def test_the_scratch_file_keeps_the_suffix_and_folder(tmp_path: Path) -> None:
    with atomic_path(tmp_path / "a.mp4") as scratch:
        assert scratch.suffix == ".mp4"
        assert scratch.parent == tmp_path


def test_permissions_follow_the_umask(tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        atomic_write_bytes(tmp_path / "a", b"")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "a").stat().st_mode) == 0o640


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    target = tmp_path / "nowhere" / "a.bin"
    with pytest.raises(OutputError, match=r"nowhere/a\.bin"):
        atomic_write_bytes(target, b"")
    with pytest.raises(OutputError, match="folder that exists"):
        check_writable(target)


def test_a_full_disk_is_named(tmp_path: Path) -> None:
    full = Path("/dev/full")
    if not full.exists():
        pytest.skip("this system has no /dev/full")
    with (
        pytest.raises(OutputError, match="No space left"),
        atomic_path(tmp_path / "a.bin"),
        full.open("wb", buffering=0) as stream,
    ):
        stream.write(b"x")
    assert names_in(tmp_path) == []


def test_a_folder_is_no_target(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="it is a folder"):
        check_writable(tmp_path)


def test_checking_leaves_no_trace(tmp_path: Path) -> None:
    check_writable(tmp_path / "a.bin")
    assert names_in(tmp_path) == []


def test_what_killed_processes_leave_is_removed(tmp_path: Path) -> None:
    with atomic_path(tmp_path / "000012.png") as scratch:
        left = scratch.with_name(scratch.name)
        names = [".hidden.png", ".edgeseg-run.json", "000011.png", ".a.settings"]
        for name in names:
            (tmp_path / name).touch()
        remove_scratch(tmp_path, ".png")
        assert not left.exists()
        scratch.touch()
    assert names_in(tmp_path) == sorted([*names, "000012.png"])
