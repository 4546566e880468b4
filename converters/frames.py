"""Where calibration and proof take their pictures: images, a video or the synthetic street."""

from __future__ import annotations

import glob
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from edgeseg.errors import DataError
from edgeseg.manifest import Size
from edgeseg.masks import IMAGE_SUFFIXES, read_image, read_mask
from edgeseg.sources import open_source

# Training renders streets below this number (edgeseg.fcn.dataset): these are new to the network.
_FIRST_SEED = 1000
_STREET_LENGTH = 10_000
_STREET_SIZE = Size(640, 360)


@dataclass(frozen=True)
class Shot:
    """One picture of a pool.

    Attributes:
        index: its number in the pool.
        name: for messages.
        pixels: BGR uint8 [h, w, 3].
        truth: its class map, uint8 [h, w], where one is known.
    """

    index: int
    name: str
    pixels: NDArray[np.uint8]
    truth: NDArray[np.uint8] | None = None


class Pool(Protocol):
    """Pictures that can be read by number.

    Attributes:
        name: what they are, for messages: "images in train".
        length: how many there are.
        unreadable: names of pictures met so far that could not be read, and were left out.
    """

    name: str
    length: int
    unreadable: list[str]

    def read(self, indices: Collection[int], *, truth: bool = True) -> Iterator[Shot]:
        """Yield the pictures of these numbers, in order, without those that cannot be read.

        `truth` says whether class maps are wanted; masks are not opened otherwise.
        """
        ...


class Images:
    """Image files, with index masks for some or all."""

    def __init__(self, name: str, files: Sequence[Path], masks: Mapping[Path, Path]) -> None:
        """Take the files and the mask of each file that has one."""
        self.name = name
        self.length = len(files)
        self.unreadable: list[str] = []
        self.files = files
        self.masks = masks

    def read(self, indices: Collection[int], *, truth: bool = True) -> Iterator[Shot]:
        """Yield the chosen images."""
        for index in sorted(indices):
            file = self.files[index]
            try:
                pixels = read_image(file)
            except DataError:
                if file.name not in self.unreadable:
                    self.unreadable.append(file.name)
                continue
            mask = self.masks.get(file) if truth else None
            yield Shot(index, file.name, pixels, None if mask is None else read_mask(mask))


class Video:
    """A video file, or any other source of known length; read from its start every time."""

    def __init__(self, uri: str) -> None:
        """Open it once, to know its length.

        Raises:
            SourceError: it cannot be opened.
            DataError: its length is unknown.
        """
        source = open_source(uri)
        source.close()
        if not source.length:
            raise DataError(f"{uri} does not say how long it is; give a folder of images")
        self.name = f"frames of {Path(uri).name}"
        self.length = source.length
        self.unreadable: list[str] = []
        self._uri = uri

    def read(self, indices: Collection[int], *, truth: bool = True) -> Iterator[Shot]:
        """Yield the chosen frames."""
        wanted = set(indices)
        source = open_source(self._uri)
        try:
            for frame in source.frames():
                if frame.index in wanted:
                    yield Shot(
                        frame.index, frame.name, frame.pixels, frame.truth if truth else None
                    )
                if frame.index >= max(wanted):
                    return
        finally:
            source.close()


class Streets:
    """The synthetic street, another one for every number; each picture carries its truth."""

    name = "rendered street frames"
    length = _STREET_LENGTH

    def __init__(self) -> None:
        """Prepare the pool; nothing is rendered before `read`."""
        self.unreadable: list[str] = []

    def read(self, indices: Collection[int], *, truth: bool = True) -> Iterator[Shot]:
        """Yield the chosen pictures."""
        from edgeseg.sources.street import render_street

        for index in sorted(indices):
            seed = _FIRST_SEED + index
            pixels, classes = render_street(seed, (1.7 * index) % 60, _STREET_SIZE)
            yield Shot(index, f"street {seed}", pixels, classes if truth else None)


def open_pool(named: str | Path, masks: Path | None) -> Images | Video:
    """Open a folder of images, an image, a pattern of images ("frames/*.png") or a video.

    `masks` is a folder with an index PNG of the same stem for each image.

    Raises:
        DataError: there is nothing there, or there are images without a mask.
        SourceError: a video cannot be opened.
    """
    path = Path(named)
    files = _image_files(str(named), path)
    if files is None:
        if masks is not None:
            raise DataError(f"--masks go with images, and {named} is a video; leave --masks out")
        return Video(str(named))
    name = path.name if path.is_dir() else str(named)
    return Images(f"images in {name}", files, _masks_of(files, masks) if masks else {})


def _image_files(text: str, path: Path) -> list[Path] | None:
    """Return the images, or None for what must be a video."""
    if path.is_dir():
        return _pictures(path.iterdir(), f"no images in {path}; expected files like 0001.png")
    if "://" in text:
        return None
    if not path.exists() and any(sign in text for sign in "*?["):
        matches = (Path(match) for match in glob.glob(text))  # noqa: PTH207  # patterns may be absolute
        return _pictures(matches, f"no images match {text}")
    if not path.exists():
        raise DataError(
            f"--calib {text} does not exist; expected a folder of images, a video or 'frames/*.png'"
        )
    return [path] if path.suffix.lower() in IMAGE_SUFFIXES else None


def _pictures(paths: Iterator[Path], otherwise: str) -> list[Path]:
    files = sorted(path for path in paths if path.suffix.lower() in IMAGE_SUFFIXES)
    if not files:
        raise DataError(otherwise)
    return files


def _masks_of(files: Sequence[Path], folder: Path) -> dict[Path, Path]:
    if not folder.is_dir():
        raise DataError(f"--masks {folder} is not a folder")
    by_stem = {
        path.stem: path for path in folder.iterdir() if path.suffix.lower() in IMAGE_SUFFIXES
    }
    lonely = [file.name for file in files if file.stem not in by_stem]
    if lonely:
        raise DataError(
            f"{len(lonely)} of {len(files)} images have no mask of the same name in {folder}: "
            f"{', '.join(lonely[:5])}{', ...' if len(lonely) > 5 else ''}"
        )
    return {file: by_stem[file.stem] for file in files}
