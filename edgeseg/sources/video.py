"""A video file as a source: every frame, in order."""

from __future__ import annotations

import time
from collections.abc import Collection, Iterator
from pathlib import Path

import cv2
import numpy as np

from edgeseg.errors import SourceError
from edgeseg.manifest import Size
from edgeseg.sources import NOTHING, Frame, SourceStatus

# Containers that store no frame count give one estimated from the duration.
_TOLERATED_SHARE = 0.01


class VideoFile:
    """Frames of a video file through OpenCV; opened at once, so that errors come early.

    Attributes:
        path: of the file.
        done: names of frames that are left out.
    """

    live = False
    dropped = NOTHING
    status: SourceStatus | None = None

    def __init__(self, path: Path) -> None:
        """Open the file.

        Raises:
            SourceError: OpenCV finds no video in it.
        """
        self.name = str(path)
        self.path = path
        self.done: Collection[str] = ()
        self.notes: list[str] = []
        self._closed = False
        try:
            self._capture = cv2.VideoCapture(str(path))
        except cv2.error as error:
            raise SourceError(self._unreadable()) from error
        if not self._capture.isOpened():
            raise SourceError(self._unreadable())
        self.size = self._read_size()
        self.fps = _sane(self._capture.get(cv2.CAP_PROP_FPS), 1000)
        length = _sane(self._capture.get(cv2.CAP_PROP_FRAME_COUNT), 1e9)
        self.length = None if length is None else round(length)

    def frames(self) -> Iterator[Frame]:
        """Yield every frame that can be decoded.

        Raises:
            SourceError: not one frame could be decoded.
        """
        count = 0
        try:
            while not self._closed:
                name = f"{count:06d}"
                skip = name in self.done
                ok, pixels = (self._capture.grab(), None) if skip else self._capture.read()
                if not ok:
                    self._check_end(count)
                    return
                if pixels is not None:
                    yield Frame(count, np.asarray(pixels, np.uint8), time.monotonic(), name=name)
                count += 1
        finally:
            self._capture.release()

    def close(self) -> None:
        """Make `frames` end after the frame at hand."""
        self._closed = True

    def _check_end(self, count: int) -> None:
        """OpenCV reports damage as a normal end; only the header's count can tell."""
        if count == 0:
            raise SourceError(f"{self.name} opens as a video but not one frame can be decoded")
        if self.length is None:
            return
        if self.length - count > max(1, self.length * _TOLERATED_SHARE):
            self.notes.append(
                f"{self.name} promises {self.length} frames but only {count} could be read; "
                "it may be damaged or incomplete"
            )

    def _read_size(self) -> Size | None:
        width = self._capture.get(cv2.CAP_PROP_FRAME_WIDTH)
        height = self._capture.get(cv2.CAP_PROP_FRAME_HEIGHT)
        return Size(int(width), int(height)) if width >= 1 and height >= 1 else None

    def _unreadable(self) -> str:
        return f"cannot read {self.name} as a video; is it a video file, and complete?"


def _sane(value: float, most: float) -> float | None:
    return value if 0 < value < most else None
