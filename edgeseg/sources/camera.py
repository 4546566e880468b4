"""A V4L2 camera as a live source, reconnected when it goes away and comes back."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np

from edgeseg.errors import SourceError
from edgeseg.manifest import Size
from edgeseg.sources import NOTHING, Frame, SourceStatus

# OpenCV waits 10 s in a read when a camera stalls; one second is long for any frame rate in use.
os.environ.setdefault("OPENCV_VIDEOIO_V4L_SELECT_TIMEOUT", "1")

_FIRST_WAIT_S = 0.1
_LONGEST_WAIT_S = 1.0
# A camera that opens may still give no picture, for a moment (just plugged in) or for ever.
_TRIES_FOR_FIRST_FRAME = 3

_DEVICES = Path("/dev")
_CARDS = Path("/sys/class/video4linux")


class Camera:
    """Frames of a V4L2 device, opened and read by the thread that runs `frames`."""

    live = True
    dropped = NOTHING
    status: SourceStatus | None = None
    length: int | None = None
    size: Size | None = None
    fps: float | None = None

    def __init__(self, device: str) -> None:
        """Name the device, `/dev/video0`; it is opened by `frames`."""
        self.name = device
        self.notes: list[str] = []
        self._closed = threading.Event()
        self._losses = 0

    def frames(self) -> Iterator[Frame]:
        """Yield pictures until closed; a camera that is lost is waited for.

        Raises:
            SourceError: the camera cannot be opened, or never gives a first picture.
        """
        count = 0
        tries = 0
        wait_s = _FIRST_WAIT_S
        while not self._closed.is_set():
            for frame in self._connection(count):
                yield frame
                count = frame.index + 1
                wait_s = _FIRST_WAIT_S
            tries += 1
            if count == 0 and tries == _TRIES_FOR_FIRST_FRAME:
                raise SourceError(
                    f"{self.name} opens but gives no picture; does something else use it?"
                )
            self._closed.wait(wait_s)
            wait_s = min(2 * wait_s, _LONGEST_WAIT_S)

    def close(self) -> None:
        """Make `frames` end after the picture at hand; a read that blocks ends in its own time."""
        self._closed.set()

    def _connection(self, first: int) -> Iterator[Frame]:
        """Yield pictures until the device fails; yields nothing when it cannot be opened again."""
        capture = _open(self.name)
        count = first
        if capture is None:
            if first == 0 and not self._closed.is_set():
                raise SourceError(_no_camera(self.name))
            return
        try:
            self._describe(capture)
            # read() is grab() and retrieve(); the time between them is when the picture arrived.
            while not self._closed.is_set() and capture.grab():
                captured_s = time.monotonic()
                ok, pixels = capture.retrieve()
                if ok:
                    yield Frame(
                        count, np.asarray(pixels, np.uint8), captured_s, name=f"{count:06d}"
                    )
                    count += 1
        except cv2.error:
            # The driver handed over something that OpenCV refuses; a new connection is the cure.
            pass
        finally:
            capture.release()
        if count > first and not self._closed.is_set():
            self._note_loss()

    def _describe(self, capture: cv2.VideoCapture) -> None:
        width = int(capture.get(cv2.CAP_PROP_FRAME_WIDTH))
        height = int(capture.get(cv2.CAP_PROP_FRAME_HEIGHT))
        self.size = Size(width, height) if width > 0 and height > 0 else None
        fps = capture.get(cv2.CAP_PROP_FPS)
        self.fps = fps if 0 < fps < 1000 else None

    def _note_loss(self) -> None:
        self._losses += 1
        times = "once" if self._losses == 1 else f"{self._losses} times"
        self.notes[:] = [f"{self.name} was lost {times} during the run"]


def _open(device: str) -> cv2.VideoCapture | None:
    try:
        # The backend is named: with any other, OpenCV ignores time-outs and takes other devices.
        capture = cv2.VideoCapture(device, cv2.CAP_V4L2)
    except cv2.error:
        return None
    return capture if capture.isOpened() else None


def _no_camera(device: str) -> str:
    found = list_cameras()
    have = (
        "these exist: " + ", ".join(f"{path} ({card})" for path, card in found)
        if found
        else "there is no /dev/video*"
    )
    wanted = "cannot open the camera" if Path(device).exists() else "no camera"
    return f"{wanted} {device}; {have}; without a camera type --source synthetic://street"


def list_cameras() -> list[tuple[str, str]]:
    """Return the video devices that exist, as (path, card name), in order of their numbers."""
    nodes = [path for path in _DEVICES.glob("video*") if path.name[5:].isdecimal()]
    return [
        (str(path), _card_name(path.name)) for path in sorted(nodes, key=lambda p: int(p.name[5:]))
    ]


def _card_name(node: str) -> str:
    try:
        return (_CARDS / node / "name").read_text(errors="replace").strip()
    except OSError:
        return "unnamed"
