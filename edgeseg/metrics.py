"""Confusion matrix, intersection over union, accuracy and agreement, with NumPy.

Definitions: Long, Shelhamer and Darrell, Fully Convolutional Networks for Semantic Segmentation
(CVPR 2015), section 5. There n_ij is the number of pixels of class i predicted as class j, and
t_i the number of pixels of class i.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgeseg.errors import DataError


def confusion(
    truth: NDArray[Any], prediction: NDArray[Any], num_classes: int, ignore: int | None = None
) -> NDArray[np.int64]:
    """Count the pixels n_ij of class i that were predicted as class j.

    Args:
        truth: class indices, any integer type and shape.
        prediction: class indices of the same shape.
        num_classes: how many classes there are.
        ignore: pixels with this truth are left out; they may hold any prediction.

    Returns:
        int64 [num_classes, num_classes], rows are the truth. Matrices of several pictures add up.

    Raises:
        DataError: the shapes differ, or there are classes beyond `num_classes`.
    """
    if truth.shape != prediction.shape:
        raise DataError(
            f"the mask is {list(truth.shape)} and the prediction {list(prediction.shape)}; "
            "expected the same size"
        )
    if ignore is not None:
        counted = truth != ignore
        truth, prediction = truth[counted], prediction[counted]
    _check_classes("mask", truth, num_classes)
    _check_classes("prediction", prediction, num_classes)
    pairs = truth.astype(np.int64).ravel() * num_classes + prediction.ravel()
    counts = np.bincount(pairs, minlength=num_classes * num_classes)
    return counts.reshape(num_classes, num_classes).astype(np.int64, copy=False)


def iou(conf: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return each class's intersection over union: n_ii / (t_i + sum_j n_ji - n_ii).

    A class in neither truth nor prediction has none: nan.
    """
    hits = np.diag(conf).astype(np.float64)
    union = conf.sum(axis=0) + conf.sum(axis=1) - hits
    values = np.full(len(hits), np.nan)
    np.divide(hits, union, out=values, where=union > 0)
    return values


def mean_iou(conf: NDArray[np.int64]) -> float:
    """Return the mean of `iou` over the classes that have one; nan where none has."""
    values = iou(conf)
    present = values[~np.isnan(values)]
    return float(present.mean()) if present.size else float("nan")


def pixel_accuracy(conf: NDArray[np.int64]) -> float:
    """Return the share of pixels predicted right, sum_i n_ii / sum_i t_i; nan without pixels."""
    total = int(conf.sum())
    return int(np.trace(conf)) / total if total else float("nan")


def agreement(a: NDArray[Any], b: NDArray[Any]) -> float:
    """Return the share of equal pixels of two class maps; nan without pixels.

    Raises:
        DataError: the sizes differ.
    """
    if a.shape != b.shape:
        raise DataError(f"class maps of {list(a.shape)} and {list(b.shape)} cannot be compared")
    return float(np.count_nonzero(a == b)) / a.size if a.size else float("nan")


def _check_classes(what: str, values: NDArray[Any], num_classes: int) -> None:
    if values.size == 0:
        return
    lowest, highest = int(values.min()), int(values.max())
    if lowest < 0 or highest >= num_classes:
        raise DataError(
            f"a {what} holds classes {lowest} to {highest}, expected 0 to {num_classes - 1}; "
            "name the label to leave out with ignore"
        )
