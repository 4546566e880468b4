"""Accuracy on images and masks: one confusion matrix for the set, at the masks' own resolution."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edgeseg import metrics
from edgeseg.boundary import boundary_counts
from edgeseg.errors import DataError
from edgeseg.evaluation import Agreement, Comparison, Evaluation, ImageResult
from edgeseg.manifest import Size
from edgeseg.masks import Pair, read_image, read_mask, same_shape

__all__ = [
    "Agreement",
    "Comparison",
    "Evaluation",
    "ImageResult",
    "Progress",
    "Segment",
    "compare",
    "evaluate",
    "read_pair",
]

Segment = Callable[[NDArray[np.uint8], Size], NDArray[np.uint8]]
"""A BGR frame uint8 [h, w, 3] and a size, to the frame's class map, uint8 at that size."""

Progress = Callable[[int, int], None]
"""Images done, and how many there are."""


def evaluate(
    segment: Segment,
    labels: Sequence[str],
    pairs: Sequence[Pair],
    ignore: int | None,
    progress: Progress | None = None,
) -> Evaluation:
    """Return how well `segment` does on all `pairs`.

    The prediction is asked for at the mask's size, whatever the image's: no label is resampled.

    Args:
        segment: gives the class map of a frame, at a size.
        labels: class names in the order of the class indices.
        pairs: images, and index masks of the same shape (width to height).
        ignore: the void value of the masks.
        progress: called after each image.

    Raises:
        DataError: no pairs, a file cannot be read, a mask is of another shape than its image or
            holds unknown values.
    """
    return compare([segment], labels, pairs, ignore, progress=progress).evaluations[0]


def compare(
    segments: Sequence[Segment],
    labels: Sequence[str],
    pairs: Sequence[Pair],
    ignore: int | None,
    *,
    against: Segment | None = None,
    progress: Progress | None = None,
) -> Comparison:
    """Evaluate several models in one pass over the images.

    Args:
        segments: one a model; see `evaluate`, also for the other arguments and what is raised.
        labels: class names, the same for all.
        pairs: images and masks.
        ignore: the void value of the masks.
        against: a model that each of them is compared with, pixel by pixel.
        progress: called after each image.
    """
    if not pairs:
        raise DataError("there are no images to evaluate on")
    tallies = [_Tally(labels, ignore) for _ in segments]
    other = _Tally(labels, ignore)
    for number, pair in enumerate(pairs):
        frame, truth = read_pair(pair)
        size = Size(*truth.shape[::-1])
        expected = against(frame, size) if against else None
        if expected is not None:
            other.add(pair.image, frame, truth, expected)
        for segment, tally in zip(segments, tallies, strict=True):
            tally.add(pair.image, frame, truth, segment(frame, size), expected)
        if progress:
            progress(number + 1, len(pairs))
    return Comparison(
        evaluations=tuple(tally.evaluation() for tally in tallies),
        against=other.evaluation() if against else None,
        agreements=tuple(tally.agreement() for tally in tallies) if against else (),
    )


def read_pair(pair: Pair) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Return a pair's frame, BGR uint8 [h, w, 3], and its mask, uint8 at a size of its own.

    Raises:
        DataError: a file cannot be read, or the mask is of another shape (width to height).
    """
    frame, truth = read_image(pair.image), read_mask(pair.mask)
    sizes = Size(*frame.shape[1::-1]), Size(*truth.shape[::-1])
    if not same_shape(*sizes):
        raise DataError(f"{pair.mask} is {sizes[1]}, its image {sizes[0]}: not the same shape")
    return frame, truth


class _Tally:
    """Counts of one model while the images go by."""

    def __init__(self, labels: Sequence[str], ignore: int | None) -> None:
        self._labels = tuple(labels)
        self._ignore = ignore
        self._confusion = np.zeros((len(labels), len(labels)), np.int64)
        self._images: list[ImageResult] = []
        self._equal: list[int] = []

    def add(
        self,
        path: Path,
        frame: NDArray[np.uint8],
        truth: NDArray[np.uint8],
        prediction: NDArray[np.uint8],
        expected: NDArray[np.uint8] | None = None,
    ) -> None:
        """Count an image; `expected` is what the other model makes of it."""
        count = len(self._labels)
        confusion = metrics.confusion(truth, prediction, count, self._ignore)
        self._confusion += confusion
        self._images.append(
            ImageResult(
                path=path,
                size=Size(*frame.shape[1::-1]),
                mask_size=Size(*truth.shape[::-1]),
                hits=np.diag(confusion).copy(),
                truth=confusion.sum(axis=1),
                predicted=confusion.sum(axis=0),
                boundary=boundary_counts(truth, prediction, count, self._ignore),
            )
        )
        if expected is not None:
            self._equal.append(int(np.count_nonzero(prediction == expected)))

    def evaluation(self) -> Evaluation:
        return Evaluation(self._labels, self._confusion, tuple(self._images))

    def agreement(self) -> Agreement:
        pixels = [image.mask_size.width * image.mask_size.height for image in self._images]
        paths = tuple(image.path for image in self._images)
        return Agreement(paths, np.array(self._equal, np.int64), np.array(pixels, np.int64))
