"""Fake V4L2 cameras for OpenCV's real backend: builds `fakev4l2/`, and says what happens to them.

The library is preloaded through the environment of the processes that are started afterwards: the
capture process, or a whole `edgeseg run`. It answers for every /dev/video*, and for nothing else.
"""

from __future__ import annotations

import os
import shutil
import struct
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

SOURCES = Path(__file__).parent / "fakev4l2"
NUMBER_BITS = 32
_REPORT = struct.Struct("=5Q")


def compiler() -> str | None:
    """Return the C compiler, None where there is none."""
    return shutil.which("cc")


def build(folder: Path) -> Path:
    """Compile the library into a folder and return its path."""
    library = folder / "libfakev4l2.so"
    command = [str(compiler()), "-std=gnu11", "-O2", "-Wall", "-Wextra", "-Werror", "-fPIC"]
    command += ["-fvisibility=hidden", "-shared", "-o", str(library)]
    command += [*sorted(str(source) for source in SOURCES.glob("*.c")), "-ldl", "-lpthread"]
    subprocess.run(command, check=True)
    return library


@dataclass(frozen=True)
class Report:
    """What became of a camera's pictures, over all processes.

    Attributes:
        streams: how often it was started.
        delivered: pictures that were handed to a program.
        lost: pictures for which no buffer was there.
        exposure: the controls of automatic and of absolute exposure, as V4L2 counts.
    """

    streams: int
    delivered: int
    lost: int
    exposure: tuple[int, int]


class FakeCamera:
    """One camera of the rig."""

    def __init__(
        self,
        folder: Path,
        name: str = "webcam",
        *,
        node: str = "/dev/video0",
        card: str = "Fake Webcam",
        bus: str = "usb-fake-1",
        modes: Sequence[str] = ("YUYV 640 480 30",),
        jpegs: Path | None = None,
        metadata: bool = False,
        plugged: bool = True,
    ) -> None:
        """Describe a camera; processes started from now on have it.

        Args:
            folder: of the rig.
            name: of its files there.
            node: where it is.
            card: what it calls itself.
            bus: where it is plugged in.
            modes: "FORMAT WIDTH HEIGHT FPS" each, of YUYV, NV12, GREY and MJPG.
            jpegs: folder of pictures for MJPG, made by `write_jpegs`.
            metadata: it is a node for metadata, and no camera.
            plugged: it is there from the start.
        """
        self.node = node
        self._control = folder / f"{name}.control"
        self._report = folder / f"{name}.report"
        lines = [f"card {card}", f"bus {bus}", *(f"mode {mode}" for mode in modes)]
        lines += [f"jpegs {jpegs}"] if jpegs else []
        lines += ["metadata"] if metadata else []
        (folder / f"{name}.camera").write_text("\n".join(lines) + "\n")
        self.control("ok" if plugged else "unplug")

    def control(self, command: str, node: str | None = None) -> None:
        """Say what happens: ok, unplug, stall, freeze, damage, odd or hang; and where it is now."""
        self.node = node or self.node
        new = self._control.with_suffix(".new")
        new.write_text(f"{command} {self.node}\n")
        new.replace(self._control)

    def report(self) -> Report:
        """Return what became of its pictures so far."""
        data = self._report.read_bytes() if self._report.exists() else b""
        streams, delivered, lost, *exposure = _REPORT.unpack(data.ljust(_REPORT.size, b"\0"))
        return Report(streams, delivered, lost, (exposure[0], exposure[1]))


class Rig:
    """A folder of fake cameras and the library that makes them real to others."""

    def __init__(self, library: Path, folder: Path) -> None:
        """Use a library that was built, and an empty folder."""
        self.folder = folder
        self.environment: Mapping[str, str] = {"LD_PRELOAD": str(library), "FAKEV4L2": str(folder)}

    def camera(self, name: str = "webcam", **description: Any) -> FakeCamera:
        """Add a camera; `description` as in FakeCamera."""
        return FakeCamera(self.folder, name, **description)

    def subprocess_environment(self) -> dict[str, str]:
        """Return the environment for a process that is to have the cameras."""
        return {**os.environ, **self.environment}


def write_jpegs(folder: Path, width: int, height: int, count: int = 64) -> Path:
    """Write JPEGs that show their numbers as the other formats do; returns the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(count):
        picture = np.full((height, width, 3), 16, np.uint8)
        bits = np.arange(width) * NUMBER_BITS // width
        picture[: height // 8, (number >> bits) & 1 == 1] = 235
        left = number * 8 % width
        picture[height // 8 :, left : left + width // 16] = 235
        cv2.imwrite(str(folder / f"{number:03d}.jpg"), picture)
    return folder


def read_number(bgr: NDArray[np.uint8]) -> int:
    """Return the number that a picture shows."""
    height, width = bgr.shape[:2]
    top = bgr[: height // 8].mean(axis=(0, 2))
    centres = ((np.arange(NUMBER_BITS) + 0.5) * width / NUMBER_BITS).astype(int)
    return sum(1 << int(bit) for bit in np.flatnonzero(top[centres] > 128))
