"""Accuracy on images and masks: one confusion matrix for the set, at the masks' own resolution."""

from __future__ import annotations

from collections.abc import Callable, Sequence

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
    together = [*segments, *([against] if against else [])]
    images: list[list[ImageResult]] = [[] for _ in together]
    confusions = np.zeros((len(together), len(labels), len(labels)), np.int64)
    equal = np.zeros((len(segments), len(pairs)), np.int64)
    pixels = np.zeros(len(pairs), np.int64)
    for number, pair in enumerate(pairs):
        frame, truth = read_pair(pair)
        maps = [segment(frame, Size(*truth.shape[::-1])) for segment in together]
        for model, map_ in enumerate(maps):
            confusion = metrics.confusion(truth, map_, len(labels), ignore)
            confusions[model] += confusion
            images[model].append(_image_result(pair, truth, map_, confusion, ignore))
        pixels[number] = truth.size
        equal[:, number] = [np.count_nonzero(map_ == maps[-1]) for map_ in maps[: len(segments)]]
        if progress:
            progress(number + 1, len(pairs))
    evaluations = tuple(
        Evaluation(tuple(labels), confusion, tuple(results))
        for confusion, results in zip(confusions, images, strict=True)
    )
    paths = tuple(pair.image for pair in pairs)
    return Comparison(
        evaluations=evaluations[: len(segments)],
        against=evaluations[-1] if against else None,
        agreements=tuple(Agreement(paths, row, pixels) for row in equal) if against else (),
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


def _image_result(
    pair: Pair,
    truth: NDArray[np.uint8],
    prediction: NDArray[np.uint8],
    confusion: NDArray[np.int64],
    ignore: int | None,
) -> ImageResult:
    return ImageResult(
        path=pair.image,
        mask=pair.mask,
        hits=np.diag(confusion).copy(),
        truth=confusion.sum(axis=1),
        predicted=confusion.sum(axis=0),
        boundary=boundary_counts(truth, prediction, len(confusion), ignore),
    )
