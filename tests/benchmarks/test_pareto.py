"""The Pareto front of time and accuracy."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from edgeseg.benchmarks.pareto import front

POINTS = st.lists(st.tuples(st.integers(1, 9), st.integers(1, 9)), min_size=1, max_size=12)


def test_what_is_slower_and_worse_is_left_out() -> None:
    assert front([3, 1, 2, 2], [0.6, 0.4, 0.5, 0.45]) == (1, 2, 0)


def test_equal_ones_are_all_kept() -> None:
    assert front([2, 2], [0.5, 0.5]) == (0, 1)


@given(POINTS)
def test_every_other_point_is_beaten_by_one_of_the_front(points: list[tuple[int, int]]) -> None:
    times, scores = zip(*points, strict=True)
    kept = front(times, scores)
    assert kept
    assert [times[index] for index in kept] == sorted(times[index] for index in kept)
    for index, (time, score) in enumerate(points):
        beaten = any(
            times[k] <= time and scores[k] >= score and (times[k], scores[k]) != (time, score)
            for k in kept
        )
        assert beaten == (index not in kept)
