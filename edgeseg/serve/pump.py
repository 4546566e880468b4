"""Encodes the newest result for whoever is ready, as often as the device can spare."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from edgeseg.runtimes import usable_cores
from edgeseg.serve.board import Board
from edgeseg.serve.pictures import overlay_jpeg, picture_message
from edgeseg.serve.viewers import Hub, Kind

if TYPE_CHECKING:
    from edgeseg.loop import FrameResult

# What pictures for viewers may take of all cores' time: the device is there for masks.
SHARE = 0.02
_SLOWEST_S = 0.5
_WEIGHT = 0.2

Encoder = Callable[["FrameResult"], bytes]


class Pace:
    """How long to wait between two pictures, so that they cost `SHARE` of the device at most."""

    def __init__(self, fps: float) -> None:
        """Start at `fps`, the most."""
        self._shortest_s = 1 / fps
        self._budget = SHARE * usable_cores()
        self._cost_s = 0.0
        self._loop_s = time.thread_time()

    def period_s(self, encode_s: float) -> float:
        """Return the pause after a picture, whose encoding took `encode_s` of a processor.

        Called on the server's thread: what that has spent since the last call was for pictures too.
        """
        now_s = time.thread_time()
        cost_s = encode_s + now_s - self._loop_s
        self._loop_s = now_s
        self._cost_s += _WEIGHT * (cost_s - self._cost_s)
        return min(max(self._shortest_s, self._cost_s / self._budget), _SLOWEST_S)


class Pump:
    """Publishes pictures; runs on the server's loop and encodes on a thread of its own.

    Attributes:
        executor: of the one encoding thread, for single pictures too.
    """

    def __init__(self, board: Board, hub: Hub, fps: float, width: int) -> None:
        """Prepare to encode pictures at most `width` wide, at most `fps` a second."""
        self.executor = ThreadPoolExecutor(1, "edgeseg-page-encode")
        self._board = board
        self._hub = hub
        self._pace = Pace(fps)
        palette = board.manifest.palette
        self._encoders: dict[Kind, Encoder] = {
            "picture": lambda result: picture_message(result, width),
            "overlay": lambda result: overlay_jpeg(result, palette, board.alpha, width),
        }

    async def run(self) -> None:
        """Publish until cancelled; `hub.demand` wakes it, for a new result or a ready viewer."""
        loop = asyncio.get_running_loop()
        while True:
            await self._hub.demand.wait()
            self._hub.demand.clear()
            start_s = loop.time()
            encode_s = await self._publish()
            if encode_s is not None:
                period_s = self._pace.period_s(encode_s)
                await asyncio.sleep(max(0.0, start_s + period_s - loop.time()))

    async def _publish(self) -> float | None:
        """Encode what is wanted; return the processor seconds, None where nothing was new."""
        result = self._board.newest
        if result is None:
            return None
        loop = asyncio.get_running_loop()
        spent_s: float | None = None
        for kind in sorted(self._hub.wanted() & self._encoders.keys()):
            last = self._hub.newest.get(kind)
            if last is not None and last.captured_s == result.frame.captured_s:
                continue
            body, cost_s = await loop.run_in_executor(
                self.executor, _timed, self._encoders[kind], result
            )
            self._hub.publish(kind, body, result.frame.captured_s)
            spent_s = cost_s + (spent_s or 0.0)
        return spent_s


def _timed(encode: Encoder, result: FrameResult) -> tuple[bytes, float]:
    start_s = time.thread_time()
    body = encode(result)
    return body, time.thread_time() - start_s
