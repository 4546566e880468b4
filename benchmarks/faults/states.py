"""The states that a run may be in when it is asked to end, each made for real."""

from __future__ import annotations

import fcntl
import os
import random
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from importlib import import_module
from pathlib import Path
from socket import create_connection

from .running import Run

VIDEO = "out.mp4"

_MODEL = "fcn8"
_LIVE = "synthetic://street?live=1&fps=15&size=320x240"
_SMALL_DISK_BYTES = 1 << 20
_VIEWERS = 8
# More than fit into the smallest pipe.
_PIPE_LINES = 40


class NotReachedError(Exception):
    """A run did not come into the state that was wanted."""


@contextmanager
def starting(folder: Path) -> Iterator[Run]:
    """Python has not even read its modules."""
    with Run(folder, [_MODEL, "--source", _LIVE]) as run:
        time.sleep(random.uniform(0.1, 0.8))
        yield run


@contextmanager
def opening(folder: Path) -> Iterator[Run]:
    """The stream's host takes connections and says nothing."""
    server = import_module("mjpeg_server")
    with server.black_hole() as port:
        address = f"rtsp://127.0.0.1:{port}/cam"
        with Run(folder, [_MODEL, "--source", address, "--wait"], page=True) as run:
            yield _in_state(run, "opening")


@contextmanager
def live(folder: Path) -> Iterator[Run]:
    """Pictures come, and go into a video, masks and a log."""
    with Run(folder, [_MODEL, "--source", _LIVE, "--save", VIDEO, "--masks", "masks"]) as run:
        yield _with_masks(run)


@contextmanager
def stalled(folder: Path) -> Iterator[Run]:
    """The stream stays connected, but nothing comes any more."""
    with _stream(folder, "silence") as run:
        yield _in_state(run, "stalled")


@contextmanager
def lost(folder: Path) -> Iterator[Run]:
    """The stream's host is gone."""
    server = import_module("mjpeg_server")
    with server.serving() as host:
        run = Run(folder, [_MODEL, "--source", host.url("good"), "--save", VIDEO], page=True)
        with run:
            _with_masks(run)
            host.stopping.set()
            host.shutdown()
            host.server_close()
            yield _in_state(run, "lost")


@contextmanager
def saving(folder: Path) -> Iterator[Run]:
    """A file is made into a video, as fast as it goes."""
    source = "synthetic://street?size=1280x720"
    with Run(folder, [_MODEL, "--source", source, "--frames", "9999", "--save", VIDEO]) as run:
        yield _with_masks(run)


@contextmanager
def full_disk(folder: Path) -> Iterator[Run]:
    """There is no room any more for the outputs, but somebody still watches the page."""
    disk = folder / "disk"
    disk.mkdir(parents=True)
    options = f"size={_SMALL_DISK_BYTES}"
    subprocess.run(["mount", "-t", "tmpfs", "-o", options, "disk", disk], check=True)
    try:
        outputs = ["--save", disk / VIDEO, "--keep-free", "200K"]
        with Run(folder, [_MODEL, "--source", _LIVE, *outputs], page=True) as run:
            _with_masks(run)
            _until(lambda: "free" in run.said(), "the disk did not get full")
            yield run
            shutil.copy(disk / VIDEO, folder / VIDEO)
    finally:
        subprocess.run(["umount", "-l", disk], check=True)


@contextmanager
def no_display(folder: Path) -> Iterator[Run]:
    """A window would be shown if there was where."""
    hidden = {"DISPLAY": "", "WAYLAND_DISPLAY": ""}
    with Run(folder, [_MODEL, "--source", _LIVE], hidden, window=True) as run:
        yield _with_masks(run)


@contextmanager
def dead_display(folder: Path) -> Iterator[Run]:
    """The X server that showed the window has died."""
    folder.mkdir(parents=True)
    with (folder / "display").open("w+") as told:
        command = ["Xvfb", "-displayfd", str(told.fileno()), "-screen", "0", "640x480x24"]
        server = subprocess.Popen(command, pass_fds=[told.fileno()], stderr=subprocess.DEVNULL)
        try:
            _until(lambda: bool((folder / "display").read_text()), "no X server")
            display = {"DISPLAY": f":{(folder / 'display').read_text().strip()}"}
            arguments = [_MODEL, "--source", _LIVE, "--window", "--save", VIDEO]
            with Run(folder, arguments, display, window=True) as run:
                _with_masks(run)
                server.kill()
                yield _with_masks(run)
        finally:
            server.kill()
            server.wait()


@contextmanager
def watched(folder: Path) -> Iterator[Run]:
    """Viewers take the page's pictures, and half of them have stalled."""
    with Run(folder, [_MODEL, "--source", _LIVE], page=True) as run:
        _with_masks(run)
        viewers = [create_connection(("127.0.0.1", run.port), 5) for _ in range(_VIEWERS)]
        try:
            for viewer in viewers:
                viewer.sendall(b"GET /stream.mjpg HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
            for viewer in viewers[::2]:
                viewer.recv(1 << 20)
            yield _with_masks(run)
        finally:
            for viewer in viewers:
                viewer.close()


@contextmanager
def blocked(folder: Path) -> Iterator[Run]:
    """Whoever reads the log has stalled, and the pipe to it is full."""
    folder.mkdir(parents=True)
    os.mkfifo(folder / "run.jsonl")
    reader = os.open(folder / "run.jsonl", os.O_RDONLY | os.O_NONBLOCK)
    fcntl.fcntl(reader, fcntl.F_SETPIPE_SZ, 4096)
    try:
        with Run(folder, [_MODEL, "--source", _LIVE, "--save", VIDEO], page=True) as run:
            _until(lambda: _masked(run) > _PIPE_LINES, "no masks")
            yield run
    finally:
        os.close(reader)


State = Callable[[Path], AbstractContextManager[Run]]

STATES: dict[str, State] = {
    "starting": starting,
    "opening": opening,
    "live": live,
    "stalled": stalled,
    "lost": lost,
    "saving a video": saving,
    "disk full": full_disk,
    "no display": no_display,
    "display gone": dead_display,
    "page watched": watched,
    "an output blocks": blocked,
}
_NEEDS = {"display gone": "Xvfb"}


def why_not(state: str) -> str:
    """Return why a state cannot be had here, empty where it can."""
    if state == "disk full" and os.geteuid() != 0:
        return f"{state}: only root may mount a small disk"
    program = _NEEDS.get(state)
    return f"{state}: no {program}" if program and shutil.which(program) is None else ""


@contextmanager
def _stream(folder: Path, path: str) -> Iterator[Run]:
    server = import_module("mjpeg_server")
    with (
        server.serving() as host,
        Run(folder, [_MODEL, "--source", host.url(path)], page=True) as run,
    ):
        yield _with_masks(run, 1)


def _in_state(run: Run, state: str) -> Run:
    if run.wait_for_state(state) is None:
        raise NotReachedError(f"never {state}: {run.said().strip()}")
    return run


def _with_masks(run: Run, count: int = 3) -> Run:
    if run.wait_for_masks(count) is None:
        raise NotReachedError(f"no masks: {run.said().strip()}")
    return run


def _masked(run: Run) -> int:
    return int(((run.status() or {}).get("run") or {}).get("masked", 0))


def _until(true: Callable[[], bool], otherwise: str, timeout_s: float = 30.0) -> None:
    end_s = time.monotonic() + timeout_s
    while not true():
        if time.monotonic() > end_s:
            raise NotReachedError(otherwise)
        time.sleep(0.05)
