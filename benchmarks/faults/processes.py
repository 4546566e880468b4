"""Processes and their children as the kernel sees them: memory, descriptors, threads, time."""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

PROC = Path("/proc")
_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
_TICKS = os.sysconf("SC_CLK_TCK")
# In /proc/PID/stat, counted from behind the name: parent, user and system time, threads, memory.
_PARENT, _USER, _SYSTEM, _THREADS, _RESIDENT = 1, 11, 12, 17, 21


@dataclass(frozen=True)
class Usage:
    """What processes hold at a moment, summed.

    Attributes:
        processes: how many.
        memory_bytes: resident; pages that are shared count for each.
        descriptors: open files, sockets and pipes.
        threads: how many.
        cpu_s: processor seconds used so far.
    """

    processes: int
    memory_bytes: int
    descriptors: int
    threads: int
    cpu_s: float


def family(pid: int) -> list[int]:
    """Return a process and all that descend from it, the eldest first."""
    children: dict[int, list[int]] = {}
    for entry in PROC.iterdir():
        if entry.name.isdecimal() and (fields := _stat(int(entry.name))):
            children.setdefault(int(fields[_PARENT]), []).append(int(entry.name))
    found = [pid]
    for one in found:  # grows while it is gone through
        found += children.get(one, [])
    return found


def usage(pids: list[int]) -> Usage:
    """Return what processes hold together; those that are gone hold nothing."""
    stats = {pid: fields for pid in pids if (fields := _stat(pid))}
    return Usage(
        processes=len(stats),
        memory_bytes=sum(int(fields[_RESIDENT]) for fields in stats.values()) * _PAGE_BYTES,
        descriptors=sum(_descriptors(pid) for pid in stats),
        threads=sum(int(fields[_THREADS]) for fields in stats.values()),
        cpu_s=sum(int(f[_USER]) + int(f[_SYSTEM]) for f in stats.values()) / _TICKS,
    )


def tell(pids: list[int], number: int) -> None:
    """Send a signal to processes; those that are gone hear nothing."""
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, number)


def _stat(pid: int) -> list[str]:
    """Return the fields behind the name, which may hold spaces; none of a process that is gone."""
    try:
        text = (PROC / str(pid) / "stat").read_text()
    except OSError:
        return []
    fields = text[text.rindex(")") + 2 :].split()
    return [] if fields[0] == "Z" else fields


def _descriptors(pid: int) -> int:
    try:
        return sum(1 for _ in (PROC / str(pid) / "fd").iterdir())
    except OSError:
        return 0
