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


def in_truth(conf: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Return which classes the truth has, t_i > 0; bool [classes]."""
    return np.asarray(conf.sum(axis=1) > 0)


def iou(conf: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return each class's intersection over union: n_ii / (t_i + sum_j n_ji - n_ii).

    A class in neither truth nor prediction has none: nan. One that is only predicted has 0.
    """
    hits = np.diag(conf)
    return iou_of_sums(hits, conf.sum(axis=1), conf.sum(axis=0))


def iou_of_sums(
    hits: NDArray[Any], truth: NDArray[Any], predicted: NDArray[Any]
) -> NDArray[np.float64]:
    """Return hits / (truth + predicted - hits), nan where that is 0 / 0.

    Args:
        hits: pixels n_ii of each class that are predicted right, any shape.
        truth: pixels t_i of each class, the same shape.
        predicted: pixels sum_j n_ji predicted as each class, the same shape.
    """
    return _share(hits, truth + predicted - hits)


def mean_iou(conf: NDArray[np.int64]) -> float:
    """Return the mean of `iou` over the classes that have one; nan where none has.

    A class that is only predicted counts as 0: this is the mean of the FCN authors' code, of
    scikit-learn's jaccard_score (average="macro") and of keras.metrics.MeanIoU. `mean_in_truth`
    of `iou` is the one over the classes of the truth.
    """
    return _mean(iou(conf))


def mean_in_truth(values: NDArray[np.float64], conf: NDArray[np.int64]) -> float:
    """Return the mean of a figure per class over the classes that the truth has; nan without any.

    A class that is only predicted is left out, and its pixels still cost: each is a miss of the
    class that is there.
    """
    return _mean(values[in_truth(conf)])


def pixel_accuracy(conf: NDArray[np.int64]) -> float:
    """Return the share of pixels predicted right, sum_i n_ii / sum_i t_i; nan without pixels."""
    total = int(conf.sum())
    return int(np.trace(conf)) / total if total else float("nan")


def class_accuracy(conf: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return the share of each class's pixels that are predicted right, n_ii / t_i (recall).

    A class that the truth does not have has none: nan.
    """
    return _share(np.diag(conf), conf.sum(axis=1))


def mean_accuracy(conf: NDArray[np.int64]) -> float:
    """Return the mean of `class_accuracy` over the classes of the truth; nan without any.

    scikit-learn's balanced_accuracy_score is the same.
    """
    return _mean(class_accuracy(conf))


def frequency_weighted_iou(conf: NDArray[np.int64]) -> float:
    """Return the mean of `iou` weighted by the truth, sum_i t_i iou_i / sum_k t_k.

    A class that the truth does not have weighs nothing; nan without pixels.
    """
    weights, values = conf.sum(axis=1), iou(conf)
    total = int(weights.sum())
    return float((weights * np.nan_to_num(values)).sum() / total) if total else float("nan")


def agreement(a: NDArray[Any], b: NDArray[Any]) -> float:
    """Return the share of equal pixels of two class maps; nan without pixels.

    Raises:
        DataError: the sizes differ.
    """
    if a.shape != b.shape:
        raise DataError(f"class maps of {list(a.shape)} and {list(b.shape)} cannot be compared")
    return float(np.count_nonzero(a == b)) / a.size if a.size else float("nan")


def _share(part: NDArray[Any], whole: NDArray[Any]) -> NDArray[np.float64]:
    values = np.full(np.shape(whole), np.nan)
    np.divide(part, whole, out=values, where=np.asarray(whole) > 0)
    return values


def _mean(values: NDArray[np.float64]) -> float:
    known = values[~np.isnan(values)]
    return float(known.mean()) if known.size else float("nan")


def _check_classes(what: str, values: NDArray[Any], num_classes: int) -> None:
    if values.size == 0:
        return
    lowest, highest = int(values.min()), int(values.max())
    if lowest < 0 or highest >= num_classes:
        raise DataError(
            f"a {what} holds classes {lowest} to {highest}, expected 0 to {num_classes - 1}; "
            "name the label to leave out with ignore"
        )
