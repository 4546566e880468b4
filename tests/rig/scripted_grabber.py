"""A grabber that does as its options say, for what no device does on command."""

from __future__ import annotations

import time
from collections.abc import Sequence

import numpy as np

from edgeseg.manifest import Size
from edgeseg.sources.grabber import Grabbed, GrabError, Mode

KIND = "scripted_grabber:ScriptedGrabber"


class ScriptedGrabber:
    """Gives grey pictures that hold their number in every pixel.

    Attributes:
        memory: says how often it was opened, so that a later one goes on counting.
    """

    def __init__(
        self,
        sizes: Sequence[tuple[int, int]] = ((64, 48),),
        fps: float = 100.0,
        fails: str = "",
        fails_after: int = 1_000_000,
        opened: int = 0,
    ) -> None:
        """Say what to do.

        Args:
            sizes: of the pictures, in turn.
            fps: rate.
            fails: what happens after `fails_after` pictures: "lost", "final", "bug", "stuck", or
                "refused" when it is opened.
            fails_after: pictures, in the first connection only.
            opened: how often it was opened before.
        """
        self._sizes = [Size(*size) for size in sizes]
        self._period_s = 1 / fps
        self._fails = fails
        self._fails_after = fails_after
        self._count = 0
        self.memory = {"opened": opened}

    def open(self) -> Mode:
        """Open, unless it is to be refused."""
        if self._fails == "refused":
            raise GrabError("it is not at home")
        self.memory["opened"] += 1
        self._count = 0
        return Mode(self._sizes[0], 1 / self._period_s, f"GREY/{self.memory['opened']}")

    def grab(self) -> Grabbed:
        """Give the next picture."""
        if self._count == self._fails_after and self.memory["opened"] == 1:
            self._fail()
        size = self._sizes[self._count % len(self._sizes)]
        self._count += 1
        time.sleep(self._period_s)
        pixels = np.full((size.height, size.width), self._count % 256, np.uint8)
        return Grabbed(pixels, time.monotonic(), "grey")

    def close(self) -> None:
        """Do nothing."""

    def _fail(self) -> None:
        if self._fails == "stuck":
            time.sleep(1000)
        if self._fails == "bug":
            raise ZeroDivisionError("a bug")
        raise GrabError("it went away", final=self._fails == "final")
