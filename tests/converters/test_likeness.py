"""Pictures that differ are chosen, and those that repeat another are counted."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from edgeseg.converters.likeness import Thumbnail, choose, count_distinct, thumbnail

pytestmark = pytest.mark.convert


def grey(level: float) -> Thumbnail:
    return np.full(768, level, np.float32)


def noisy(picture: Any, seed: int) -> Any:
    noise = np.random.default_rng(seed).normal(0, 8, picture.shape)
    return np.clip(picture + noise, 0, 255).astype(np.uint8)


def test_the_rare_are_chosen_beside_the_usual() -> None:
    pictures = {number: grey(20 + number * 0.1) for number in range(40)}
    pictures[17], pictures[31] = grey(200), grey(120)
    chosen = choose(pictures, (0, 20), 4)
    assert chosen == (0, 17, 20, 31)


def test_every_number_at_most_once_and_no_more_than_there_are() -> None:
    same = {number: grey(50) for number in range(5)}
    assert len(set(choose(same, (), 3))) == 3
    assert choose(same, (1, 3), 2) == (1, 3)
    assert choose(same, (0,), 9) == (0, 1, 2, 3, 4)
    assert choose(same, (7, 2), 2) == (0, 2)  # 7 could not be read
    assert choose(same, (0, 1, 2), 2) == (0, 1)


def test_a_camera_that_stands_still_gives_one_picture() -> None:
    blocks = np.random.default_rng(0).integers(60, 200, (6, 8, 3)).astype(np.uint8)
    scene = blocks.repeat(40, axis=0).repeat(40, axis=1)
    still = [thumbnail(noisy(scene, seed)) for seed in range(20)]
    moved = [thumbnail(np.roll(scene, 40 * step, axis=1)) for step in range(4)]
    assert count_distinct(still) == 1
    assert count_distinct([*still, *moved]) == 4  # the first of `moved` is the scene itself
    assert count_distinct([]) == 0
