"""Runs that are killed at random moments, and what is left of their outputs."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import cv2

SOURCE = "synthetic://street?size=320x240&live=1&fps=25"
_PATIENCE_S = 60.0
_HEADS_UP = 10  # results; a live video begins with the fifth, when the rate is known


@dataclass
class Killed:
    """A run that was killed, and what it left.

    Attributes:
        after_s: it had been giving results for so long.
        masks: PNGs under final names.
        lines: of the log.
        frames: that can be decoded from the video.
        lost_s: from the end of the video's time until the run was killed.
        finished_s: from then until the video was whole and no process was left.
        wrong: all that must not be, in words.
    """

    after_s: float
    masks: int = 0
    lines: int = 0
    frames: int = 0
    lost_s: float = 0.0
    finished_s: float = 0.0
    wrong: list[str] = field(default_factory=list)


def kill_runs(
    model: str,
    folder: Path,
    count: int,
    seed: int,
    *,
    source: str = SOURCE,
    longest_s: float = 4.0,
    video: str = "out.mp4",
) -> Iterator[Killed]:
    """Kill `edgeseg run` with SIGKILL `count` times, after up to `longest_s` of results each.

    Args:
        model: a .tflite file or a zoo name.
        folder: an existing one; each run gets a folder in it.
        count: of runs.
        seed: of the random moments.
        source: a live one.
        longest_s: between the first results and the kill.
        video: its name; the suffix chooses the container.
    """
    moments = random.Random(seed)
    for number in range(count):
        place = folder / f"run-{number}"
        place.mkdir()
        yield _kill_one(model, place, moments.uniform(0.0, longest_s), source, video)


def _kill_one(model: str, folder: Path, after_s: float, source: str, video: str) -> Killed:
    log, path = folder / "log", folder / video
    outputs = ["--masks", folder / "masks", "--save", path, "--stats", log]
    command = [sys.executable, "-m", "edgeseg", "run", model, "--no-window", "--source", source]
    run = subprocess.Popen(
        [*command, *map(str, outputs)], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    )
    assert run.stderr is not None
    if not _until(lambda: run.poll() is not None or _line_count(log) >= _HEADS_UP):
        run.kill()
    time.sleep(after_s)
    others = descendants(run.pid)
    killed_s = time.monotonic()
    run.kill()
    run.wait()
    said = run.stderr.read()
    run.stderr.close()
    found = Killed(after_s)
    if run.returncode != -signal.SIGKILL:
        found.wrong.append(f"the run had ended by itself ({run.returncode}): {said}")
        return found
    if not _until(lambda: not any(map(is_alive, others))):
        found.wrong.append("processes are left behind")
    found.finished_s = time.monotonic() - killed_s
    _look(found, folder, path, killed_s)
    return found


def _look(found: Killed, folder: Path, video: Path, killed_s: float) -> None:
    masks = [entry for entry in (folder / "masks").iterdir() if not entry.name.startswith(".")]
    found.masks = sum(entry.suffix == ".png" for entry in masks)
    found.wrong += [f"{entry.name} is damaged" for entry in masks if not _is_mask(entry)]
    lines = (folder / "log").read_text().splitlines(keepends=True)
    found.wrong += [f"a line of the log is {line!r}" for line in lines if not _is_record(line)]
    if found.wrong:
        return
    found.lines = len(lines)
    found.frames, fps = decode_all(video)
    if not found.frames:
        found.wrong.append("the video cannot be played")
        return
    found.lost_s = killed_s - (json.loads(lines[0])["captured_s"] + found.frames / fps)
    names = {entry.name for entry in folder.iterdir()}
    if names != {"masks", "log", video.name}:
        found.wrong.append(f"beside the outputs there are {sorted(names)}")


def decode_all(video: Path) -> tuple[int, float]:
    """Return how many frames can be decoded, and the rate."""
    capture = cv2.VideoCapture(str(video))
    return sum(1 for _ in iter(lambda: capture.read()[0], False)), capture.get(cv2.CAP_PROP_FPS)


def descendants(pid: int) -> list[int]:
    """Return all processes below one, in other sessions, too."""
    try:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except OSError:
        return []
    found = [int(child) for child in children]
    # A process may be started by any thread of its parent.
    for task in Path(f"/proc/{pid}/task").iterdir():
        if task.name != str(pid):
            found += map(int, (task / "children").read_text().split())
    return found + [below for child in found for below in descendants(child)]


def is_alive(pid: int) -> bool:
    """Return whether a process runs; a zombie does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def kill_when(condition: Callable[[], bool], run: subprocess.Popen[bytes]) -> bool:
    """Kill a process as soon as something is so; return whether it was not over before."""
    _until(lambda: run.poll() is not None or condition())
    os.kill(run.pid, signal.SIGKILL)
    return run.wait() == -signal.SIGKILL


def _is_mask(path: Path) -> bool:
    return path.suffix == ".png" and cv2.imread(str(path)) is not None


def _is_record(line: str) -> bool:
    try:
        return "captured_s" in json.loads(line)
    except ValueError:
        return False


def _line_count(path: Path) -> int:
    try:
        return path.read_bytes().count(b"\n")
    except OSError:
        return 0


def _until(condition: Callable[[], bool]) -> bool:
    end_s = time.monotonic() + _PATIENCE_S
    while not condition():
        if time.monotonic() > end_s:
            return False
        time.sleep(0.01)
    return True
