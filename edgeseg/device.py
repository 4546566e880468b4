"""How the device is doing: load, memory, temperatures, and what holds its clock down."""

from __future__ import annotations

import os
import platform
import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from edgeseg.runtimes import usable_cores

ROOT = Path("/")
_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
_VCGENCMD_S = 1.0
# https://www.raspberrypi.com/documentation/computers/os.html#get_throttled: now, and since boot.
_PI_NOW = {
    0: "under-voltage",
    1: "clock capped",
    2: "throttled",
    3: "soft temperature limit",
}
_PI_SINCE_BOOT = 16


@dataclass(frozen=True)
class Device:
    """A reading; None where the system does not say.

    Attributes:
        name: of the board, or else of the CPU.
        machine: architecture, "aarch64".
        cores: that this process may use.
        load1: runnable tasks, average of the last minute.
        memory_total_bytes, memory_available_bytes: of the device.
        process_memory_bytes: resident, of this process.
        process_cpu_s: processor seconds of this process so far.
        temperatures_c: by the zone's name, in degrees Celsius.
        clock_hz, clock_max_hz: of the fastest core now, and what it can do.
        governor: of the clock.
        throttled: what slows the device down now; empty is nothing.
        throttled_before: what has done so since boot.
    """

    name: str
    machine: str
    cores: int
    load1: float | None
    memory_total_bytes: int | None
    memory_available_bytes: int | None
    process_memory_bytes: int | None
    process_cpu_s: float
    temperatures_c: dict[str, float]
    clock_hz: int | None
    clock_max_hz: int | None
    governor: str | None
    throttled: tuple[str, ...]
    throttled_before: tuple[str, ...]


def read_device(root: Path = ROOT) -> Device:
    """Read the device; `root` is where /proc and /sys are found. May take a moment."""
    own = os.times()
    now, before = _pi_flags(_get_throttled())
    policies = sorted((root / "sys/devices/system/cpu/cpufreq").glob("policy*"))
    return Device(
        name=device_name(root),
        machine=platform.machine(),
        cores=usable_cores(),
        load1=_number(read_text(root / "proc/loadavg").partition(" ")[0]),
        memory_total_bytes=_meminfo(root, "MemTotal"),
        memory_available_bytes=_meminfo(root, "MemAvailable"),
        process_memory_bytes=_resident(root),
        process_cpu_s=own.user + own.system,
        temperatures_c=dict(_temperatures(root)),
        clock_hz=_fastest(policies, "scaling_cur_freq"),
        clock_max_hz=_fastest(policies, "cpuinfo_max_freq"),
        governor=next((read_text(policy / "scaling_governor") for policy in policies), "") or None,
        throttled=(*now, *_cooling(root)),
        throttled_before=before,
    )


def device_name(root: Path = ROOT) -> str:
    """Return the board's name, which ARM boards have in the device tree, or else the CPU's."""
    board = read_text(root / "proc/device-tree/model")
    named = re.search(r"^(?:model name|Model|Hardware)\s*:\s*(.+)$", _cpuinfo(root), re.MULTILINE)
    return board or (named[1].strip() if named else platform.processor() or "unknown")


@lru_cache(maxsize=4)
def _cpuinfo(root: Path) -> str:
    """It names what does not change, and with many cores takes milliseconds."""
    return read_text(root / "proc/cpuinfo")


def _meminfo(root: Path, field: str) -> int | None:
    found = re.search(rf"^{field}:\s*(\d+) kB", read_text(root / "proc/meminfo"), re.MULTILINE)
    return int(found[1]) * 1024 if found else None


def _resident(root: Path) -> int | None:
    fields = read_text(root / "proc/self/statm").split()
    return int(fields[1]) * _PAGE_BYTES if len(fields) > 1 else None


def _temperatures(root: Path) -> Iterator[tuple[str, float]]:
    """Yield zones in thousandths of a degree; some have no reading while they sleep."""
    seen: dict[str, int] = {}
    for zone in _numbered(root / "sys/class/thermal", "thermal_zone"):
        value = _number(read_text(zone / "temp"))
        if value is None:
            continue
        kind = read_text(zone / "type") or zone.name
        seen[kind] = seen.get(kind, 0) + 1
        yield (kind if seen[kind] == 1 else f"{kind} {seen[kind]}"), value / 1000


def _cooling(root: Path) -> Iterator[str]:
    """Yield the kernel's cooling devices that hold the clock down now; fans do not."""
    for device in _numbered(root / "sys/class/thermal", "cooling_device"):
        kind = read_text(device / "type")
        slows = re.match(r"(?:thermal-)?(?:cpufreq|devfreq|cpuidle)|Processor", kind)
        if slows and (_number(read_text(device / "cur_state")) or 0) > 0:
            yield f"cooling by {kind}"


def _get_throttled() -> str:
    """Ask a Raspberry Pi's firmware; empty on any other device."""
    program = shutil.which("vcgencmd")
    if program is None:
        return ""
    try:
        done = subprocess.run(
            [program, "get_throttled"],
            capture_output=True,
            text=True,
            check=False,
            timeout=_VCGENCMD_S,
        )
    except (OSError, subprocess.SubprocessError):
        return ""
    return done.stdout


def _pi_flags(answer: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return what `throttled=0x50005` means: now, and since boot."""
    found = re.search(r"throttled=0x([0-9a-fA-F]+)", answer)
    bits = int(found[1], 16) if found else 0
    now = tuple(name for bit, name in _PI_NOW.items() if bits >> bit & 1)
    before = tuple(name for bit, name in _PI_NOW.items() if bits >> (bit + _PI_SINCE_BOOT) & 1)
    return now, before


def _fastest(policies: list[Path], field: str) -> int | None:
    clocks = [value for policy in policies if (value := _number(read_text(policy / field)))]
    return round(max(clocks) * 1000) if clocks else None


def _numbered(folder: Path, prefix: str) -> list[Path]:
    found = (path for path in folder.glob(f"{prefix}*") if path.name[len(prefix) :].isdigit())
    return sorted(found, key=lambda path: int(path.name[len(prefix) :]))


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


def read_text(path: Path) -> str:
    """Return a file of /proc or /sys without the ends of lines and strings; empty without one."""
    try:
        return path.read_text(encoding="utf-8", errors="replace").strip("\0\n ")
    except OSError:
        return ""
