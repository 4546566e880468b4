"""Accuracy on a folder of images and masks: one confusion matrix, at the masks' own resolution."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgeseg import metrics
from edgeseg.errors import DataError
from edgeseg.masks import Pair, read_image, read_mask

Segment = Callable[[NDArray[np.uint8]], NDArray[np.uint8]]


def evaluate(
    segment: Segment, labels: Sequence[str], pairs: Sequence[Pair], ignore: int | None
) -> dict[str, Any]:
    """Return mIoU, pixel accuracy and IoU per class of `segment` over all `pairs`.

    Void pixels are left out; classes that neither truth nor prediction has are left out of the mean
    (Long, Shelhamer and Darrell, CVPR 2015, section 5, over one confusion matrix of the whole set).

    Args:
        segment: BGR uint8 [h, w, 3] to class map uint8 [h, w].
        labels: class names in the order of the class indices.
        pairs: images and index masks of the same size.
        ignore: the void value of the masks.

    Raises:
        DataError: a file cannot be read, or a mask is not its image's size.
    """
    total = np.zeros((len(labels), len(labels)), np.int64)
    for pair in pairs:
        frame, truth = read_image(pair.image), read_mask(pair.mask)
        if frame.shape[:2] != truth.shape:
            raise DataError(f"{pair.mask} is not its image's size")
        total += metrics.confusion(truth, segment(frame), len(labels), ignore)
    return {
        "images": len(pairs),
        "miou": round(float(metrics.mean_iou(total)), 4),
        "pixel_accuracy": round(float(metrics.pixel_accuracy(total)), 4),
        "iou": {
            label: round(float(value), 4)
            for label, value in zip(labels, metrics.iou(total), strict=True)
            if np.isfinite(value)
        },
    }
