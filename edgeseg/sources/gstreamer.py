"""A GStreamer pipeline: inside OpenCV where that has GStreamer, else in gst-launch-1.0."""

from __future__ import annotations

import re
import shlex
import shutil
import time
from typing import Protocol

import cv2
import numpy as np

from edgeseg.manifest import Size
from edgeseg.sources.grabber import Grabbed, GrabError, Mode
from edgeseg.sources.gst_launch import LAUNCHER, LaunchedPipeline

# Pipelines are copied from programs that end them with a sink of their own.
_OWN_SINK = re.compile(r"\s*!\s*appsink\b[^!]*$")


class _Reader(Protocol):
    def open(self) -> Mode: ...

    def grab(self) -> Grabbed: ...

    def close(self) -> None: ...


class GstreamerGrabber:
    """Pictures of a pipeline such as "v4l2src ! video/x-raw,width=640"; the sink is ours.

    Only the newest picture waits; a pipeline that is not live (a file, a test picture) runs as fast
    as it can unless it says otherwise (`is-live=true`, `identity sync=true`).
    """

    def __init__(
        self, pipeline: str, open_timeout_s: float = 3.0, read_timeout_s: float = 2.0
    ) -> None:
        """Keep the pipeline.

        Args:
            pipeline: as gst-launch-1.0 takes it, without a sink.
            open_timeout_s: until the first picture.
            read_timeout_s: the longest silence.
        """
        self.name = "gstreamer"
        self._pipeline = _OWN_SINK.sub("", pipeline.strip())
        self._timeouts_s = (open_timeout_s, read_timeout_s)
        self._reader: _Reader | None = None

    def open(self) -> Mode:
        """Start the pipeline and wait for its first picture; raises GrabError."""
        self.close()
        elements = _elements(self._pipeline)
        if cv2.videoio_registry.hasBackend(cv2.CAP_GSTREAMER):
            self._reader = _OpenCvPipeline(self._pipeline, *self._timeouts_s)
        elif shutil.which(LAUNCHER):
            self._reader = LaunchedPipeline(elements, *self._timeouts_s)
        else:
            raise GrabError(
                f"this OpenCV has no GStreamer, and there is no {LAUNCHER}; "
                "type: apt install gstreamer1.0-tools gstreamer1.0-plugins-good",
                final=True,
            )
        return self._reader.open()

    def grab(self) -> Grabbed:
        """Wait for the next picture, BGR; raises GrabError."""
        if self._reader is None:
            raise GrabError("not open")
        return self._reader.grab()

    def close(self) -> None:
        """Stop the pipeline."""
        if self._reader is not None:
            self._reader.close()
            self._reader = None


def _elements(pipeline: str) -> list[str]:
    """Return the words of a pipeline, as a shell would hand them to gst-launch-1.0."""
    try:
        words = shlex.split(pipeline)
    except ValueError as error:
        raise GrabError(f"the pipeline makes no sense ({error})", final=True) from None
    if not words:
        raise GrabError(
            "the pipeline is empty; type something like 'gstreamer:v4l2src device=/dev/video0'",
            final=True,
        )
    return words


class _OpenCvPipeline:
    """A pipeline inside OpenCV, with a sink that keeps the newest picture only."""

    def __init__(self, pipeline: str, open_timeout_s: float, read_timeout_s: float) -> None:
        sink = "appsink max-buffers=1 drop=true sync=false"
        self._pipeline = f"{pipeline} ! videoconvert ! video/x-raw,format=BGR ! {sink}"
        self._open_timeout_s = open_timeout_s
        self._read_timeout_s = read_timeout_s
        self._capture: cv2.VideoCapture | None = None

    def open(self) -> Mode:
        timeouts = [
            cv2.CAP_PROP_OPEN_TIMEOUT_MSEC,
            round(self._open_timeout_s * 1000),
            cv2.CAP_PROP_READ_TIMEOUT_MSEC,
            round(self._read_timeout_s * 1000),
        ]
        self._capture = cv2.VideoCapture(self._pipeline, cv2.CAP_GSTREAMER, timeouts)
        if not self._capture.isOpened():
            # Before OpenCV 4.7 this backend refuses the time-outs; the parent has its own.
            self._capture = cv2.VideoCapture(self._pipeline, cv2.CAP_GSTREAMER)
        if not self._capture.isOpened():
            self.close()
            raise GrabError(
                f"the pipeline does not start; '{LAUNCHER} PIPELINE ! fakesink' says why"
            )
        width = int(self._capture.get(cv2.CAP_PROP_FRAME_WIDTH))
        height = int(self._capture.get(cv2.CAP_PROP_FRAME_HEIGHT))
        fps = self._capture.get(cv2.CAP_PROP_FPS)
        size = Size(width, height) if width > 0 and height > 0 else None
        return Mode(size, fps if 0 < fps < 1000 else None, "BGR")

    def grab(self) -> Grabbed:
        assert self._capture is not None  # opened by the one who made it
        start_s = time.monotonic()
        ok = self._capture.grab()
        now_s = time.monotonic()
        found, pixels = self._capture.retrieve() if ok else (False, None)
        if not found:
            self.close()
            if now_s - start_s >= 0.95 * self._read_timeout_s:
                raise GrabError(f"no picture in {self._read_timeout_s:g} s", stalled=True)
            raise GrabError("the pipeline ended")
        return Grabbed(np.asarray(pixels, np.uint8), now_s)

    def close(self) -> None:
        if self._capture is not None:
            self._capture.release()
            self._capture = None
