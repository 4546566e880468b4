"""An image, or a folder of them in natural order, as a source of frames."""

from __future__ import annotations

import re
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from edgeseg.errors import SourceError
from edgeseg.manifest import Size
from edgeseg.sources import NOTHING, Frame, Source, SourceStatus

IMAGE_SUFFIXES = frozenset(
    {".png", ".jpg", ".jpeg", ".bmp", ".webp", ".tif", ".tiff", ".ppm", ".pgm"}
)


class Images:
    """Image files as frames, in the order given; unreadable ones are skipped and named."""

    live = False
    dropped = NOTHING
    status: SourceStatus | None = None
    fps: float | None = None
    size: Size | None = None

    def __init__(self, name: str, paths: Sequence[Path]) -> None:
        """Take at least one path; `name` is for messages."""
        self.name = name
        self.length: int | None = len(paths)
        self.notes: list[str] = []
        self._paths = paths
        self._closed = False

    def frames(self) -> Iterator[Frame]:
        """Yield every readable image.

        Raises:
            SourceError: not one image could be read.
        """
        names = _unique_names(self._paths)
        skipped: list[str] = []
        for index, path in enumerate(self._paths):
            if self._closed:
                return
            pixels = read_pixels(path)
            if pixels is None:
                skipped.append(path.name)
            else:
                yield Frame(index, pixels, time.monotonic(), name=names[index])
        self._report(skipped)

    def close(self) -> None:
        """Make `frames` end after the image at hand."""
        self._closed = True

    def _report(self, skipped: list[str]) -> None:
        if not skipped:
            return
        text = f"{len(skipped)} of {len(self._paths)} images could not be read: {_first(skipped)}"
        if len(skipped) == len(self._paths):
            raise SourceError(f"{self.name}: {text}; are they pictures, and complete?")
        self.notes.append(text)


def open_image(path: Path) -> Source:
    """Return a source of one frame.

    Raises:
        SourceError: the file cannot be read as an image.
    """
    pixels = read_pixels(path)
    if pixels is None:
        raise SourceError(f"cannot read {path} as an image; is it a picture, and complete?")
    source = Images(str(path), [path])
    source.size = Size(*pixels.shape[1::-1])
    return source


def open_folder(folder: Path) -> Source:
    """Return a source of the images in `folder` (not below it), 2.png before 10.png.

    Raises:
        SourceError: the folder holds no images.
    """
    paths = sorted(
        (path for path in folder.iterdir() if path.suffix.lower() in IMAGE_SUFFIXES),
        key=lambda path: natural_key(path.name),
    )
    if not paths:
        kinds = " ".join(sorted(IMAGE_SUFFIXES))
        raise SourceError(f"no images in the folder {folder}; expected files ending in {kinds}")
    return Images(str(folder), paths)


def read_pixels(path: Path) -> NDArray[np.uint8] | None:
    """Return an image file as BGR uint8 [h, w, 3], turned as its EXIF says; None if unreadable."""
    try:
        pixels = cv2.imread(str(path), cv2.IMREAD_COLOR)
    except cv2.error:  # OpenCV raises instead of returning None for sizes that it finds absurd
        return None
    return None if pixels is None else np.asarray(pixels, np.uint8)


def natural_key(name: str) -> list[tuple[int, int, str]]:
    """Return a sort key that reads runs of digits as numbers."""
    parts = re.findall(r"\d+|\D+", name)
    return [(0, int(part), part) if part.isdecimal() else (1, 0, part) for part in parts]


def _unique_names(paths: Sequence[Path]) -> list[str]:
    """Stems, with the suffix added where two files share one (a.png and a.jpg)."""
    uses = Counter(path.stem for path in paths)
    return [
        path.stem if uses[path.stem] == 1 else f"{path.stem}_{path.suffix[1:]}" for path in paths
    ]


def _first(names: Sequence[str], count: int = 5) -> str:
    return ", ".join(names[:count]) + (", ..." if len(names) > count else "")
