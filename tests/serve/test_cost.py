"""Viewers cost the frame loop next to nothing."""

from __future__ import annotations

import pytest

pytest.importorskip("aiohttp", reason="needs aiohttp; pip install 'edgeseg[serve]'")

from edgeseg.benchmarks.viewer_cost import measure_viewers

# The figure itself, 3 %, is for `python -m edgeseg.benchmarks.viewer_cost` on a quiet machine.
SLACK = 2
MOST = 0.03


@pytest.mark.slow
def test_32_viewers_of_which_half_stall_slow_no_masks() -> None:
    # Longer than it takes to drop those that stall.
    cost = measure_viewers(looking=16, stalling=16, pairs=3, phase_s=11.5)
    print(cost)  # noqa: T201  the figures are of interest beyond the test
    assert cost.ratio >= 1 - SLACK * MOST
    assert cost.stalled >= 16
    assert cost.pictures_fps > 1
