"""Figures over class maps, against scikit-learn's on random label maps."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

from edgeseg import metrics

sklearn_metrics = pytest.importorskip("sklearn.metrics", reason="needs scikit-learn")

CLASSES = 6
VOID = 255
EXACT = {"rel": 0, "abs": 1e-9}


@st.composite
def label_maps(draw: st.DrawFn) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Truth with void, and prediction, each of a few classes: some are in one, some in none."""
    shape = draw(st.tuples(st.integers(1, 9), st.integers(1, 9)))
    classes = st.lists(st.integers(0, CLASSES - 1), min_size=1, max_size=CLASSES, unique=True)
    truth = st.sampled_from([*draw(classes), VOID])
    prediction = st.sampled_from(draw(classes))
    return draw(arrays(np.uint8, shape, elements=truth)), draw(
        arrays(np.uint8, shape, elements=prediction)
    )


def counted(maps: tuple[NDArray[Any], NDArray[Any]]) -> tuple[NDArray[Any], NDArray[Any]]:
    truth, prediction = maps
    return truth[truth != VOID], prediction[truth != VOID]


@given(label_maps())
def test_figures_equal_scikit_learns(maps: tuple[NDArray[np.uint8], NDArray[np.uint8]]) -> None:
    conf = metrics.confusion(*maps, CLASSES, VOID)
    truth, prediction = counted(maps)
    if truth.size == 0:
        assert np.isnan(metrics.mean_iou(conf))
        return
    every = np.arange(CLASSES)
    assert (conf == sklearn_metrics.confusion_matrix(truth, prediction, labels=every)).all()

    def jaccard(labels: NDArray[Any] | None, average: str | None) -> Any:
        return sklearn_metrics.jaccard_score(
            truth, prediction, labels=labels, average=average, zero_division=0
        )

    ours = metrics.iou(conf)
    union = np.union1d(truth, prediction)
    assert np.flatnonzero(~np.isnan(ours)).tolist() == union.tolist()
    assert ours[union] == pytest.approx(jaccard(union, None), **EXACT)
    assert metrics.mean_iou(conf) == pytest.approx(jaccard(None, "macro"), **EXACT)
    present = np.unique(truth)
    assert metrics.mean_in_truth(ours, conf) == pytest.approx(jaccard(present, "macro"), **EXACT)
    assert metrics.frequency_weighted_iou(conf) == pytest.approx(jaccard(None, "weighted"), **EXACT)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of classes that are only predicted
        balanced = sklearn_metrics.balanced_accuracy_score(truth, prediction)
    assert metrics.mean_accuracy(conf) == pytest.approx(balanced, **EXACT)
    assert metrics.pixel_accuracy(conf) == pytest.approx(
        sklearn_metrics.accuracy_score(truth, prediction), **EXACT
    )
