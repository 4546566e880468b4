"""When the pictures of a stream arrived."""

from __future__ import annotations

import pytest

from edgeseg.sources.stream_clock import StreamClock


def test_pictures_that_waited_are_as_old_as_they_are() -> None:
    clock = StreamClock()
    for index in range(10):
        assert clock.arrived_s(100 + index / 10, index / 10) == pytest.approx(100 + index / 10)
    # Nobody read for a second; then ten pictures are read at once.
    for index in range(10, 20):
        assert clock.arrived_s(102.0, index / 10) == pytest.approx(100 + index / 10)


def test_it_follows_a_clock_that_drifts() -> None:
    clock = StreamClock()
    for index in range(600):
        now_s = index * 0.1 * 1.001  # a millisecond a second: far more than clocks drift
        assert now_s - clock.arrived_s(now_s, index * 0.1) < 0.032


def test_it_starts_afresh_when_the_stream_leaps() -> None:
    clock = StreamClock()
    clock.arrived_s(100.0, 7.0)
    assert clock.arrived_s(100.1, 5000.0) == pytest.approx(100.1)
    assert clock.arrived_s(100.2, 0.0) == pytest.approx(100.2)
    assert clock.arrived_s(100.3, 0.0) == pytest.approx(100.3)
