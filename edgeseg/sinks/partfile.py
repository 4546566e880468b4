"""Recordings in the making: `.street.part.mp4` beside `street.mp4`.

The name is hidden, keeps its suffix (it can be played as it is), and is never taken twice: what a
power cut left behind stays until somebody deletes it. A lock tells such a file from one that is
being written.
"""

from __future__ import annotations

import fcntl
import os
import re
from itertools import count
from pathlib import Path

from edgeseg.files import sync_folder


def reserve(target: Path) -> tuple[Path, int]:
    """Make a new, empty, locked file for what shall become `target`.

    Returns:
        Its path and its descriptor, which holds the lock.

    Raises:
        OSError: it cannot be made.
    """
    for number in count(1):
        part = _part(target, "" if number == 1 else str(number))
        try:
            handle = os.open(part, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o666)
        except FileExistsError:
            continue
        _lock(handle)
        return part, handle
    raise AssertionError("unreachable: there is always another number")


def leftovers(target: Path) -> list[Path]:
    """Return what is left of recordings that were cut off; empty files are removed.

    Args:
        target: of the recording; its segments (`NAME-0001`) are looked for, too.
    """
    name = re.compile(rf"\.{re.escape(target.stem)}(-\d+)?\.part\d*{re.escape(target.suffix)}")
    parts = [path for path in sorted(target.parent.iterdir()) if name.fullmatch(path.name)]
    abandoned = [path for path in parts if _is_abandoned(path)]
    for path in abandoned:
        if not path.stat().st_size:
            path.unlink(missing_ok=True)
    return [path for path in abandoned if path.exists()]


def keep(part: Path, handle: int, target: Path) -> None:
    """Give a finished file its name, so that a power cut cannot take it back.

    Raises:
        OSError: the disk refuses.
    """
    os.fsync(handle)
    part.replace(target)
    sync_folder(target.parent)


def _part(target: Path, number: str) -> Path:
    return target.with_name(f".{target.stem}.part{number}{target.suffix}")


def _lock(handle: int) -> bool:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return True  # a file system without locks
    return True


def _is_abandoned(path: Path) -> bool:
    try:
        handle = os.open(path, os.O_RDWR)
    except OSError:
        return False
    try:
        return _lock(handle)
    finally:
        os.close(handle)
