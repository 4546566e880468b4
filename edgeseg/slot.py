"""A bounded hand-over between two threads: one item waits, never a queue that grows."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import Generic, TypeVar

T = TypeVar("T")

# How often a waiting consumer looks whether it should stop; also bounds how late a signal is heard.
_POLL_S = 0.05


class Slot(Generic[T]):
    """Room for one item between one producing and one consuming thread.

    Attributes:
        replaced: how many items were never taken because a newer one came (`newest` only).
        abandoned: how many were never taken because the consumer left.
    """

    def __init__(self, *, newest: bool) -> None:
        """Make an empty slot.

        Args:
            newest: True lets `put` replace an item that waits, so the producer never blocks; False
                makes `put` wait for room, so nothing is lost.
        """
        self.replaced = 0
        self.abandoned = 0
        self._newest = newest
        self._change = threading.Condition()
        self._items: list[T] = []
        self._ended = False
        self._left = False
        self._end_error: BaseException | None = None
        self._leave_error: BaseException | None = None

    def put(self, item: T, until: Callable[[], bool] = lambda: False) -> bool:
        """Hand over an item; return False when the consumer has left and more is pointless.

        Args:
            item: to hand over.
            until: ends waiting for room when it is true; the item is then abandoned.

        Raises:
            BaseException: whatever error the consumer left with.
        """
        with self._change:
            room = self._newest or self._wait_for_room(until)
            if room and not self._left:
                self.replaced += len(self._items)
                self._items[:] = [item]
                self._change.notify_all()
                return True
            self.abandoned += 1
        self.check()
        return False

    def _wait_for_room(self, until: Callable[[], bool]) -> bool:
        while not until():
            if self._change.wait_for(lambda: self._left or not self._items, _POLL_S):
                return True
        return not self._items

    def end(self, error: BaseException | None = None) -> None:
        """Say that nothing more will come; `error` is raised at the consumer, last."""
        with self._change:
            self._ended = True
            self._end_error = error
            self._change.notify_all()

    def leave(self, error: BaseException | None = None) -> None:
        """Say that nothing more will be taken; `error` is raised at the producer."""
        with self._change:
            self.abandoned += len(self._items)
            self._items.clear()
            self._left = True
            self._leave_error = error
            self._change.notify_all()

    def check(self) -> None:
        """Raise the error that the consumer left with, if there is one."""
        if self._leave_error is not None:
            raise self._leave_error

    def items(self, until: Callable[[], bool] = lambda: False) -> Iterator[T]:
        """Yield items as they come, until the producer ends or `until()` is true.

        Raises:
            BaseException: whatever error the producer ended with.
        """
        while not until():
            with self._change:
                self._change.wait_for(lambda: self._ended or self._items, _POLL_S)
                taken = self._items[:]
                self._items.clear()
                self._change.notify_all()
                over = self._ended and not taken
            yield from taken
            if over:
                if self._end_error is not None:
                    raise self._end_error
                return
