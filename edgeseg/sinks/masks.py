"""A folder of class-index PNGs, one for every result."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from edgeseg.errors import OutputError
from edgeseg.files import atomic_write_bytes, check_writable, sync_folder
from edgeseg.sinks import Sink
from edgeseg.sinks.palette_png import encode_palette_png

if TYPE_CHECKING:
    from edgeseg.loop import FrameResult


class MaskSink(Sink):
    """Writes `DIR/<frame name>.png` at frame size.

    One file serves both uses: its values are class indices (PIL's `Image.open` gives them as they
    are), and its palette shows them in the class colours (viewers and `cv2.imread` give those).

    Each is written under another name, brought to the disk, and renamed: whatever ends the run,
    power cuts included, a file under its final name is whole.
    """

    def __init__(self, folder: Path, palette: Sequence[tuple[int, int, int]]) -> None:
        """Make the folder.

        Raises:
            OutputError: it cannot be made or written.
        """
        self.name = f"masks {folder}"
        self.written_bytes = 0
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
        data = encode_palette_png(result.mask, self._palette)
        atomic_write_bytes(self._folder / f"{result.frame.name}.png", data)
        self.written_bytes += len(data)

    def close(self) -> None:
        """Bring the names to the disk, too; the files are there already."""
        sync_folder(self._folder)
