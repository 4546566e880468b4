"""A video file that appears complete or not at all."""

from __future__ import annotations

import shutil
from contextlib import ExitStack
from pathlib import Path
from typing import Final

import cv2

from edgeseg.errors import ConfigError, OutputError
from edgeseg.files import atomic_path, check_writable
from edgeseg.manifest import Size
from edgeseg.overlay import Picture, fit

# What OpenCV's own FFmpeg encodes everywhere; H.264 needs a library that its wheels do not carry.
_CODECS: Final = {
    ".mp4": ("mp4v",),
    ".m4v": ("mp4v",),
    ".mov": ("mp4v",),
    ".mkv": ("mp4v", "MJPG"),
    ".avi": ("MJPG", "XVID"),
}

# Encoders write in blocks of up to 256 KiB, so a disk that refused one is not quite full.
_FULL_BYTES: Final = 512 * 1024


def check_video_path(path: Path) -> None:
    """Fail early when no video could be written to `path`.

    Raises:
        ConfigError: the suffix is no known container's.
        OutputError: the folder is missing or not writable.
    """
    if path.suffix.lower() not in _CODECS:
        raise ConfigError(f"cannot tell a video format from {path}; use {' '.join(_CODECS)}")
    check_writable(path)


class Encoder:
    """Encodes pictures into a temporary file that is moved under its name when it is whole."""

    def __init__(self, path: Path, size: Size, fps: float) -> None:
        """Open the first codec that works for the suffix of `path`.

        Raises:
            OutputError: no codec opens, or the file cannot be made.
        """
        self._path = path
        self._size = size
        self._count = 0
        self._stack = ExitStack()
        self._scratch = self._stack.enter_context(atomic_path(path))
        # Called last to first: the writer lets go of the file before the file is removed.
        self._writer = cv2.VideoWriter()
        self._stack.callback(self._writer.release)
        if not any(self._open(codec, fps) for codec in _codecs(path)):
            raise self._abandon(f"no codec of {', '.join(_codecs(path))} opens at {size}")

    def write(self, picture: Picture) -> None:
        """Encode one picture, BGR uint8 [h, w, 3]; another size is fitted with black bars.

        Raises:
            OutputError: the encoder or the disk refuses; the file is given up.
        """
        try:
            # OpenCV below 5 returns None here, and only what is read back tells.
            written = self._writer.write(fit(picture, self._size)) is not False
        except cv2.error as error:
            raise self._abandon(str(error.err)) from error
        if not written:
            raise self._abandon("the encoder refused a frame")
        self._count += 1

    def finish(self) -> None:
        """Close the file, read it back, and move it under its name.

        Raises:
            OutputError: what is on the disk is not what was written.
        """
        self._writer.release()
        found = _readable_frames(self._scratch)
        if found < self._count:
            raise self._abandon(f"only {found} of {self._count} frames arrived in the file")
        self._stack.close()

    def _open(self, codec: str, fps: float) -> bool:
        code = cv2.VideoWriter.fourcc(*codec)
        try:
            return self._writer.open(str(self._scratch), cv2.CAP_FFMPEG, code, fps, self._size)
        except cv2.error:
            return False

    def _abandon(self, reason: str) -> OutputError:
        """Remove the temporary file and return the error to raise."""
        if shutil.disk_usage(self._path.parent).free < _FULL_BYTES:
            reason += "; no space is left on the disk"
        error = OutputError(f"cannot write the video {self._path}: {reason}")
        self._stack.__exit__(type(error), error, None)
        return error


def _codecs(path: Path) -> tuple[str, ...]:
    return _CODECS[path.suffix.lower()]


def _readable_frames(path: Path) -> int:
    """Count of frames the container promises, 0 when it does not open or its first is damaged."""
    capture = cv2.VideoCapture(str(path), cv2.CAP_FFMPEG)
    try:
        if not capture.isOpened() or not capture.grab():
            return 0
        return max(0, round(capture.get(cv2.CAP_PROP_FRAME_COUNT)))
    finally:
        capture.release()
