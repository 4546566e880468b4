"""The procedural street: repeatable, exact, moving, and holding every class."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from edgeseg.labels import STREET
from edgeseg.manifest import Size
from edgeseg.sources.street import render_street

SIZE = Size(160, 120)


def class_index(name: str) -> int:
    return STREET.names.index(name)


def shares(truth: NDArray[np.uint8]) -> NDArray[np.float64]:
    return np.bincount(truth.ravel(), minlength=len(STREET.names)) / truth.size


def test_same_arguments_give_the_same_pixels_whatever_was_rendered_between() -> None:
    pixels, truth = render_street(3, 4.2, SIZE)
    for seed in range(4, 14):
        render_street(seed, 1.0, Size(64, 48))
    again, truth_again = render_street(3, 4.2, SIZE)
    assert np.array_equal(pixels, again)
    assert np.array_equal(truth, truth_again)


def test_callers_may_write_into_what_they_get() -> None:
    pixels, truth = render_street(3, 4.2, SIZE)
    expected = pixels.copy(), truth.copy()
    pixels[:], truth[:] = 0, 0
    again, truth_again = render_street(3, 4.2, SIZE)
    assert np.array_equal(again, expected[0])
    assert np.array_equal(truth_again, expected[1])


def test_seeds_give_different_streets() -> None:
    first, second = (render_street(seed, 1.0, SIZE)[1] for seed in (1, 2))
    assert np.mean(first != second) > 0.05


@pytest.mark.parametrize(
    "size", [Size(64, 48), Size(65, 49), Size(97, 211), Size(640, 120), Size(481, 353)]
)
def test_any_size_is_filled_with_classes(size: Size) -> None:
    pixels, truth = render_street(5, 2.0, size)
    assert pixels.shape == (size.height, size.width, 3)
    assert truth.shape == (size.height, size.width)
    assert pixels.dtype == truth.dtype == np.uint8
    assert pixels.flags.c_contiguous
    assert truth.flags.c_contiguous
    assert truth.max() < len(STREET.names)


@pytest.mark.parametrize("seed", [-1, 0, 2**40 + 7])
def test_any_integer_is_a_seed(seed: int) -> None:
    _, truth = render_street(seed, 0.0, SIZE)
    assert shares(truth)[class_index("road")] > 0.1


def test_every_class_appears_in_a_plausible_share() -> None:
    total = sum(
        (shares(render_street(seed, 3.0 + 6 * seed, SIZE)[1]) for seed in range(24)),
        start=np.zeros(len(STREET.names)),
    )
    mean = dict(zip(STREET.names, total / 24, strict=True))
    assert all(share > 0.001 for share in mean.values()), mean
    assert mean["road"] == max(mean.values())
    assert 0.08 < mean["sky"] < 0.35
    assert 0.1 < mean["building"] < 0.35


@pytest.mark.parametrize("seed", range(6))
def test_the_camera_stands_on_the_road_under_the_sky(seed: int) -> None:
    _, truth = render_street(seed, 11.0, SIZE)
    bottom = truth[-4:, SIZE.width // 2 - 8 : SIZE.width // 2 + 8]
    assert np.all(bottom == class_index("road"))
    sky_rows = np.flatnonzero((truth == class_index("sky")).any(1))
    road_rows = np.flatnonzero((truth == class_index("road")).any(1))
    assert sky_rows.max() < 0.6 * SIZE.height
    assert road_rows.min() > 0.35 * SIZE.height


def test_truth_follows_what_is_painted() -> None:
    """Where the class changes across a row, so does the picture, far more than elsewhere."""
    inside, across = [], []
    for seed in range(4):
        pixels, truth = render_street(seed, 5.0, Size(320, 240))
        step = np.abs(np.diff(pixels.astype(int), axis=1)).sum(2)
        edge = np.diff(truth.astype(int), axis=1) != 0
        inside.append(step[~edge].mean())
        across.append(step[edge].mean())
    assert np.mean(across) > 3 * np.mean(inside)


def test_frames_in_a_row_differ_a_little() -> None:
    now = render_street(2, 10.0, SIZE)
    soon = render_street(2, 10.04, SIZE)
    later = render_street(2, 14.0, SIZE)
    little, much = np.mean(now[1] != soon[1]), np.mean(now[1] != later[1])
    assert 0 < little < 0.08
    assert much > 2 * little
    assert not np.array_equal(now[0], soon[0])


@pytest.mark.parametrize("t", [59.99, 600.0, 3599.96])
def test_the_street_never_ends(t: float) -> None:
    found = shares(render_street(7, t, SIZE)[1])
    solid = [class_index(name) for name in ("building", "tree", "fence", "pole")]
    assert found[solid].sum() > 0.05
    assert found[class_index("road")] > 0.1
