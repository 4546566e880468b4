"""Says on standard error when a live source is lost and when it is back."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from edgeseg.sources import Source, SourceStatus

_LOOK_S = 0.2


@contextmanager
def watching(source: Source, tell: Callable[[Iterable[str]], None]) -> Iterator[None]:
    """Tell changes of the source's state inside the block; nothing for one that cannot be lost."""
    if source.status is None:
        yield
        return
    over = threading.Event()
    thread = threading.Thread(target=_watch, args=(source, tell, over), name="edgeseg-watch")
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def _watch(source: Source, tell: Callable[[Iterable[str]], None], over: threading.Event) -> None:
    before = source.status
    while not over.wait(_LOOK_S):
        now = source.status
        if before is not None and now is not None:
            change = describe_change(before, now)
            tell([f"{source.name} {change}"] if change else [])
        before = now


def describe_change(before: SourceStatus, now: SourceStatus) -> str:
    """Return what is worth saying between two looks, empty for nothing."""
    if now.state == before.state or now.state == "ended":
        return ""
    if now.state == "live":
        mode = f": {now.mode}" if now.mode else ""
        away_s = now.since_s - before.since_s
        back = f" again, after {away_s:.1f} s" if before.state != "opening" else ""
        return f"is live{back}{mode}"
    reason = f": {now.reason}" if now.reason else ""
    words = {"stalled": "gives nothing", "lost": "is lost, trying again", "opening": "is opening"}
    return f"{words[now.state]}{reason}"
