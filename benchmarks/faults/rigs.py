"""Devices that fail on purpose: the project's own test rigs, of a source checkout."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

from edgeseg.errors import ConfigError

DEVICE = "/dev/video0"


@dataclass(frozen=True)
class Camera:
    """A fake V4L2 camera at /dev/video0.

    Attributes:
        fake: `control(command)` breaks and mends it; `report()` says what it gave.
        environment: for processes that are to have it.
    """

    fake: Any
    environment: Mapping[str, str]


def use_rigs(folder: Path) -> None:
    """Make the modules of a folder of rigs importable.

    Raises:
        ConfigError: it is none.
    """
    if not (folder / "fake_camera.py").is_file():
        raise ConfigError(
            f"{folder} holds no test rigs; --rig names the folder tests/rig of edgeseg's source"
        )
    sys.path.insert(0, str(folder.resolve()))


def plug_in(folder: Path, *modes: str) -> Camera:
    """Build a fake camera with such modes, as "YUYV 640 480 30".

    Raises:
        ConfigError: there is no C compiler.
    """
    fakes = import_module("fake_camera")
    if fakes.compiler() is None:
        raise ConfigError("fake cameras need a C compiler; on Debian: apt install gcc libc6-dev")
    (folder / "cameras").mkdir(parents=True)
    rig = fakes.Rig(fakes.build(folder), folder / "cameras")
    return Camera(rig.camera(modes=modes), rig.environment)
