"""Results to write, without a network."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from edgeseg.labels import STREET
from edgeseg.loop import FrameResult
from edgeseg.manifest import Size
from edgeseg.overlay import Painter
from edgeseg.segmenter import StageTimes
from edgeseg.sources import Frame

MakeResult = Callable[..., FrameResult]
SIZE = Size(64, 48)


@pytest.fixture
def make_result() -> MakeResult:
    """Make the result of frame `index`: grey, brighter with each index; road above, sky below."""

    def make(
        index: int = 0, size: Size = SIZE, captured_s: float | None = None, name: str = ""
    ) -> FrameResult:
        pixels = np.full((size.height, size.width, 3), index % 200, np.uint8)
        mask = np.zeros((size.height, size.width), np.uint8)
        mask[: size.height // 2] = 3
        time_s = index / 25 if captured_s is None else captured_s
        frame = Frame(index, pixels, time_s, name=name or f"{index:06d}")
        return FrameResult(frame, mask, StageTimes(1.0, 2.0, 0.5), 12.3456)

    return make


@pytest.fixture
def painter() -> Painter:
    """A painter that leaves the frame as it is, so that tests can recognise it."""
    return Painter(STREET.names, STREET.palette, alpha=0.0, legend=False)
