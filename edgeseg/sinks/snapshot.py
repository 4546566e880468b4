"""The last overlay as one picture file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import cv2

from edgeseg.errors import ConfigError, OutputError
from edgeseg.files import atomic_write_bytes, check_writable
from edgeseg.overlay import Painter
from edgeseg.sinks import Sink

if TYPE_CHECKING:
    from edgeseg.loop import FrameResult

_SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".bmp")


class SnapshotSink(Sink):
    """Remembers the newest result and paints it when the run ends: until then it costs nothing."""

    def __init__(self, path: Path, painter: Painter) -> None:
        """Check the name.

        Raises:
            ConfigError: the suffix is no picture's.
            OutputError: the file could not be written.
        """
        if path.suffix.lower() not in _SUFFIXES:
            raise ConfigError(
                f"cannot tell a picture format from {path}; use {' '.join(_SUFFIXES)}"
            )
        check_writable(path)
        self.name = f"snapshot {path}"
        self.written_bytes = 0
        self._path = path
        self._painter = painter
        self._last: FrameResult | None = None

    def write(self, result: FrameResult) -> None:
        """Remember the result."""
        self._last = result

    def close(self) -> None:
        """Write the picture of the last result; nothing when there was none."""
        last, self._last = self._last, None
        if last is None:
            return
        try:
            ok, data = cv2.imencode(self._path.suffix.lower(), self._painter.paint(last))
        except cv2.error as error:
            raise OutputError(f"cannot encode {self._path}: {error.err}") from error
        if not ok:
            raise OutputError(f"cannot encode {self._path}")
        atomic_write_bytes(self._path, data.tobytes())
        self.written_bytes = data.size
