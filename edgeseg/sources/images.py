"""An image, a folder or a pattern of them in natural order, as a source of frames."""

from __future__ import annotations

import glob
import os
import re
import time
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
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
    """Image files as frames, in the order given; unreadable ones are skipped and named.

    Attributes:
        files: each frame's name, and the file it is made from.
        done: names of frames that are left out, without reading their files.
    """

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
        self.files = dict(zip(_unique_names(paths), paths, strict=True))
        self.done: Collection[str] = ()
        self._paths = paths
        self._closed = False

    def frames(self) -> Iterator[Frame]:
        """Yield every readable image.

        Raises:
            SourceError: not one image could be read.
        """
        skipped: list[str] = []
        for index, (name, path) in enumerate(self.files.items()):
            if self._closed:
                return
            if name in self.done:
                continue
            pixels = read_pixels(path)
            if pixels is None:
                skipped.append(path.name)
            else:
                yield Frame(index, pixels, time.monotonic(), name=name)
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


def open_glob(pattern: str) -> Source:
    """Return a source of the images that fit a pattern, folder by folder, 2.png before 10.png.

    Args:
        pattern: "frames/*.png", "**/left/*.jpg" (`**` goes through folders below). Hidden files
            fit only a pattern that begins with a dot. What fits but is no image is skipped and
            named in `notes`.

    Raises:
        SourceError: nothing fits, or nothing of it is an image.
    """
    # Not by pathlib: it takes no absolute pattern, and "**" at the end finds only folders there.
    found = [Path(name) for name in glob.glob(pattern, recursive=True)]  # noqa: PTH207
    files = sorted((path for path in set(found) if path.is_file()), key=_natural_parts)
    images = [path for path in files if path.suffix.lower() in IMAGE_SUFFIXES]
    if not images:
        raise SourceError(_nothing_fits(pattern, found, files))
    source = Images(pattern, images)
    others = [path.name for path in files if path not in set(images)]
    if others:
        source.notes.append(f"{len(others)} of {len(files)} files are no images: {_first(others)}")
    return source


def _nothing_fits(pattern: str, found: Sequence[Path], files: Sequence[Path]) -> str:
    kinds = " ".join(sorted(IMAGE_SUFFIXES))
    if files:
        names = _first([path.name for path in files])
        return f"no images fit {pattern}, only {names}; expected files ending in {kinds}"
    if found:
        return f"only folders fit {pattern}; type '{pattern.rstrip('/')}/*' for what is in them"
    base = Path(pattern)
    while glob.has_magic(str(base)):
        base = base.parent
    missing = "" if base.exists() else f", and there is no folder {base}"
    return f"no file fits {pattern}{missing}; expected files ending in {kinds}"


def _natural_parts(path: Path) -> list[list[tuple[int, int, str]]]:
    """Sort key: folders first by their own names, so that one folder's images stay together."""
    return [natural_key(part) for part in path.parts]


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
    """Stems; with the suffix where two files share one, and their folders where that is not enough.

    a.png and a.jpg are a_png and a_jpg; left/1.png and right/1.png are left_1 and right_1.
    """
    stems = [path.stem for path in paths]
    folders = Counter(path.parent for path in paths)
    if len(folders) > 1 and len(set(stems)) < len(stems):
        stems = ["_".join(path.parts) for path in _below_common(paths)]
    uses = Counter(stems)
    names = [
        stem if uses[stem] == 1 else f"{stem}_{path.suffix[1:]}"
        for stem, path in zip(stems, paths, strict=True)
    ]
    taken = Counter(names)
    return [name if taken[name] == 1 else f"{name}_{index:06d}" for index, name in enumerate(names)]


def _below_common(paths: Sequence[Path]) -> list[Path]:
    """Return the paths from where they part, without suffix."""
    common = os.path.commonpath([path.parent for path in paths])
    return [path.relative_to(common).with_suffix("") for path in paths]


def _first(names: Sequence[str], count: int = 5) -> str:
    return ", ".join(names[:count]) + (", ..." if len(names) > count else "")
