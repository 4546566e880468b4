"""How well boundaries are met: the boundary F-score of each class.

Csurka, Larlus and Perronnin, What is a good evaluation measure for semantic segmentation? (BMVC
2013), section 3: a class's precision is the share of its predicted boundary that lies nearer than a
tolerance to its true boundary, its recall the share of its true boundary that lies so near to the
predicted one, F their harmonic mean. Here the boundary pixels are counted over the whole set, as
the pixels of the confusion matrix are; they average the scores of single images.

The boundary of a class is its pixels with one of another class to the left, right, above or below;
the edge of the picture is none. Void hides boundaries: the truth has none towards void; a predicted
one counts for recall everywhere, for precision only outside of void and no nearer to it than the
tolerance.
"""

from __future__ import annotations

import math
from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from edgeseg.errors import DataError

TOLERANCE = 0.0075
"""Share of the picture's diagonal, as Csurka et al. have it: 4.5 pixels of 480x360."""

_Flags = NDArray[np.bool_]


def tolerance_px(shape: tuple[int, ...]) -> float:
    """Return the tolerance for class maps [h, w], in pixels."""
    return TOLERANCE * math.hypot(*shape)


def boundary_counts(
    truth: NDArray[np.uint8],
    prediction: NDArray[np.uint8],
    num_classes: int,
    ignore: int | None = None,
) -> NDArray[np.int64]:
    """Count the boundary pixels of each class, and how many of them are met.

    Args:
        truth: class indices, uint8 [h, w].
        prediction: likewise, of the same size.
        num_classes: how many classes there are.
        ignore: the value of void in `truth`.

    Returns:
        int64 [num_classes, 4]: predicted boundary pixels that are met, all of them, true boundary
        pixels that are met, all of them. The counts of several pictures add up.

    Raises:
        DataError: the sizes differ.
    """
    if truth.shape != prediction.shape:
        raise DataError(
            f"the mask is {list(truth.shape)} and the prediction {list(prediction.shape)}; "
            "expected the same size"
        )
    reach = tolerance_px(truth.shape)
    void = np.zeros(truth.shape, bool) if ignore is None else truth == ignore
    true_edges, found_edges = _edges(truth, void), _edges(prediction, np.zeros_like(void))
    judged = found_edges & ~void
    judged[judged] = ~_met(judged, void, reach)
    counts = np.zeros((num_classes, 4), np.int64)
    for label in range(num_classes):
        expected, found = true_edges & (truth == label), found_edges & (prediction == label)
        for start, points, targets in ((0, found & judged, expected), (2, expected, found)):
            met = _met(points, targets, reach)
            counts[label, start : start + 2] = np.count_nonzero(met), met.size
    return counts


def boundary_f(counts: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return each class's F, 2 P R / (P + R), of `boundary_counts`.

    A class without a boundary in the truth has none: nan. One with a boundary there, and none or no
    met one in the prediction, has 0.
    """
    found_met, found, true_met, true = counts.astype(np.float64).T
    with np.errstate(invalid="ignore", divide="ignore"):
        precision, recall = found_met / found, true_met / true
        values = 2 * precision * recall / (precision + recall)
    # Met on one side is not always met on the other: void and the tolerance's edge.
    values = np.where((found_met == 0) | (true_met == 0), 0.0, values)
    return np.where(true > 0, values, np.nan)


def _edges(classes: NDArray[np.uint8], void: _Flags) -> _Flags:
    """Return the pixels beside one of another class, neither of them void; bool [h, w]."""
    edges = np.zeros(classes.shape, bool)
    for before, after in (
        (np.s_[:, :-1], np.s_[:, 1:]),
        (np.s_[:-1], np.s_[1:]),
    ):
        differ = (classes[before] != classes[after]) & ~void[before] & ~void[after]
        edges[before] |= differ
        edges[after] |= differ
    return edges


def _met(points: _Flags, targets: _Flags, reach: float) -> _Flags:
    """Return, for each of the points in their order, whether a target is nearer than `reach`."""
    if not points.any():
        return np.zeros(0, bool)
    part = _surroundings(points, math.ceil(reach))
    return _grown(targets[part], reach)[points[part]]


def _grown(flags: _Flags, reach: float) -> _Flags:
    """Return the pixels nearer than `reach` to one that is set.

    The disc of that radius is a union of rectangles, whose dilations OpenCV does by rows and
    columns: quicker than one with the disc, and than a distance transform.
    """
    picture = np.ascontiguousarray(flags).view(np.uint8)
    grown = picture.copy()
    for size in _rectangles(reach):
        grown |= np.asarray(cv2.dilate(picture, np.ones(size, np.uint8)), np.uint8)
    return np.asarray(grown > 0)


@lru_cache(maxsize=64)
def _rectangles(reach: float) -> tuple[tuple[int, int], ...]:
    """Return the [h, w] of centred rectangles that make up the disc x^2 + y^2 < reach^2."""
    widths: dict[int, int] = {}
    for y in range(math.ceil(reach)):
        x = math.isqrt(math.ceil(reach**2 - y**2) - 1)
        widths[2 * x + 1] = 2 * y + 1  # of one width the highest stays
    return tuple((height, width) for width, height in widths.items())


def _surroundings(points: _Flags, margin: int) -> tuple[slice, slice]:
    """Return the part of the picture that holds the points, and `margin` pixels around them."""
    rows, columns = np.flatnonzero(points.any(axis=1)), np.flatnonzero(points.any(axis=0))
    return (
        slice(max(0, int(rows[0]) - margin), int(rows[-1]) + margin + 1),
        slice(max(0, int(columns[0]) - margin), int(columns[-1]) + margin + 1),
    )
