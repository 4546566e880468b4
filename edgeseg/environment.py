"""What is installed and used here: the facts that `edgeseg info` shows."""

from __future__ import annotations

import platform
import re
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from edgeseg.errors import EdgesegError

_LIBRARIES = (
    "numpy",
    "opencv-python-headless",
    "opencv-python",
    "pygame-ce",
    "tensorflow",
    "keras",
)


def edgeseg_version() -> str:
    """Return the installed version, or `(not installed)` when run from a bare checkout."""
    return installed_version("edgeseg") or "(not installed)"


def installed_version(package: str) -> str | None:
    """Return an installed distribution's version without importing it, None when it is absent."""
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def describe_environment() -> dict[str, Any]:
    """Return the facts as nested dictionaries that JSON can hold."""
    from edgeseg.runtimes import available, default_threads, usable_cores

    return {
        "edgeseg": edgeseg_version(),
        "python": platform.python_version(),
        "system": f"{_system()}, {platform.machine()}",
        "cpu": _cpu_model(),
        "usable_cores": usable_cores(),
        "default_threads": default_threads(),
        "kernels": _kernels(),
        "runtimes": available(),
        "libraries": {name: number for name in _LIBRARIES if (number := installed_version(name))},
        "opencv": _opencv(),
        "zoo": _zoo(),
    }


def _system() -> str:
    try:
        return platform.freedesktop_os_release()["PRETTY_NAME"]
    except (OSError, KeyError):
        return f"{platform.system()} {platform.release()}"


def _cpu_model() -> str:
    """x86 names its CPU in /proc/cpuinfo; ARM boards there or in the device tree."""
    info = _read("/proc/cpuinfo")
    named = re.search(r"^(?:model name|Model|Hardware)\s*:\s*(.+)$", info, re.MULTILINE)
    if named:
        return named[1].strip()
    return _read("/proc/device-tree/model").strip("\0\n") or platform.processor() or "unknown"


def _read(path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


def _kernels() -> str:
    from edgeseg import kernels

    try:
        return kernels.describe()
    except EdgesegError as error:  # a wrong EDGESEG_KERNELS is a fact to show as well
        return f"none: {error}"


def _opencv() -> dict[str, Any]:
    import cv2

    build = cv2.getBuildInformation()
    return {
        "version": cv2.__version__,
        "ffmpeg": _built_with(build, "FFMPEG"),
        "v4l2": _built_with(build, "v4l/v4l2"),
        "gstreamer": _built_with(build, "GStreamer"),
        "gui": _setting(build, "GUI") not in ("", "NONE"),
    }


def _built_with(build: str, part: str) -> bool:
    return _setting(build, part).startswith("YES")


def _setting(build: str, part: str) -> str:
    found = re.search(rf"^\s*{re.escape(part)}:\s*(\S*)", build, re.MULTILINE)
    return found[1] if found else ""


def _zoo() -> dict[str, int | None]:
    """Return the embedded models and the size of their int8 files in bytes."""
    from edgeseg import zoo

    return {name: _size_bytes(name) for name in zoo.names()}


def _size_bytes(name: str) -> int | None:
    from edgeseg import zoo

    try:
        return zoo.resolve_tflite(name).stat().st_size
    except EdgesegError:  # a checkout whose int8 files are not made yet
        return None
