"""SIGKILL at any moment: what was finished stays whole, and what was not can be gone on with."""

from __future__ import annotations

import json
import os
import random
import shutil
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
from kills import descendants, is_alive, kill_runs, kill_when

MODEL = str(Path(__file__).parent / "data" / "tiny-int8.tflite")
RUN = Path(__file__).parent / "rig" / "resumable_run.py"
# The figures, at rest: one second of video, two until it is whole.
SLACK = 2
LOST_S, FINISHED_S = 1.0 * SLACK, 2.0 * SLACK

needs_ffmpeg = pytest.mark.skipif(
    shutil.which("ffmpeg") is None, reason="needs ffmpeg; type: apt install ffmpeg"
)


def check_kills(folder: Path, count: int, seed: int, **options: object) -> None:
    for number, run in enumerate(kill_runs(MODEL, folder, count, seed, **options)):
        told = f"kill {number} of seed {seed}: {run}"
        assert not run.wrong, told
        assert min(run.masks, run.lines) >= 5, told
        assert run.lost_s <= LOST_S, told
        assert run.finished_s <= FINISHED_S, told


@pytest.mark.parametrize("encoder", [pytest.param("ffmpeg", marks=needs_ffmpeg), "opencv"])
def test_a_killed_run_leaves_only_whole_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, encoder: str
) -> None:
    if encoder == "opencv":
        monkeypatch.setenv("PATH", "/nowhere")
    seed = int(os.environ.get("EDGESEG_SEED", random.randrange(1_000_000)))
    check_kills(tmp_path, 2, seed, longest_s=1.5)


@pytest.mark.slow
@pytest.mark.parametrize("video", ["out.mp4", "out.mkv"])
def test_twenty_killed_runs(tmp_path: Path, video: str) -> None:
    seed = int(os.environ.get("EDGESEG_SEED", random.randrange(1_000_000)))
    check_kills(tmp_path, 20, seed, video=video)


class Resumable:
    """A source, and a run of it that goes on where the last one ended."""

    def __init__(self, source: Path, out: Path) -> None:
        self.masks, self.log = out / "masks", out / "log"
        self._command = [sys.executable, RUN, source, self.masks, self.log, MODEL]

    def start(self) -> subprocess.Popen[bytes]:
        return subprocess.Popen(list(map(str, self._command)))

    def count(self) -> int:
        return len(list(self.masks.glob("[!.]*.png")))

    def outputs(self) -> dict[str, tuple[bytes, dict[str, float]]]:
        """The mask and the coverage of each frame; fails where there is not one of each."""
        records = list(map(json.loads, self.log.read_text().splitlines()))
        coverage = {record["name"]: record["coverage"] for record in records}
        masks = {path.stem: path.read_bytes() for path in self.masks.glob("[!.]*.png")}
        assert len(records) == len(masks)
        assert coverage.keys() == masks.keys()
        return {name: (masks[name], coverage[name]) for name in sorted(masks)}


def make_source(folder: Path, kind: str, count: int) -> Path:
    source = folder / "in.avi" if kind == "video" else folder / "in"
    pictures = (
        np.roll(np.arange(96 * 128 * 3, dtype=np.uint8).reshape(96, 128, 3), 7 * index, axis=1)
        for index in range(count)
    )
    if kind == "video":
        writer = cv2.VideoWriter(str(source), cv2.VideoWriter.fourcc(*"MJPG"), 25, (128, 96))
        for picture in pictures:
            writer.write(picture)
        writer.release()
        return source
    source.mkdir()
    for index, picture in enumerate(pictures):
        assert cv2.imwrite(str(source / f"{index}.png"), picture)
    return source


def check_resumes(folder: Path, kind: str, count: int, kills: int) -> None:
    """Kill after random shares of the frames, go on, and compare with a run left alone."""
    seed = int(os.environ.get("EDGESEG_SEED", random.randrange(1_000_000)))
    source = make_source(folder, kind, count)
    alone, killed = Resumable(source, folder / "alone"), Resumable(source, folder / "killed")
    for runs in (alone, killed):
        runs.masks.parent.mkdir()
    assert alone.start().wait() == 0
    for moment in sorted(random.Random(seed).sample(range(1, count * 4 // 5), kills)):
        assert kill_when(lambda moment=moment: killed.count() >= moment, killed.start()), seed
        assert killed.count() < count, seed
    assert killed.start().wait() == 0
    assert killed.outputs() == alone.outputs(), seed
    assert len(alone.outputs()) == count


@pytest.mark.parametrize("kind", ["folder", "video"])
def test_a_killed_run_goes_on_with_each_frame_once(tmp_path: Path, kind: str) -> None:
    check_resumes(tmp_path, kind, 300, 2)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["folder", "video"])
def test_a_run_killed_ten_times_goes_on(tmp_path: Path, kind: str) -> None:
    check_resumes(tmp_path, kind, 1000, 10)


def test_processes_below_are_found() -> None:
    shell = subprocess.Popen(["sh", "-c", "sleep 60 & wait"], start_new_session=True)
    try:
        while len(descendants(shell.pid)) < 1:
            assert shell.poll() is None
        (sleeper,) = descendants(shell.pid)
        assert is_alive(sleeper)
    finally:
        os.killpg(shell.pid, 9)
        shell.wait()
