"""RTSP and HTTP cameras that are killed, frozen, replaced by a black hole, and started again."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from importlib import import_module
from pathlib import Path
from typing import Any

from .finding import Finding
from .outages import Limits, Outages
from .running import Run

LIMITS = Limits(noticed_s=5.0, back_s=5.0)

_MODEL = "fcn8"
# Long enough for a source to be let down by it more than once.
_BLACK_HOLE_S = 4.0

Action = Callable[[], None]


def why_not(kind: str) -> str:
    """Return what is missing for the servers of `rtsp` or `http`, empty where nothing is."""
    servers = import_module("streams")
    return str(servers.why_no_rtsp() if kind == "rtsp" else servers.why_no_ffmpeg())


def streams(folder: Path, kind: str, cycles: int = 5) -> list[Finding]:
    """Break a camera of `rtsp` or `http` in each way, so many times."""
    servers = import_module("streams")
    command = servers.rtsp_command if kind == "rtsp" else servers.ffmpeg_command
    path = "cam" if kind == "rtsp" else "cam.mjpg"
    server = servers.Server(command)
    address = f"{kind}://127.0.0.1:{server.port}/{path}"
    try:
        with Run(folder, [_MODEL, "--source", address, "--wait"], page=True) as run:
            run.wait_for_masks(3)
            return [
                finding
                for way in (_killed, _frozen, _black_hole, _restarted)
                for finding in _break(run, server, way, kind.upper(), cycles)
            ]
    finally:
        server.close()


def _break(
    run: Run, server: Any, way: Callable[[Any], _Way], kind: str, cycles: int
) -> list[Finding]:
    outages = Outages()
    for _ in range(cycles):
        fault, mend, lasts_s, _ = way(server)
        if not outages.once(run, fault, mend, lasts_s=lasts_s):
            break
    return outages.findings(f"{kind} camera {way(server)[3]}", LIMITS)


# What takes it away, what brings it back, how long that lasts, and what to call it.
_Way = tuple[Action, Action, float, str]


def _killed(server: Any) -> _Way:
    return server.kill, server.start, 1.0, "killed"


def _frozen(server: Any) -> _Way:
    return server.freeze, server.thaw, 1.0, "frozen"


def _restarted(server: Any) -> _Way:
    return server.kill, server.start, 0.0, "restarted"


def _black_hole(server: Any) -> _Way:
    hole = ExitStack()

    def swallow() -> None:
        server.kill()
        hole.enter_context(import_module("mjpeg_server").black_hole(server.port))

    def give_back() -> None:
        hole.close()
        server.start()

    return swallow, give_back, _BLACK_HOLE_S, "gone into a black hole"
