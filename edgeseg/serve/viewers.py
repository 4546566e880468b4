"""Who watches: places, the newest item of each kind, and who is ready for one.

All of it belongs to the server's event loop.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal

from edgeseg.serve.board import ViewerCounts

Kind = Literal["status", "picture", "overlay"]


@dataclass(frozen=True)
class Item:
    """What is sent to viewers; only the newest of its kind is kept.

    Attributes:
        kind: what it is.
        number: counts the items of all kinds.
        body: the same bytes for every viewer.
        captured_s: time.monotonic() when its picture was captured, 0 where it has none.
    """

    kind: Kind
    number: int
    body: bytes
    captured_s: float = 0.0

    def age_s(self) -> float:
        """Return for how long its picture has been history."""
        return max(0.0, time.monotonic() - self.captured_s)


class Viewer:
    """One connection: takes the newest item when it has done with the last one."""

    def __init__(self, hub: Hub, kinds: tuple[Kind, ...]) -> None:
        """Join with nothing seen; `kinds` in the order in which they are preferred."""
        self.kinds = kinds
        self.idle = False
        self.done = asyncio.Event()
        self.task = asyncio.current_task()
        self.news = asyncio.Event()
        self._hub = hub
        self._seen: dict[Kind, int] = {}

    async def next(self) -> Item:
        """Wait for the newest item that this viewer has not seen."""
        while True:
            for kind in self.kinds:
                item = self._hub.newest.get(kind)
                if item is not None and item.number > self._seen.get(kind, 0):
                    self._seen[kind] = item.number
                    return item
            await self._wait()

    async def _wait(self) -> None:
        self.news.clear()
        self.idle = True
        self._hub.demand.set()
        try:
            await self.news.wait()
        finally:
            self.idle = False


class Hub:
    """All viewers.

    Attributes:
        newest: the newest item of each kind that somebody watches.
        demand: set when a viewer becomes ready for an item.
        stalled: how many were dropped because they took nothing.
    """

    def __init__(self, most: int) -> None:
        """Start with nobody; `most` may watch at a time."""
        self.newest: dict[Kind, Item] = {}
        self.demand = asyncio.Event()
        self.stalled = 0
        self._most = most
        self._refused = 0
        self._number = 0
        self._viewers: set[Viewer] = set()

    @property
    def is_full(self) -> bool:
        """Whether all places are taken."""
        return len(self._viewers) >= self._most

    @property
    def watched(self) -> bool:
        """Whether anybody watches; may be read from any thread."""
        return bool(self._viewers)

    def counts(self) -> ViewerCounts:
        """Return the numbers; may be called from any thread."""
        return ViewerCounts(len(self._viewers), self._most, self.stalled, self._refused)

    def refuse(self) -> None:
        """Count one that was turned away."""
        self._refused += 1

    @contextmanager
    def place(self, *kinds: Kind) -> Iterator[Viewer]:
        """Take a place; ask `is_full` before."""
        viewer = Viewer(self, kinds)
        self._viewers.add(viewer)
        try:
            yield viewer
        finally:
            self._viewers.discard(viewer)
            self._forget()

    def wanted(self) -> set[Kind]:
        """Return the kinds that a viewer is ready for."""
        return {kind for viewer in self._viewers if viewer.idle for kind in viewer.kinds}

    def publish(self, kind: Kind, body: bytes, captured_s: float = 0.0) -> None:
        """Offer a new item in place of the last one of its kind."""
        self._number += 1
        self.newest[kind] = Item(kind, self._number, body, captured_s)
        for viewer in self._viewers:
            if kind in viewer.kinds:
                viewer.news.set()

    def dismiss(self) -> None:
        """End every connection."""
        for viewer in self._viewers:
            if viewer.task is not None:
                viewer.task.cancel()

    def _forget(self) -> None:
        """Drop what nobody watches, so that the next to come starts with something new."""
        watched = {kind for viewer in self._viewers for kind in viewer.kinds}
        for kind in set(self.newest) - watched:
            del self.newest[kind]
