"""A V4L2 camera as a live source, found again when it goes away and comes back."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from edgeseg.manifest import Size
from edgeseg.sources import v4l2
from edgeseg.sources.live import LiveSettings, LiveSource

# What others call the formats that V4L2 has four characters for.
_SAME = {"MJPEG": "MJPG", "JPG": "MJPG", "YUY2": "YUYV", "GRAY": "GREY", "Y800": "GREY"}


@dataclass(frozen=True)
class CameraOptions:
    """What is wanted of a camera; what is None is chosen, or left as it is.

    Attributes:
        size: of the pictures, one that the camera has.
        fps: frames a second; the camera takes the nearest that it has.
        format: four characters, "YUYV", "MJPG".
        exposure: milliseconds, or "auto".
        open_timeout_s: the longest that opening may take.
        read_timeout_s: after which a camera that gives nothing counts as stalled.
        wait: wait for a camera that is not there yet.
    """

    size: Size | None = None
    fps: float | None = None
    format: str | None = None
    exposure: float | Literal["auto"] | None = None
    open_timeout_s: float = 5.0
    read_timeout_s: float = 1.0
    wait: bool = False


def open_camera(device: str, options: CameraOptions | None = None) -> LiveSource:
    """Return a camera as a source; it is opened by `frames`.

    Args:
        device: "/dev/video0", or a link under /dev/v4l/by-id. Once opened, the camera is known by
            its name and where it is plugged in, and found again under any number.
        options: what is wanted of it.
    """
    options = options or CameraOptions()
    code = options.format and options.format.upper()
    # OpenCV waits 10 s in a read when a camera stalls; it takes whole seconds, from here alone.
    patience_s = max(1, math.ceil(options.read_timeout_s))
    return LiveSource(
        device,
        "camera",
        {
            "device": device,
            "size": options.size,
            "fps": options.fps,
            "format": _SAME.get(code, code) if code else None,
            "exposure": options.exposure,
            "read_timeout_s": float(patience_s),
        },
        LiveSettings(
            wait=options.wait,
            stall_s=patience_s + 1.0,
            open_timeout_s=options.open_timeout_s,
            environment={"OPENCV_VIDEOIO_V4L_SELECT_TIMEOUT": str(patience_s)},
        ),
        explain=lambda reason: _no_camera(device, reason),
    )


def _no_camera(device: str, reason: str) -> str:
    return (
        f"cannot open the camera {device}: {reason}; {_existing()}; "
        "without a camera type --source synthetic://street"
    )


def _existing() -> str:
    """Say which cameras there are, or that they may not be opened."""
    cameras = v4l2.list_cameras()
    if cameras:
        named = (f"{camera.path} ({camera.name or 'unnamed'})" for camera in cameras)
        return f"these exist: {', '.join(named)}"
    forbidden = v4l2.forbidden_nodes()
    return f"these exist: {', '.join(forbidden)}" if forbidden else "there is no camera here"
