"""What charts are drawn from."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgeseg.reports.charts import axis, density, scatter

VALUES = st.integers(-(10**6), 10**6).map(lambda number: number / 1000)


@given(VALUES, VALUES)
def test_an_axis_holds_both_values_between_round_ticks(one: float, other: float) -> None:
    low, high = sorted((one, other))
    found = axis(low, high)
    slack = 1e-6 * (found.high - found.low)
    assert found.low <= low + slack
    assert found.high >= high - slack
    places = [tick.place for tick in found.ticks]
    assert (places[0], places[-1]) == (0.0, pytest.approx(1.0))
    assert 2 <= len(places) <= 10
    assert len({tick.text for tick in found.ticks}) == len(places)


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        (0.93, 2.7, "0.5 1.0 1.5 2.0 2.5 3.0"),
        (0, 81, "0 20 40 60 80 100"),
        (0.441, 0.462, "0.440 0.445 0.450 0.455 0.460 0.465"),
    ],
)
def test_ticks_are_of_one_two_or_five(low: float, high: float, expected: str) -> None:
    assert " ".join(tick.text for tick in axis(low, high).ticks) == expected


def test_a_density_is_highest_where_most_values_are() -> None:
    along = axis(0, 10)
    values = np.concatenate([np.full(90, 2.0), np.full(10, 8.0), [99.0]])
    corners = [tuple(map(float, point.split(","))) for point in density(values, along).split()]
    peak = min(corners, key=lambda corner: corner[1])
    assert peak[0] == pytest.approx(20, abs=1.5)
    assert peak[1] == pytest.approx(0, abs=0.1)
    assert all(0 <= x <= 100 and 0 <= y <= 100 for x, y in corners)


def test_points_that_lie_together_share_a_label() -> None:
    points = scatter([1, 1.01, 2], [0.5, 0.5, 0.6], axis(1, 2), axis(0.5, 0.6), marked=[2])
    assert [point.text for point in points] == ["1, 2", "", "3"]
    assert [point.marked for point in points] == [False, False, True]
    assert (points[2].x, points[2].y) == (1.0, 1.0)
