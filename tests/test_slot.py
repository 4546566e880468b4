"""The slot: one item between two threads, replaced or waited for."""

from __future__ import annotations

import threading

import pytest

from edgeseg.slot import Slot


def test_newest_replaces_what_waits() -> None:
    slot: Slot[int] = Slot(newest=True)
    for item in range(5):
        assert slot.put(item)
    slot.end()
    assert list(slot.items()) == [4]
    assert slot.replaced == 4


def test_all_waits_for_room_and_keeps_order() -> None:
    slot: Slot[int] = Slot(newest=False)

    def produce() -> None:
        for item in range(20):
            slot.put(item)
        slot.end()

    thread = threading.Thread(target=produce)
    thread.start()
    assert list(slot.items()) == list(range(20))
    thread.join(5)
    assert slot.replaced == 0


def test_the_producers_error_comes_after_the_last_item() -> None:
    slot: Slot[int] = Slot(newest=False)
    slot.put(1)
    slot.end(ValueError("camera gone"))
    items = slot.items()
    assert next(items) == 1
    with pytest.raises(ValueError, match="camera gone"):
        next(items)


def test_the_consumers_error_reaches_a_waiting_producer() -> None:
    slot: Slot[int] = Slot(newest=False)
    slot.put(1)
    threading.Timer(0.05, lambda: slot.leave(ValueError("disk full"))).start()
    with pytest.raises(ValueError, match="disk full"):
        slot.put(2)


def test_a_consumer_that_left_makes_put_say_so() -> None:
    slot: Slot[int] = Slot(newest=True)
    slot.put(1)
    slot.leave()
    assert not slot.put(2)
    assert (slot.replaced, slot.abandoned) == (0, 2)


def test_waiting_ends_when_asked() -> None:
    slot: Slot[int] = Slot(newest=True)
    stop = threading.Event()
    threading.Timer(0.05, stop.set).start()
    assert list(slot.items(stop.is_set)) == []


def test_waiting_for_room_ends_when_asked() -> None:
    slot: Slot[int] = Slot(newest=False)
    assert slot.put(1)
    stop = threading.Event()
    threading.Timer(0.05, stop.set).start()
    assert not slot.put(2, stop.is_set)
    assert slot.abandoned == 1
    slot.end()
    assert list(slot.items()) == [1]
