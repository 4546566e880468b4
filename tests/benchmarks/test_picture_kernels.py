"""The table of picture kernels: every kind of work runs, and is told in copies."""

from __future__ import annotations

from edgeseg.benchmarks import picture_kernels
from edgeseg.benchmarks.picture_kernels import COPY, least_ms, lines, picture_work, pictures, street
from edgeseg.manifest import Size


def test_every_work_is_timed_and_told_in_copies() -> None:
    frame, mask = street(Size(64, 48))
    assert len(set(mask.flat)) > 3
    held = pictures(frame, mask)
    assert len(held.frames) == picture_kernels.FRAMES
    least = least_ms(picture_work(held, Size(24, 16)), turns=2)
    assert all(ms > 0 for ms in least.values())
    told = lines({COPY: 0.5, "prepare": 1.0})
    assert told[0].split() == [COPY, "0.500", "ms", "1.00"]
    assert told[1].split()[-1] == "2.00"
