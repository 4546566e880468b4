"""`edgeseg run` in a process of its own, watched from outside."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from types import TracebackType
from typing import Any
from urllib.request import urlopen

from .processes import Usage, family, usage

_LOOK_S = 0.01
# Each question costs the run a little; it must not show in what is measured.
_ASK_S = 0.05
# Nobody waits longer for the end of a run; it is killed then, and that is told.
_PATIENCE_S = 20.0


@dataclass(frozen=True)
class Ended:
    """How a run ended.

    Attributes:
        code: of the process, negative when a signal ended it, None when it had to be killed.
        seconds: from asking until it was gone.
        summary: what it printed, None where that was no JSON.
        stderr: what else it said.
    """

    code: int | None
    seconds: float
    summary: Mapping[str, Any] | None
    stderr: str


class Run:
    """`edgeseg run --json --stats FOLDER/run.jsonl ...`; leaving the block ends it for sure.

    Attributes:
        folder: where it works and what it writes lies.
        log: its lines, one for each mask.
        pid: of the process.
        port: of its page, 0 without one.
    """

    def __init__(
        self,
        folder: Path,
        arguments: Sequence[object],
        environment: Mapping[str, str] | None = None,
        *,
        page: bool = False,
        window: bool = False,
    ) -> None:
        """Start it.

        Args:
            folder: made if it is not there.
            arguments: behind `edgeseg run`.
            environment: beside this process's own.
            page: whether it serves its page, which tells the state of its source.
            window: whether it may open a window.
        """
        folder.mkdir(parents=True, exist_ok=True)
        self.folder, self.log = folder, folder / "run.jsonl"
        self.port = free_port() if page else 0
        command = [sys.executable, "-m", "edgeseg", "run", *map(str, arguments)]
        command += [] if window else ["--no-window"]
        command += ["--serve", f"127.0.0.1:{self.port}"] if page else []
        self._out = (folder / "stdout").open("w+")
        self._err = (folder / "stderr").open("w+")
        self._process = subprocess.Popen(
            [*command, "--json", "--stats", "run.jsonl"],
            stdin=subprocess.DEVNULL,
            stdout=self._out,
            stderr=self._err,
            cwd=folder,
            env={**os.environ, **(environment or {})},
            preexec_fn=_hear_signals,
        )
        self.pid = self._process.pid

    def __enter__(self) -> Run:
        """Return it."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Kill what is left of it, children and all."""
        if self.is_running:
            for pid in reversed(family(self.pid)):
                os.kill(pid, signal.SIGKILL)
        self._process.wait()
        self._out.close()
        self._err.close()

    @property
    def is_running(self) -> bool:
        """Whether it is."""
        return self._process.poll() is None

    def masked(self) -> int:
        """How many frames so far."""
        return self.log.read_bytes().count(b"\n") if self.log.exists() else 0

    def wait_for_masks(self, count: int, timeout_s: float = 60.0) -> float | None:
        """Wait for so many more masks; return how long it took, None where in vain."""
        start_s, wanted = time.monotonic(), self.masked() + count
        while self.is_running and time.monotonic() < start_s + timeout_s:
            if self.masked() >= wanted:
                return time.monotonic() - start_s
            time.sleep(_LOOK_S)
        return None

    def status(self) -> Mapping[str, Any] | None:
        """Return what its page knows, None while there is no page."""
        try:
            with urlopen(f"http://127.0.0.1:{self.port}/status", timeout=2) as answer:
                return dict(json.load(answer))
        except OSError:
            return None

    def wait_for_state(self, *states: str, timeout_s: float = 30.0) -> float | None:
        """Wait for a state of the source; return how long it took, None where in vain."""
        start_s = time.monotonic()
        while self.is_running and time.monotonic() < start_s + timeout_s:
            source = (self.status() or {}).get("source") or {}
            if source.get("state") in states:
                return time.monotonic() - start_s
            time.sleep(_ASK_S)
        return None

    def records(self) -> list[dict[str, Any]]:
        """Return the lines of the log."""
        return [json.loads(line) for line in self.log.read_text().splitlines()]

    def usage(self) -> Usage:
        """Return what the process and its children hold now."""
        return usage(family(self.pid))

    def said(self) -> str:
        """Return what it wrote to standard error so far."""
        return (self.folder / "stderr").read_text(errors="replace")

    def end(self, number: int = signal.SIGTERM) -> Ended:
        """Send a signal and wait for the end."""
        start_s = time.monotonic()
        self._process.send_signal(number)
        return self.wait(start_s)

    def wait(self, start_s: float | None = None, timeout_s: float = _PATIENCE_S) -> Ended:
        """Wait for the end; `start_s` is when it was asked to."""
        start_s = time.monotonic() if start_s is None else start_s
        code: int | None = None
        try:
            code = self._process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            self.__exit__(None, None, None)
        out = (self.folder / "stdout").read_text()
        summary = json.loads(out) if out.startswith("{") else None
        return Ended(code, time.monotonic() - start_s, summary, self.said())


def unaccounted(summary: Mapping[str, Any], indices: Sequence[int]) -> int:
    """Count frames of which a run cannot say what became of them, or that it masked out of order.

    Args:
        summary: that it printed.
        indices: of the frames that it masked, in its log's order.
    """
    captured = int(summary["captured"])
    left = captured - int(summary["frames"]) - sum(map(int, summary["dropped"].values()))
    disorder = sum(later <= index for index, later in pairwise(indices))
    # Up to the last mask's number all were captured.
    unseen = max(0, indices[-1] + 1 - captured)
    return abs(left) + disorder + unseen


def account(summary: Mapping[str, Any]) -> str:
    """Return what a run says became of its frames, in words."""
    reasons = "".join(f", {count} {name}" for name, count in summary["dropped"].items() if count)
    return f"{summary['captured']} captured, {summary['frames']} masked{reasons}"


def free_port() -> int:
    """Return a port of this machine that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def _hear_signals() -> None:
    """Signals that whoever started this ignores, as `nohup` does, stay ignored in children."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)
