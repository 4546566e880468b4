"""The synthetic source: options, pace, truth."""

from __future__ import annotations

import itertools
import time

import numpy as np
import pytest

from edgeseg.errors import ConfigError
from edgeseg.manifest import Size
from edgeseg.sources import open_source

SMALL = "synthetic://street?size=64x48"


def test_frames_carry_their_truth() -> None:
    source = open_source(f"{SMALL}&frames=3&fps=10")
    assert (source.live, source.length, source.size, source.fps) == (False, 3, Size(64, 48), 10.0)
    frames = list(source.frames())
    assert [frame.name for frame in frames] == ["000000", "000001", "000002"]
    for frame in frames:
        assert frame.pixels.shape == (48, 64, 3)
        assert frame.truth is not None
        assert frame.truth.shape == (48, 64)
        assert frame.truth.max() < 11


def test_defaults() -> None:
    source = open_source("synthetic://street")
    assert (source.live, source.length, source.size, source.fps) == (
        False,
        None,
        Size(640, 360),
        25.0,
    )


def test_the_same_seed_gives_the_same_street() -> None:
    one, two, other = (
        next(open_source(f"{SMALL}&seed={seed}").frames()).pixels for seed in (4, 4, 5)
    )
    assert np.array_equal(one, two)
    assert not np.array_equal(one, other)


def test_live_frames_come_at_their_pace() -> None:
    source = open_source(f"{SMALL}&live=1&fps=20")
    assert source.live
    times = [frame.captured_s for frame in itertools.islice(source.frames(), 5)]
    assert times[-1] - times[0] >= 0.19


def test_closing_wakes_a_live_street() -> None:
    source = open_source(f"{SMALL}&live=1&fps=0.01")
    frames = source.frames()
    next(frames)
    source.close()
    start_s = time.monotonic()
    list(frames)
    assert time.monotonic() - start_s < 5


@pytest.mark.parametrize(
    ("uri", "words"),
    [
        ("synthetic://beach", ["street"]),
        ("synthetic://street?sed=1", ["sed", "seed, size, frames, fps, live"]),
        ("synthetic://street?size=9x9&fps=fast", ["size is '9x9'", "fps is 'fast'"]),
        ("synthetic://street?fps=nan", ["fps is 'nan'"]),
        ("synthetic://street?frames=-3", ["frames is '-3'"]),
        ("synthetic://street?live=yes", ["0 or 1"]),
        ("synthetic://street?seed=", ["seed is ''"]),
    ],
)
def test_bad_options_are_named_all_at_once(uri: str, words: list[str]) -> None:
    with pytest.raises(ConfigError) as caught:
        open_source(uri)
    for word in words:
        assert word in str(caught.value)
