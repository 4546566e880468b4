"""`edgeseg run` on a camera that comes and goes: what it says meanwhile, and how it counts."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import fake_camera
import pytest

from edgeseg.cli._run_watch import describe_change
from edgeseg.sources import SourceStatus

PATIENCE_S = 20.0


def status(state: Any, since_s: float = 0.0, reason: str = "", mode: str = "") -> SourceStatus:
    return SourceStatus(state, since_s, reason=reason, mode=mode)


@pytest.mark.parametrize(
    ("before", "now", "said"),
    [
        (status("opening"), status("live", mode="640x480 MJPG"), "is live: 640x480 MJPG"),
        (status("live"), status("live", 1.0), ""),
        (status("live"), status("lost", 2.0, "unplugged"), "is lost, trying again: unplugged"),
        (status("live"), status("stalled", 2.0), "gives nothing"),
        (status("lost", 2.0), status("live", 5.5, mode="a"), "is live again, after 3.5 s: a"),
        (status("live"), status("ended", 9.0), ""),
    ],
)
def test_changes_are_told_in_words(before: SourceStatus, now: SourceStatus, said: str) -> None:
    assert describe_change(before, now) == said


class Run:
    """A running `edgeseg run`, and what it has said so far."""

    def __init__(self, rig: fake_camera.Rig, *arguments: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "edgeseg", "run", "--no-window", "--json", *arguments],
            env=rig.subprocess_environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.said = ""
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            self.said += line

    def wait_for(self, text: str) -> None:
        until(lambda: text in self.said, lambda: f"{text!r} was not said, but {self.said!r}")

    def end(self) -> dict[str, Any]:
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(PATIENCE_S)
        self._reader.join()
        assert self.process.stdout is not None
        with self.process:
            summary: dict[str, Any] = json.loads(self.process.stdout.read())
        return summary


def until(holds: Callable[[], bool], otherwise: Callable[[], str]) -> None:
    end_s = time.monotonic() + PATIENCE_S
    while not holds():
        assert time.monotonic() < end_s, otherwise()
        time.sleep(0.02)


def test_a_camera_that_comes_back_is_told_of_and_every_frame_counted(
    rig: fake_camera.Rig, tmp_path: Path
) -> None:
    camera = rig.camera()
    log = tmp_path / "log.jsonl"
    run = Run(rig, "--camera", "0", "--stats", str(log))
    run.wait_for("/dev/video0 is live: 640x480 YUYV")
    until(lambda: log.exists() and log.read_text().count("\n") > 5, lambda: "no masks")
    camera.control("unplug")
    run.wait_for("/dev/video0 is lost, trying again: ")
    before = log.read_text().count("\n")
    camera.control("ok")
    run.wait_for("/dev/video0 is live again, after ")
    until(lambda: log.read_text().count("\n") > before + 5, lambda: "no masks after it came back")
    summary = run.end()
    assert run.process.returncode == 128 + signal.SIGTERM
    assert "was lost once during the run" in run.said
    assert summary["captured"] == summary["frames"] + sum(summary["dropped"].values())
    log_of = next(sink for name, sink in summary["sinks"].items() if name.startswith("log"))
    assert log_of["written"] == log.read_text().count("\n")
    assert log_of["written"] + log_of["missed"] == summary["frames"]
    indices = [json.loads(line)["frame"] for line in log.read_text().splitlines()]
    assert indices == sorted(set(indices))


def test_a_camera_that_is_not_there_is_one_line(rig: fake_camera.Rig) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "edgeseg", "run", "--camera", "7", "--no-window"],
        env=rig.subprocess_environment(),
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert "/dev/video7" in line
    assert "synthetic://street" in line
