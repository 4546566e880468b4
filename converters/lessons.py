"""What fine-tuning learns from: pictures, what the old network says to them, and their masks."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edgeseg.errors import DataError
from edgeseg.fcn.augment import VOID, augment
from edgeseg.fcn.dataset import class_weights
from edgeseg.manifest import Head, Preparation, Size
from edgeseg.masks import IMAGE_SUFFIXES, match_pairs, read_image, read_mask, usable_pairs
from edgeseg.prepare import prepare

from .calibrate import float_tensor
from .rewrite.head import output_head

# Streams of random numbers that must not meet.
_SHUFFLE, _AUGMENT = 1, 3

Answers = Callable[[NDArray[np.float32]], NDArray[np.float32]]
"""From an input [1, h, w, 3] to class probabilities [1, h', w', classes]."""


@dataclass(frozen=True)
class Pictures:
    """What there is to learn from.

    Attributes:
        files: images, each with its mask or None.
        weights: of each class in the loss, float32 [classes]; all 0 where there are no masks.
        ignore: value of void pixels in the masks.
        skipped: why others cannot be used.
    """

    files: tuple[tuple[Path, Path | None], ...]
    weights: NDArray[np.float32]
    ignore: int | None
    skipped: tuple[str, ...]


def find_pictures(data: Path, classes: int, ignore: int | None) -> Pictures:
    """Return what can be used of a folder: pictures with masks, and those without.

    Args:
        data: a folder in one of the layouts of edgeseg.masks.find_pairs, or of pictures alone.
        classes: of the network.
        ignore: value of void pixels in the masks.

    Raises:
        DataError: there is no picture to use; with the reasons.
    """
    if not data.is_dir():
        raise DataError(f"no folder {data} to fine-tune on; expected pictures like 0001.png")
    try:
        pairs, _ = match_pairs(data)
    except DataError:
        pairs = []  # no layout with masks, or none in it
    if not pairs:
        images, skipped = _readable(_images(data))
        if not images:
            why = "; ".join(skipped[:5]) or "expected files like 0001.png"
            raise DataError(f"no pictures to fine-tune on in {data}: {why}")
        weights = np.zeros(classes, np.float32)
        return Pictures(tuple((image, None) for image in images), weights, ignore, skipped)
    usable = usable_pairs(pairs, classes, ignore, skip_bad=True, can_skip=False)
    matched = {pair.image for pair in pairs}
    alone = [image for image in _images(pairs[0].image.parent) if image not in matched]
    images, skipped = _readable(alone)
    files = [(pair.image, pair.mask) for pair in usable.pairs]
    return Pictures(
        (*files, *((image, None) for image in images)),
        class_weights(usable.counts, "log"),
        ignore,
        (*usable.reasons, *skipped),
    )


def _images(folder: Path) -> list[Path]:
    return sorted(
        path
        for path in folder.iterdir()
        if path.suffix.lower() in IMAGE_SUFFIXES and not path.name.startswith(".")
    )


def _readable(files: list[Path]) -> tuple[list[Path], tuple[str, ...]]:
    """Return the files that are pictures, and why the others are not."""
    whys = [_why_not(file) for file in files]
    good = [file for file, why in zip(files, whys, strict=True) if not why]
    return good, tuple(filter(None, whys))


def _why_not(file: Path) -> str:
    """Return why a file is no picture, empty where it is one."""
    try:
        read_image(file)
    except DataError as error:
        return str(error)
    return ""


class Lessons:
    """Pictures of an epoch, each with what is to be learned from it; set `epoch` before each."""

    def __init__(
        self,
        pictures: Pictures,
        answers: Answers,
        preparation: Preparation,
        shape: tuple[int, int, int, int],
        seed: int,
    ) -> None:
        """Take what is to be learned from.

        Args:
            pictures: with their masks.
            answers: of the teacher.
            preparation: of the network's input.
            shape: of the network's answer, [1, h, w, classes].
            seed: of order and augmentation.
        """
        self.epoch = 0
        self._pictures = pictures
        self._answers = answers
        self._preparation = preparation
        self._cells = Size(shape[2], shape[1])
        width, height = preparation.size
        self._head = output_head((1, height, width, 3), shape, rim=(shape[1], shape[2]))
        self._seed = seed

    def __len__(self) -> int:
        """Return how many pictures an epoch has."""
        return len(self._pictures.files)

    def __getitem__(self, index: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Return an input [1, h, w, 3] and its lesson [1, h', w', classes + 1].

        A lesson is the teacher's probabilities and, behind them, the mask's class.
        """
        order = np.random.default_rng([self._seed, _SHUFFLE, self.epoch]).permutation(len(self))
        image, labels = self._view(int(order[index]))
        classes = label_cells(labels, self._cells, self._head).astype(np.float32)
        return image, np.concatenate([self._answers(image), classes[None, ..., None]], axis=-1)

    def _view(self, number: int) -> tuple[NDArray[np.float32], NDArray[np.uint8]]:
        """Return a random view of a picture as the network takes it, and its class map."""
        file, mask = self._pictures.files[number]
        pixels = read_image(file)
        labels = np.full(pixels.shape[:2], VOID, np.uint8)
        if mask is not None:
            labels = self._known(read_mask(mask))
        rng = np.random.default_rng([self._seed, _AUGMENT, self.epoch, number])
        view, classes = augment(pixels, labels, self._preparation.size, rng)
        return prepare(view, self._preparation, float_tensor(self._preparation)), classes

    def _known(self, mask: NDArray[np.uint8]) -> NDArray[np.uint8]:
        is_class = mask < len(self._pictures.weights)
        if self._pictures.ignore is not None:
            is_class &= mask != self._pictures.ignore
        return np.where(is_class, mask, VOID).astype(np.uint8)


def label_cells(labels: NDArray[np.uint8], cells: Size, head: Head) -> NDArray[np.uint8]:
    """Return the class at the centre of each cell of a head, [h, w], VOID beyond the picture.

    Args:
        labels: class map of the input, [H, W].
        cells: the head's size.
        head: how its cells lie on the input.
    """
    down, across = (
        _centres(pixels, count, head)
        for pixels, count in zip(labels.shape, (cells.height, cells.width), strict=True)
    )
    inside = (down < labels.shape[0])[:, None] & (across < labels.shape[1])
    rows, columns = (
        np.minimum(place, side - 1)
        for place, side in zip((down, across), labels.shape, strict=True)
    )
    return np.where(inside, labels[np.ix_(rows, columns)], VOID).astype(np.uint8)


def _centres(pixels: int, cells: int, head: Head) -> NDArray[np.intp]:
    """Return the pixel at the centre of each cell along an axis; beyond the last one are more."""
    places = np.arange(cells)
    if head.layout == "stride":
        return ((places + 0.5) * head.stride).astype(np.intp)
    if head.layout == "corners" and cells > 1:
        return np.rint(places * (pixels - 1) / (cells - 1)).astype(np.intp)
    return ((places + 0.5) * pixels / cells).astype(np.intp)
