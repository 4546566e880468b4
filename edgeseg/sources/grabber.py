"""What a capture process is given to run: one small class a kind of device or stream."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from edgeseg.errors import SourceError
from edgeseg.kernels_numpy_pictures import Layout
from edgeseg.manifest import Size

# Imported in the capture process alone, when one of the kind is opened.
_KINDS = {
    "camera": "edgeseg.sources.camera_grabber:CameraGrabber",
    "rtsp": "edgeseg.sources.rtsp:RtspGrabber",
    "mjpeg": "edgeseg.sources.mjpeg:MjpegGrabber",
    "gstreamer": "edgeseg.sources.gstreamer:GstreamerGrabber",
    "picamera": "edgeseg.sources.picamera:PicameraGrabber",
}


@dataclass(frozen=True)
class Mode:
    """What an opened device gives.

    Attributes:
        size: of its pictures.
        fps: nominal frames a second, None when it does not say.
        format: as the device names it, "MJPG", "YUYV", "h264".
    """

    size: Size | None
    fps: float | None
    format: str


@dataclass(frozen=True)
class Grabbed:
    """One picture of a device.

    Attributes:
        pixels: uint8, as `layout` says; may be overwritten by the next `grab`.
        captured_s: time.monotonic() when it arrived, before it was decoded.
        layout: of the pixels.
        damaged: why it is not to be used, empty for a good one; pixels are then of no account.
        skipped: how many pictures came before it, since the last `grab`, and were passed over
            because this one was there already.
    """

    pixels: NDArray[np.uint8]
    captured_s: float
    layout: Layout = "bgr"
    damaged: str = ""
    skipped: int = 0


class GrabError(SourceError):
    """A device does not open, or stops giving pictures.

    Attributes:
        stalled: it is there but nothing comes.
        final: trying again is pointless (no such decoder, a name that makes no sense).
    """

    def __init__(self, reason: str, *, stalled: bool = False, final: bool = False) -> None:
        """Say why, in a few words that can follow "lost: "."""
        super().__init__(reason)
        self.stalled = stalled
        self.final = final


class Grabber(Protocol):
    """Opens a device and takes its pictures, one after the other, in one thread of one process.

    Made with keyword arguments that JSON can carry; `open` may be called again after `close`. One
    that learns who its device is may have an attribute `memory`: keyword arguments, besides its
    own, for another grabber that takes over.
    """

    def open(self) -> Mode:
        """Connect; raises GrabError."""
        ...

    def grab(self) -> Grabbed:
        """Wait for the next picture; raises GrabError, and is closed then."""
        ...

    def close(self) -> None:
        """Let go of the device; harmless when repeated."""
        ...


def make_grabber(kind: str, options: Mapping[str, Any]) -> Grabber:
    """Return a grabber that is not open yet.

    Args:
        kind: `camera`, `rtsp`, `mjpeg`, `gstreamer`, `picamera`, or a class, as "module:Class".
        options: keyword arguments of its class.
    """
    module, _, name = _KINDS.get(kind, kind).partition(":")
    grabber: Grabber = getattr(import_module(module), name)(**options)
    return grabber
