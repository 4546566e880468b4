"""A camera that ffmpeg plays, killed and frozen while it is watched."""

from __future__ import annotations

import pytest
from streams import ffmpeg_command, measure, watching, why_no_ffmpeg

MOST_S = 5.0 + 2.0  # what is promised, and as much again for machines that are busy


@pytest.mark.slow
@pytest.mark.parametrize("way", ["killed", "frozen", "black hole", "restarted"])
def test_outages_are_noticed_and_survived(way: str) -> None:
    missing = why_no_ffmpeg()
    if missing:
        pytest.skip(missing)
    with watching(ffmpeg_command, "http://127.0.0.1:{port}/cam.mjpg") as (camera, watch):
        times = measure(camera, watch, way, cycles=5)
        print(f"HTTP {way}: {times}")  # noqa: T201  what was measured
        assert max(times.noticed_s) < MOST_S
        assert max(times.back_s) < MOST_S
        status = watch.source.status
        assert status is not None
        assert status.losses == 5
        assert status.mode == "640x480 MJPG"
