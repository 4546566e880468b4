"""What an evaluation found: figures of the set, of each class and image, and how sure they are.

Void pixels are left out. So are classes that the truth does not have: they are named, and count in
no mean (`edgeseg.metrics.mean_in_truth` says what their pixels cost).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgeseg import metrics
from edgeseg.boundary import boundary_f
from edgeseg.manifest import Size

_DRAWS = 2000
_SEED = 0


@dataclass(frozen=True, eq=False)
class ImageResult:
    """What one image counts; void pixels do not.

    Attributes:
        path: of the image.
        size: of the image.
        mask_size: of its mask, at which it was evaluated.
        hits, truth, predicted: pixels of each class that are right, that are so in the mask, and
            that are predicted so, int64 [classes].
        boundary: see `edgeseg.boundary.boundary_counts`, int64 [classes, 4].
    """

    path: Path
    size: Size
    mask_size: Size
    hits: NDArray[np.int64]
    truth: NDArray[np.int64]
    predicted: NDArray[np.int64]
    boundary: NDArray[np.int64]

    @property
    def void(self) -> int:
        """Pixels of the mask that do not count."""
        return self.mask_size.width * self.mask_size.height - int(self.truth.sum())

    @property
    def miou(self) -> float:
        """Mean intersection over union of the classes that the mask has; nan where all is void."""
        return float(_mious(self.hits, self.truth, self.predicted))

    @property
    def pixel_accuracy(self) -> float:
        """Share of right pixels; nan where all is void."""
        pixels = int(self.truth.sum())
        return int(self.hits.sum()) / pixels if pixels else float("nan")


@dataclass(frozen=True, eq=False)
class Evaluation:
    """How well a model does on a set of images.

    Means are those over the classes that the truth has; they are nan where it has none.

    Attributes:
        labels: class names in the order of the indices.
        confusion: int64 [classes, classes], rows are the truth.
        images: what each image adds to that.
    """

    labels: tuple[str, ...]
    confusion: NDArray[np.int64]
    images: tuple[ImageResult, ...]

    @property
    def miou(self) -> float:
        """Mean intersection over union."""
        return metrics.mean_in_truth(metrics.iou(self.confusion), self.confusion)

    @property
    def pixel_accuracy(self) -> float:
        """Share of pixels that are right."""
        return metrics.pixel_accuracy(self.confusion)

    @property
    def mean_accuracy(self) -> float:
        """Mean of the share of each class's pixels that is right."""
        return metrics.mean_accuracy(self.confusion)

    @property
    def frequency_weighted_iou(self) -> float:
        """Intersection over union weighted by the classes' pixels."""
        return metrics.frequency_weighted_iou(self.confusion)

    @property
    def iou(self) -> dict[str, float]:
        """Intersection over union of each class that the truth has."""
        return self._in_truth(metrics.iou(self.confusion))

    @property
    def accuracy(self) -> dict[str, float]:
        """Share of right pixels of each class that the truth has."""
        return self._in_truth(metrics.class_accuracy(self.confusion))

    @property
    def boundary_f(self) -> float:
        """Mean boundary F-score over the classes with a boundary in the truth."""
        known = list(self.boundary_f_by_class.values())
        return sum(known) / len(known) if known else float("nan")

    @property
    def boundary_f_by_class(self) -> dict[str, float]:
        """Boundary F-score of each class with a boundary in the truth."""
        counts = np.sum([image.boundary for image in self.images], axis=0)
        values = self._in_truth(boundary_f(counts))
        return {label: value for label, value in values.items() if not np.isnan(value)}

    @property
    def absent(self) -> tuple[str, ...]:
        """Classes that the truth does not have."""
        there = metrics.in_truth(self.confusion)
        return tuple(label for label, has in zip(self.labels, there, strict=True) if not has)

    @property
    def only_predicted(self) -> dict[str, int]:
        """Pixels predicted as each class that the truth does not have, where there are any."""
        counts = zip(self.labels, self.confusion.sum(axis=0).tolist(), strict=True)
        return {label: count for label, count in counts if count and label in self.absent}

    @cached_property
    def interval(self) -> tuple[float, float]:
        """95 % interval of `miou` over images (see `miou_draws`); nan for a single image."""
        return interval_of(self.draws)

    @cached_property
    def draws(self) -> NDArray[np.float64]:
        """The mIoU of sets of images drawn with replacement; none for a single image."""
        return miou_draws(self.images) if len(self.images) > 1 else np.empty(0)

    def to_json(self) -> dict[str, Any]:
        """Return the figures as JSON takes them, 4 decimals; None where there is none."""
        return {
            "images": len(self.images),
            "pixels": int(self.confusion.sum()),
            "miou": _rounded(self.miou),
            "miou_interval": [_rounded(end) for end in self.interval],
            "pixel_accuracy": _rounded(self.pixel_accuracy),
            "mean_accuracy": _rounded(self.mean_accuracy),
            "frequency_weighted_iou": _rounded(self.frequency_weighted_iou),
            "boundary_f": _rounded(self.boundary_f),
            "iou": _all_rounded(self.iou),
            "accuracy": _all_rounded(self.accuracy),
            "boundary_f_by_class": _all_rounded(self.boundary_f_by_class),
            "absent": list(self.absent),
            "only_predicted": self.only_predicted,
        }

    def _in_truth(self, values: NDArray[np.float64]) -> dict[str, float]:
        there = metrics.in_truth(self.confusion)
        return {label: float(values[i]) for i, label in enumerate(self.labels) if there[i]}


@dataclass(frozen=True, eq=False)
class Agreement:
    """How far two models give the same classes, over all pixels, void ones too.

    Attributes:
        paths: the images.
        equal: pixels of each that are equal, int64 [images].
        pixels: pixels of each, int64 [images].
    """

    paths: tuple[Path, ...]
    equal: NDArray[np.int64]
    pixels: NDArray[np.int64]

    @property
    def share(self) -> float:
        """Share of all pixels that are equal."""
        return int(self.equal.sum()) / int(self.pixels.sum())

    @property
    def shares(self) -> NDArray[np.float64]:
        """The same for each image, float64 [images]."""
        return self.equal / self.pixels

    @property
    def worst(self) -> tuple[float, Path]:
        """The lowest share of an image, and which one that is."""
        index = int(self.shares.argmin())
        return float(self.shares[index]), self.paths[index]


@dataclass(frozen=True, eq=False)
class Comparison:
    """Several models on the same images.

    Attributes:
        evaluations: of each model.
        against: of the model that the others are compared with, None without one.
        agreements: of each model with that one; empty without one.
    """

    evaluations: tuple[Evaluation, ...]
    against: Evaluation | None
    agreements: tuple[Agreement, ...]


def miou_change(evaluation: Evaluation, against: Evaluation) -> tuple[float, tuple[float, float]]:
    """Return how much mIoU changes from `against`, and the 95 % interval of that over images.

    Both must be evaluations of the same images, in one order.
    """
    change = evaluation.miou - against.miou
    return change, interval_of(evaluation.draws - against.draws)


def miou_draws(images: Sequence[ImageResult]) -> NDArray[np.float64]:
    """Return the mIoU of 2000 sets drawn from `images` with replacement, float64 [2000].

    The draws depend on nothing but the number of images: those of two models on the same images are
    paired, and their difference is that of the models. Nan where a set is all void.

    Source: Efron and Tibshirani, An Introduction to the Bootstrap (1993), chapter 13. Images are
    taken as independent; neighbouring frames of a video are not, so its interval is too narrow.
    """
    times = np.random.default_rng(_SEED).multinomial(
        len(images), np.full(len(images), 1 / len(images)), size=_DRAWS
    )
    sums = (
        # In float64, exact up to 2^53, matrix products are those of BLAS.
        times.astype(np.float64) @ np.array([getattr(image, name) for image in images], np.float64)
        for name in ("hits", "truth", "predicted")
    )
    return _mious(*sums)


def interval_of(draws: NDArray[np.float64]) -> tuple[float, float]:
    """Return the 2.5th and 97.5th percentile of `draws`, leaving out nan; nan without any."""
    known = draws[~np.isnan(draws)]
    if known.size == 0:
        return float("nan"), float("nan")
    low, high = np.percentile(known, [2.5, 97.5])
    return float(low), float(high)


def _mious(hits: NDArray[Any], truth: NDArray[Any], predicted: NDArray[Any]) -> NDArray[np.float64]:
    """Return the mIoU over the classes of the truth, of sums [..., classes]."""
    values = np.where(truth > 0, metrics.iou_of_sums(hits, truth, predicted), 0.0)
    counted = (truth > 0).sum(axis=-1)
    mean = np.full(counted.shape, np.nan)
    np.divide(values.sum(axis=-1), counted, out=mean, where=counted > 0)
    return mean


def _rounded(value: float) -> float | None:
    return None if np.isnan(value) else round(float(value), 4)


def _all_rounded(values: dict[str, float]) -> dict[str, float | None]:
    return {label: _rounded(value) for label, value in values.items()}
