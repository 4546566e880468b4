"""Try out sets of layers in float32, each set once."""

from __future__ import annotations

import time
from collections.abc import Collection

from edgeseg.converters.yardstick import Yardstick

from .surgery import Surgeon


class Trials:
    """What files with kept layers lose.

    Attributes:
        done: how many files were tried.
        spent_s: how long that took.
    """

    def __init__(self, surgeon: Surgeon, yardstick: Yardstick) -> None:
        """Try nothing yet."""
        self.done, self.spent_s = 0, 0.0
        self._surgeon, self._yardstick = surgeon, yardstick
        self._known: dict[frozenset[int], float] = {}

    def lost(self, kept: Collection[int]) -> float:
        """Return the share of pixels that differ with the layers of these indices in float32."""
        whole = self._surgeon.joined(kept)
        if whole not in self._known:
            start_s = time.monotonic()
            self._known[whole] = self._yardstick.lost(self._surgeon.keep(whole))
            self.done += 1
            self.spent_s += time.monotonic() - start_s
        return self._known[whole]
