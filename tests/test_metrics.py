"""Figures over class maps, against counting by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgeseg.errors import DataError
from edgeseg.metrics import agreement, confusion, iou, mean_iou, pixel_accuracy

TRUTH = np.array([[0, 0, 1], [1, 1, 9]], np.uint8)
GUESS = np.array([[0, 1, 1], [1, 0, 7]], np.int64)


def test_confusion_counts_pairs_and_leaves_out_the_ignored() -> None:
    conf = confusion(TRUTH, GUESS, 3, ignore=9)
    assert conf.dtype == np.int64
    assert conf.tolist() == [[1, 1, 0], [1, 2, 0], [0, 0, 0]]


def test_figures_of_a_known_matrix() -> None:
    conf = confusion(TRUTH, GUESS, 3, ignore=9)
    assert iou(conf)[:2].tolist() == [1 / 3, 2 / 4]
    assert math.isnan(iou(conf)[2])
    assert mean_iou(conf) == pytest.approx((1 / 3 + 1 / 2) / 2)
    assert pixel_accuracy(conf) == 3 / 5


def test_a_class_that_is_only_predicted_counts_as_zero() -> None:
    conf = confusion(np.zeros(4, np.uint8), np.array([0, 0, 0, 2]), 3)
    assert iou(conf)[2] == 0.0
    assert mean_iou(conf) == pytest.approx((3 / 4 + 0) / 2)


def test_nothing_to_count_has_no_figures() -> None:
    conf = confusion(np.full(3, 9), np.zeros(3, int), 3, ignore=9)
    assert conf.sum() == 0
    assert math.isnan(mean_iou(conf))
    assert math.isnan(pixel_accuracy(conf))
    assert math.isnan(agreement(np.zeros(0), np.zeros(0)))


@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4)), min_size=1, max_size=60))
def test_figures_match_counting_one_by_one(pairs: list[tuple[int, int]]) -> None:
    truth, guess = (np.array(part, np.uint8) for part in zip(*pairs, strict=True))
    conf = confusion(truth, guess, 5)
    for i in range(5):
        both = sum(pair == (i, i) for pair in pairs)
        either = sum(i in pair for pair in pairs)
        if either:
            assert iou(conf)[i] == both / either
        else:
            assert math.isnan(iou(conf)[i])
    right = sum(a == b for a, b in pairs) / len(pairs)
    assert pixel_accuracy(conf) == pytest.approx(right)
    assert agreement(truth, guess) == pytest.approx(right)


def test_matrices_of_parts_add_up_to_that_of_the_whole() -> None:
    random = np.random.default_rng(1)
    truth, guess = random.integers(0, 4, (2, 10, 7))
    parts = confusion(truth[:5], guess[:5], 4) + confusion(truth[5:], guess[5:], 4)
    assert (parts == confusion(truth, guess, 4)).all()


def test_other_sizes_and_values_are_refused() -> None:
    with pytest.raises(DataError, match="same size"):
        confusion(TRUTH, GUESS[:1], 3)
    with pytest.raises(DataError, match="cannot be compared"):
        agreement(TRUTH, GUESS[:1])
    with pytest.raises(DataError, match="mask holds classes 0 to 9, expected 0 to 2"):
        confusion(TRUTH, GUESS, 3)
    with pytest.raises(DataError, match="prediction holds classes -1 to 0"):
        confusion(TRUTH, np.where(GUESS == 7, 0, GUESS) - 1, 10)
