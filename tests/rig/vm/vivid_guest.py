"""Runs in the guest: `edgeseg run` on the kernel's test camera, which is taken away in every way.

Usage: vivid_guest.py MODEL CYCLES; leaves report.json, run.jsonl and masks/ in the current folder.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

DRIVER = Path("/sys/bus/platform/drivers/vivid")
BY_ID = Path("/dev/v4l/by-id/usb-vivid-video-index0")
# How long to wait for anything: an emulator's seconds are long.
PATIENCE_S = 30.0
# Masks that must come before the camera counts as back.
ENOUGH = 3


class Run:
    """`edgeseg run` in a process of its own; what it masked is read off its log."""

    def __init__(self, model: str, camera: str, folder: Path) -> None:
        self.log = folder / "run.jsonl"
        self._err = (folder / "stderr").open("w+")
        command = [sys.executable, "-m", "edgeseg", "run", model, "--camera", camera]
        outputs = ["--masks", folder / "masks", "--stats", self.log, "--no-window", "--json"]
        self._process = subprocess.Popen(
            [*command, *map(str, outputs)], stdout=subprocess.PIPE, stderr=self._err, text=True
        )

    def masked(self) -> int:
        """How many frames so far."""
        return self.log.read_bytes().count(b"\n") if self.log.exists() else 0

    def wait_for_masks(self, more: int = ENOUGH) -> float | None:
        """Return how long the next masks took, None where they never came."""
        start_s, wanted = time.monotonic(), self.masked() + more
        while time.monotonic() < start_s + PATIENCE_S and self._process.poll() is None:
            if self.masked() >= wanted:
                return round(time.monotonic() - start_s, 3)
            time.sleep(0.02)
        return None

    def masks_within(self, seconds: float) -> int:
        """How many frames are masked in that time."""
        before = self.masked()
        time.sleep(seconds)
        return self.masked() - before

    def end(self) -> dict[str, Any]:
        """Ask it to end as a service manager does, and return how that went."""
        start_s = time.monotonic()
        self._process.send_signal(signal.SIGTERM)
        try:
            out, _ = self._process.communicate(timeout=PATIENCE_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            out, _ = self._process.communicate()
        self._err.seek(0)
        return {
            "code": self._process.returncode,
            "seconds": round(time.monotonic() - start_s, 3),
            "summary": json.loads(out) if out.startswith("{") else None,
            "stderr": self._err.read(),
        }


def control(name: str, value: int = 1, device: str = "/dev/video0") -> None:
    """Set one of the driver's controls."""
    subprocess.run(["v4l2-ctl", "-d", device, "-c", f"{name}={value}"], check=True)


def bind(how: str) -> None:
    """Take the camera from its driver (`unbind`) or give it back (`bind`)."""
    (DRIVER / how).write_text("vivid.0")


def link() -> None:
    """Do what udev does on a common system: name the camera by what it is."""
    nodes = sorted(Path("/dev").glob("video*"))
    BY_ID.unlink(missing_ok=True)
    if nodes:
        BY_ID.symlink_to(nodes[-1])


def cycle(run: Run, away_s: float = 0.7) -> dict[str, Any]:
    """Unplug, wait, plug in, and wait for masks."""
    bind("unbind")
    link()
    time.sleep(away_s / 2)
    while_gone = run.masks_within(away_s / 2)
    bind("bind")
    link()
    return {"while_gone": while_gone, "back_s": run.wait_for_masks()}


@contextmanager
def held(device: str) -> Iterator[None]:
    """Keep a device open, as another program may: its number is not free again until then."""
    handle = os.open(device, os.O_RDWR)
    try:
        yield
    finally:
        os.close(handle)


def moved(run: Run) -> dict[str, Any]:
    """Unplug while another program holds the node, so that the camera returns as video1."""
    with held(str(BY_ID.resolve())):
        result = cycle(run)
    return {**result, "device": str(BY_ID.resolve())}


def after(run: Run, fault: Callable[[], None]) -> dict[str, Any]:
    """Do something to the camera, and wait for masks."""
    fault()
    time.sleep(0.3)
    return {"back_s": run.wait_for_masks()}


def halved(run: Run) -> dict[str, Any]:
    """Let the driver lose every other buffer for a while."""
    all_s = run.masks_within(2)
    control("percentage_of_dropped_buffers", 50)
    half_s = run.masks_within(2)
    control("percentage_of_dropped_buffers", 0)
    return {"whole": all_s / 2, "halved": half_s / 2, "back_s": run.wait_for_masks()}


def by_number(model: str, cycles: int, folder: Path) -> dict[str, Any]:
    """Every fault of the driver, with the camera named `0`."""
    folder.mkdir()
    run = Run(model, "0", folder)
    return {
        "first_s": run.wait_for_masks(),
        "disconnect": after(run, lambda: control("disconnect")),
        "fatal": after(run, lambda: control("inject_fatal_streaming_error")),
        "damaged": after(run, lambda: control("inject_v4l2_buf_flag_error")),
        "dropped": halved(run),
        "replugged": [cycle(run) for _ in range(cycles)],
        "end": run.end(),
    }


def by_name(model: str, folder: Path) -> dict[str, Any]:
    """The camera named by its identity, returning under another number."""
    folder.mkdir()
    link()
    run = Run(model, str(BY_ID), folder)
    first_s = run.wait_for_masks()
    return {"first_s": first_s, "moved": moved(run), "again": cycle(run), "end": run.end()}


def listed() -> dict[str, Any]:
    """What `edgeseg cameras` says."""
    command = [sys.executable, "-m", "edgeseg", "cameras"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE_S, check=False)
    return {"code": done.returncode, "out": done.stdout, "err": done.stderr}


def main() -> None:
    """Go through all of it."""
    model, cycles = sys.argv[1], int(sys.argv[2])
    report: dict[str, Any] = {}
    steps: dict[str, Callable[[], Any]] = {
        "by_number": lambda: by_number(model, cycles, Path("by-number")),
        "by_name": lambda: by_name(model, Path("by-name")),
        "cameras": listed,
    }
    for name, step in steps.items():
        report[name] = step()
        # After each step: what came before a step that hangs is told all the same.
        Path("report.json").write_text(json.dumps(report, indent=1))


if __name__ == "__main__":
    main()
