"""Boundary F-score, against its definition pixel by pixel."""

from __future__ import annotations

import math
from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

from edgeseg import boundary
from edgeseg.boundary import boundary_counts, boundary_f, tolerance_px
from edgeseg.errors import DataError

VOID = 9
Classes = NDArray[np.uint8]
Points = set[tuple[int, int]]


def neighbours(shape: tuple[int, ...], y: int, x: int) -> Points:
    around = {(y - 1, x), (y + 1, x), (y, x - 1), (y, x + 1)}
    return {(i, j) for i, j in around if 0 <= i < shape[0] and 0 <= j < shape[1]}


def edge(classes: Classes, label: int, void: Points) -> Points:
    points = product(*map(range, classes.shape))
    return {
        (y, x)
        for y, x in points
        if classes[y, x] == label
        and (y, x) not in void
        and any(classes[n] != label for n in neighbours(classes.shape, y, x) - void)
    }


def near(points: Points, targets: Points, reach: float) -> Points:
    return {p for p in points if any(math.dist(p, t) < reach for t in targets)}


def slow_counts(truth: Classes, prediction: Classes, count: int) -> list[list[int]]:
    reach = tolerance_px(truth.shape)
    void = {(int(y), int(x)) for y, x in np.argwhere(truth == VOID)}
    rows = []
    for label in range(count):
        true, found = edge(truth, label, void), edge(prediction, label, set())
        judged = found - void - near(found, void, reach)
        rows.append(
            [
                len(near(judged, true, reach)),
                len(judged),
                len(near(true, found, reach)),
                len(true),
            ]
        )
    return rows


@st.composite
def maps(draw: st.DrawFn) -> tuple[Classes, Classes]:
    shape = draw(st.tuples(st.integers(1, 9), st.integers(1, 9)))
    truth = draw(arrays(np.uint8, shape, elements=st.sampled_from([0, 0, 0, 1, 2, VOID])))
    prediction = draw(arrays(np.uint8, shape, elements=st.integers(0, 2), fill=st.just(0)))
    return truth, prediction


# With none of these is a tolerance just as long as a distance, where rounding would decide.
@given(maps(), st.sampled_from([0.0075, 0.11, 0.23, 0.41, 1.01]))
def test_counts_are_those_of_the_definition(
    pair: tuple[Classes, Classes], tolerance: float
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(boundary, "TOLERANCE", tolerance)
        assert boundary_counts(*pair, 4, VOID).tolist() == slow_counts(*pair, 4)


def halves(column: int, size: int = 200) -> Classes:
    classes = np.zeros((size, size), np.uint8)
    classes[:, column:] = 1
    return classes


def test_a_boundary_within_the_tolerance_is_met_and_one_beyond_is_not() -> None:
    assert tolerance_px((200, 200)) == pytest.approx(2.12, abs=0.01)
    assert boundary_f(boundary_counts(halves(100), halves(102), 2)).tolist() == [1, 1]
    assert boundary_f(boundary_counts(halves(100), halves(103), 2)).tolist() == [0, 0]


def test_precision_and_recall_are_weighed_alike() -> None:
    prediction = halves(100)
    prediction[:, :50] = 1  # a second boundary that is not there
    counts = boundary_counts(halves(100), prediction, 2)
    assert counts[0].tolist() == [200, 400, 200, 200]
    assert boundary_f(counts)[0] == pytest.approx(2 * 0.5 * 1 / 1.5)


def test_classes_without_a_true_boundary_have_no_score() -> None:
    flat = np.zeros((50, 50), np.uint8)
    missed = boundary_f(boundary_counts(halves(25, 50), flat, 3))
    assert missed[:2].tolist() == [0, 0]
    assert np.isnan(missed[2])
    assert np.isnan(boundary_f(boundary_counts(flat, halves(25, 50), 2))).all()


def test_void_hides_a_boundary() -> None:
    truth = halves(100)
    truth[:, 95:105] = VOID
    assert np.isnan(boundary_f(boundary_counts(truth, halves(100), 2, VOID))).all()
    # One well inside void, or just beside it, is no mistake; one far away is.
    for column, judged in ((100, 0), (94, 0), (60, 200)):
        assert boundary_counts(truth, halves(column), 2, VOID)[0].tolist() == [0, judged, 0, 0]


def test_other_sizes_are_refused() -> None:
    with pytest.raises(DataError, match="same size"):
        boundary_counts(halves(1, 5), halves(1, 6), 2)
