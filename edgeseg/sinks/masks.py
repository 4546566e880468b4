"""A folder of class-index PNGs, one for every result."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from edgeseg.errors import OutputError
from edgeseg.files import atomic_write_bytes, check_writable
from edgeseg.sinks import Sink
from edgeseg.sinks.palette_png import encode_palette_png

if TYPE_CHECKING:
    from edgeseg.stream import FrameResult


class MaskSink(Sink):
    """Writes `DIR/<frame name>.png`: indices at frame size, shown in class colours."""

    def __init__(self, folder: Path, palette: Sequence[tuple[int, int, int]]) -> None:
        """Make the folder.

        Raises:
            OutputError: it cannot be made or written.
        """
        self.name = f"masks {folder}"
        self._folder = folder
        self._palette = tuple(palette)
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise OutputError(
                f"cannot make the folder {folder}: {error.strerror or error}"
            ) from error
        check_writable(folder / "000000.png")

    def write(self, result: FrameResult) -> None:
        """Write one mask, complete or not at all."""
        target = self._folder / f"{result.frame.name}.png"
        atomic_write_bytes(target, encode_palette_png(result.mask, self._palette))

    def close(self) -> None:
        """Nothing is left to finish."""
