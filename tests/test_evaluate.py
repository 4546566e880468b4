"""Evaluation of a set: figures, what is left out, sizes, intervals and agreement."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from edgeseg.errors import DataError
from edgeseg.evaluate import Segment, compare, evaluate
from edgeseg.evaluation import Evaluation, miou_change
from edgeseg.manifest import Size
from edgeseg.masks import Pair
from edgeseg.segmenter import Segmenter

INT8 = Path(__file__).parent / "data" / "tiny-int8.tflite"
LABELS = ("a", "b", "c", "d")
VOID = 9

Maps = list[NDArray[np.uint8]]


def random_maps(count: int, seed: int, classes: int = 4, shape: tuple[int, int] = (12, 16)) -> Maps:
    random = np.random.default_rng(seed)
    return [
        np.kron(random.integers(0, classes, shape), np.ones((4, 4), int)).astype(np.uint8)
        for _ in range(count)
    ]


def saved(folder: Path, truths: Maps, size: Size | None = None) -> list[Pair]:
    """Write each truth with an image of `size` (the truth's own, if None) that holds its number."""
    pairs = []
    for number, truth in enumerate(truths):
        pair = Pair(folder / f"{number}.png", folder / f"{number}-mask.png")
        width, height = size or truth.shape[::-1]
        cv2.imwrite(str(pair.image), np.full((height, width, 3), number, np.uint8))
        cv2.imwrite(str(pair.mask), truth)
        pairs.append(pair)
    return pairs


def oracle(maps: Maps) -> Segment:
    """A model that knows the images of `saved` by their number."""
    return lambda frame, size: maps[int(frame[0, 0, 0])]  # noqa: ARG005


def evaluated(folder: Path, truths: Maps, predictions: Maps) -> Evaluation:
    return evaluate(oracle(predictions), LABELS, saved(folder, truths), VOID)


def test_the_figures_are_those_of_all_pixels_together(tmp_path: Path) -> None:
    sklearn_metrics = pytest.importorskip("sklearn.metrics", reason="needs scikit-learn")
    truths, predictions = random_maps(5, seed=1), random_maps(5, seed=2)
    for number, truth in enumerate(truths):
        predictions[number][:, :40] = truth[:, :40]
        truth[:9, number:] = VOID
    found = evaluated(tmp_path, truths, predictions)
    true, guess = (np.concatenate([m.ravel() for m in maps]) for maps in (truths, predictions))
    true, guess = true[true != VOID], guess[true != VOID]
    exact = {"rel": 0, "abs": 1e-9}
    assert found.miou == pytest.approx(
        sklearn_metrics.jaccard_score(true, guess, average="macro"), **exact
    )
    assert found.frequency_weighted_iou == pytest.approx(
        sklearn_metrics.jaccard_score(true, guess, average="weighted"), **exact
    )
    assert found.pixel_accuracy == pytest.approx((true == guess).mean(), **exact)
    assert found.mean_accuracy == pytest.approx(
        sklearn_metrics.balanced_accuracy_score(true, guess), **exact
    )
    assert (found.confusion == sklearn_metrics.confusion_matrix(true, guess)).all()
    assert sum(image.truth.sum() for image in found.images) == true.size
    assert sum(image.void for image in found.images) == 5 * 48 * 64 - true.size


def test_absent_classes_are_named_and_count_in_no_mean(tmp_path: Path) -> None:
    truth = np.zeros((20, 20), np.uint8)
    truth[:, 10:] = 1
    prediction = truth.copy()
    prediction[:2, :10] = 2  # 20 pixels of a, predicted as c, which is not there
    found = evaluated(tmp_path, [truth], [prediction])
    assert found.absent == ("c", "d")
    assert found.only_predicted == {"c": 20}
    assert found.iou == {"a": pytest.approx(180 / 200), "b": 1.0}
    assert found.accuracy == {"a": pytest.approx(0.9), "b": 1.0}
    assert found.miou == pytest.approx(0.95)
    assert set(found.boundary_f_by_class) == {"a", "b"}


def test_json_holds_numbers_or_null(tmp_path: Path) -> None:
    void = np.full((8, 8), VOID, np.uint8)
    found = evaluated(tmp_path, [void], [np.zeros_like(void)])
    told = json.loads(json.dumps(found.to_json(), allow_nan=False))
    assert (told["images"], told["pixels"], told["iou"]) == (1, 0, {})
    for figure in ("miou", "pixel_accuracy", "mean_accuracy", "frequency_weighted_iou"):
        assert told[figure] is None
    assert told["boundary_f"] is None
    assert told["miou_interval"] == [None, None]
    assert told["absent"] == list(LABELS)


def test_the_interval_is_that_of_drawing_images_again_and_again(tmp_path: Path) -> None:
    truths, predictions = random_maps(12, seed=3), random_maps(12, seed=4)
    for number in range(12):
        predictions[number][:, : 4 * number] = truths[number][:, : 4 * number]
    found = evaluated(tmp_path, truths, predictions)
    random = np.random.default_rng(5)
    draws = []
    for _ in range(1000):
        chosen = random.integers(0, 12, 12)
        hits, true, guessed = (
            sum(getattr(found.images[i], name) for i in chosen)
            for name in ("hits", "truth", "predicted")
        )
        draws.append(float(np.mean(hits / (true + guessed - hits))))
    assert found.interval == pytest.approx(tuple(np.percentile(draws, [2.5, 97.5])), abs=0.01)
    assert found.interval[0] < found.miou < found.interval[1]
    assert found.interval == evaluated(tmp_path, truths, predictions).interval


def test_images_alike_leave_no_doubt_and_a_single_one_tells_nothing(tmp_path: Path) -> None:
    truth, prediction = random_maps(2, seed=6)
    alike = evaluated(tmp_path, [truth] * 3, [prediction] * 3)
    assert alike.interval == pytest.approx((alike.miou, alike.miou))
    assert np.isnan(evaluated(tmp_path, [truth], [prediction]).interval).all()


def test_agreement_counts_all_pixels_and_changes_are_paired(tmp_path: Path) -> None:
    truths, own = random_maps(3, seed=7), random_maps(3, seed=7)
    truths[0][:] = VOID
    other = [m.copy() for m in own]
    other[0][:12] = 3 - other[0][:12]  # a quarter of the image, all of it void
    other[2][:24] = 3 - other[2][:24]
    found = compare(
        [oracle(own), oracle(other)], LABELS, saved(tmp_path, truths), VOID, against=oracle(own)
    )
    same, changed = found.agreements
    assert (same.share, same.worst[0]) == (1.0, 1.0)
    assert changed.shares.tolist() == [0.75, 1.0, 0.5]
    assert changed.share == pytest.approx(0.75)
    assert changed.worst == (0.5, tmp_path / "2.png")
    assert found.against is not None
    assert miou_change(found.evaluations[0], found.against) == (0.0, (0.0, 0.0))
    change, (low, high) = miou_change(found.evaluations[1], found.against)
    assert change < 0
    assert low < change < high


def test_progress_comes_after_each_image(tmp_path: Path) -> None:
    maps = random_maps(3, seed=8)
    told: list[tuple[int, int]] = []
    pairs = saved(tmp_path, maps)
    evaluate(oracle(maps), LABELS, pairs, VOID, lambda done, total: told.append((done, total)))
    assert told == [(1, 3), (2, 3), (3, 3)]


@pytest.mark.parametrize("mask_size", [Size(48, 32), Size(144, 96), Size(31, 21)])
def test_a_model_predicts_at_the_masks_size(tmp_path: Path, mask_size: Size) -> None:
    """Red on the left, blue on the right, and no label resampled on the way."""
    pair = Pair(tmp_path / "a.png", tmp_path / "b.png")
    frame = np.zeros((64, 96, 3), np.uint8)
    frame[:, :48], frame[:, 48:] = (0, 0, 255), (255, 0, 0)
    truth = np.zeros((mask_size.height, mask_size.width), np.uint8)
    truth[:, (mask_size.width + 1) // 2 :] = 2
    cv2.imwrite(str(pair.image), frame)
    cv2.imwrite(str(pair.mask), truth)
    with Segmenter(INT8) as model:
        found = evaluate(
            lambda image, size: model.segment(image, size).mask, ("r", "g", "b"), [pair], None
        )
    assert (found.images[0].size, found.images[0].mask_size) == (Size(96, 64), mask_size)
    assert found.confusion.sum() == truth.size
    assert found.pixel_accuracy > 0.9


def test_a_mask_of_another_shape_is_refused(tmp_path: Path) -> None:
    maps = random_maps(1, seed=9)
    pairs = saved(tmp_path, maps, size=Size(64, 64))
    with pytest.raises(DataError, match=r"0-mask\.png is 64x48, its image 64x64"):
        evaluate(oracle(maps), LABELS, pairs, VOID)
    with pytest.raises(DataError, match="no images"):
        evaluate(oracle(maps), LABELS, [], VOID)
