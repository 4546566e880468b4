"""Camera 0 through OpenCV's V4L2 backend, on a fake device: unplugged, stalled, counted, fresh."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from itertools import cycle
from pathlib import Path

from .finding import Finding
from .outages import Limits, Outages
from .rigs import DEVICE, Camera, plug_in
from .running import Run, account, unaccounted

_MODEL = "fcn8"
_MODE = "YUYV 640 480 30"
# Where the camera comes back, in turn: another number is common.
_NODES = (DEVICE, "/dev/video1")
# Pictures that the camera may have handed over while its capture process was being ended.
_AT_THE_END = 3
_FRESH = "age at mask of a model slower than the camera, 99th percentile"

UNPLUG = Limits(noticed_s=1.0, back_s=2.0, cpu_percent=5.0)
STALL = Limits(noticed_s=3.0, back_s=2.0)


@contextmanager
def _running(
    folder: Path, mode: str = _MODE, options: Sequence[object] = ()
) -> Iterator[tuple[Run, Camera]]:
    camera = plug_in(folder, mode)
    arguments = [_MODEL, "--camera", "0", *options]
    with Run(folder / "run", arguments, camera.environment, page=True) as run:
        run.wait_for_masks(3)
        yield run, camera


def replug(folder: Path, cycles: int = 50) -> list[Finding]:
    """Unplug the camera and plug it in again, every other time under another number."""
    outages = Outages()
    with _running(folder) as (run, camera):
        nodes = cycle(reversed(_NODES))
        fault = partial(camera.fake.control, "unplug")
        for _ in range(cycles):
            mend = partial(camera.fake.control, "ok", next(nodes))
            if not outages.once(run, fault, mend, states=("lost",)):
                break
    return outages.findings("camera unplugged", UNPLUG)


def stall(folder: Path, cycles: int = 10) -> list[Finding]:
    """Let the camera give nothing for a while, and let its driver not come back from a call."""
    findings = []
    for command, what in (("stall", "camera stalls"), ("hang", "camera's driver hangs")):
        outages = Outages()
        with _running(folder / command) as (run, camera):
            fault, mend = (partial(camera.fake.control, word) for word in (command, "ok"))
            for _ in range(cycles):
                if not outages.once(run, fault, mend, lasts_s=0.5):
                    break
        findings += outages.findings(what, STALL)
    return findings


def count(folder: Path, frames: int = 2000) -> list[Finding]:
    """Compare what a fast camera, frozen for a while, gave with what the run says became of it."""
    what = f"{frames} numbered frames: unaccounted for"
    with _running(folder, "YUYV 320 240 120", ["--max-fps", 40]) as (run, camera):
        for command, until in (("ok", frames // 2), ("freeze", frames // 2 + 60), ("ok", frames)):
            camera.fake.control(command)
            while run.is_running and camera.fake.report().delivered < until:
                time.sleep(0.02)
        ended = run.end(signal.SIGTERM)
        given = camera.fake.report().delivered
        indices = [record["frame"] for record in run.records()]
    summary = ended.summary
    if summary is None:
        return [Finding(what, "", (), 0, failures=(ended.stderr,))]
    note = f"the camera gave {given}, {account(summary)}"
    unseen = max(0, given - summary["captured"] - _AT_THE_END)
    return [Finding(what, "", (unaccounted(summary, indices) + unseen,), 0, note=note)]


def fresh(folder: Path, model: Path, seconds: float, fps: float = 30.0) -> list[Finding]:
    """Compare the age at the mask, as the run prints it, with the time that a mask takes anyway."""
    camera = plug_in(folder, f"YUYV 640 480 {fps:.0f}")
    arguments = [model, "--camera", "0", "--threads", "1", "--duration", str(seconds)]
    with Run(folder / "run", arguments, camera.environment) as run:
        summary = run.wait(timeout_s=seconds + 60).summary
        if summary is None:
            return [Finding(_FRESH, "ms", (), 0, failures=(run.said(),))]
    times = summary["times"]
    infer_ms = times["infer"]["p99_ms"]
    note = (
        f"two frame periods and the network's {infer_ms:.0f} ms, its 99th percentile; "
        f"{summary['frames']} of {summary['captured']} frames masked"
    )
    limit_ms = 2 * 1000 / fps + infer_ms
    return [Finding(_FRESH, "ms", (times["age"]["p99_ms"],), limit_ms, note=note)]
