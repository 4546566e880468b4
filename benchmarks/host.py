"""The machine a number was taken on, and what else it was doing meanwhile."""

from __future__ import annotations

import os
import platform
import re
import time
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from edgeseg.device import device_name, read_device, read_text
from edgeseg.runtimes import usable_cores

ROOT = Path("/")
PACKAGES = ("edgeseg", "numpy", "opencv-python-headless", "ai-edge-litert", "tflite-runtime")
BUSY_STEAL = 0.01
CLOCK_FELL = 0.9  # of what it was; below it, it is no flicker
BUSY_OTHERS = 0.2  # cores; below this it is the desktop's usual flicker
_BUSY_FIELDS = (0, 1, 2, 5, 6)  # /proc/stat: user, nice, system, irq, softirq
_STEAL_FIELD = 7
_TIME_FIELDS = 8  # guest time behind them is part of user time already


@dataclass(frozen=True)
class Host:
    """What does not change while measuring; None where the system does not say.

    `affinity` are the cores that this process may use.
    """

    cpu: str | None
    machine: str
    cores: int
    usable_cores: int
    governor: str | None
    system: str
    python: str
    packages: dict[str, str]
    kernels: str
    affinity: tuple[int, ...] = ()


@dataclass(frozen=True)
class Processors:
    """Processor seconds of all cores since boot: at work, given to others by a hypervisor, all."""

    busy_s: float
    steal_s: float
    total_s: float


@dataclass(frozen=True)
class Snapshot:
    """What the system has counted up to a moment; compare two with `strain_between`.

    Attributes:
        at_s: time.monotonic().
        load: average number of runnable tasks in the last minute.
        all: what all cores did, None where /proc/stat does not say.
        own_s: processor seconds of this process and of those it started that have ended.
        clock_hz: of the fastest core.
        temperature_c: of the hottest zone.
        throttled, throttled_before: what slows the device down now, and has done so since boot.
    """

    at_s: float
    load: float | None
    all: Processors | None
    own_s: float
    clock_hz: int | None = None
    temperature_c: float | None = None
    throttled: tuple[str, ...] = ()
    throttled_before: tuple[str, ...] = ()


@dataclass(frozen=True)
class Strain:
    """What weighed on the measurement.

    Attributes:
        load_before, load_after: load averages; the second contains the measurement itself.
        steal_share: share of the processor time that a hypervisor gave to others.
        others_cores: how many cores other programs kept busy, on average.
        clock_before_hz, clock_after_hz: of the fastest core.
        temperature_before_c, temperature_after_c: of the hottest zone.
        throttled: what slowed the device down at the beginning, at the end, or between.
    """

    load_before: float | None
    load_after: float | None
    steal_share: float | None
    others_cores: float | None
    clock_before_hz: int | None = None
    clock_after_hz: int | None = None
    temperature_before_c: float | None = None
    temperature_after_c: float | None = None
    throttled: tuple[str, ...] = ()


def describe_host(root: Path = ROOT) -> Host:
    """Describe this machine; `root` is where /proc and /sys are found.

    Raises:
        ConfigError: EDGESEG_KERNELS asks for kernels that are not there.
    """
    from edgeseg import kernels

    return Host(
        cpu=device_name(root) or None,
        machine=platform.machine(),
        cores=os.cpu_count() or 1,
        usable_cores=usable_cores(),
        governor=read_device(root).governor,
        system=_system(root),
        python=platform.python_version(),
        packages=_versions(),
        kernels=kernels.active(),
        affinity=tuple(sorted(os.sched_getaffinity(0))) if hasattr(os, "sched_getaffinity") else (),
    )


def snapshot(root: Path = ROOT) -> Snapshot:
    """Read the system's counters."""
    own = os.times()
    device = read_device(root)
    return Snapshot(
        at_s=time.monotonic(),
        load=device.load1,
        all=_processors(read_text(root / "proc/stat")),
        own_s=own.user + own.system + own.children_user + own.children_system,
        clock_hz=device.clock_hz,
        temperature_c=max(device.temperatures_c.values(), default=None),
        throttled=device.throttled,
        throttled_before=device.throttled_before,
    )


def strain_between(before: Snapshot, after: Snapshot) -> Strain:
    """Return what weighed on the machine between two snapshots."""
    between = [flag for flag in after.throttled_before if flag not in before.throttled_before]
    return Strain(
        load_before=before.load,
        load_after=after.load,
        steal_share=_steal(before, after),
        others_cores=_others(before, after),
        clock_before_hz=before.clock_hz,
        clock_after_hz=after.clock_hz,
        temperature_before_c=before.temperature_c,
        temperature_after_c=after.temperature_c,
        throttled=tuple(dict.fromkeys([*before.throttled, *after.throttled, *between])),
    )


def busy_reasons(host: Host, strain: Strain) -> list[str]:
    """Say in which ways the machine was not left to the measurement; empty when it was."""
    reasons = []
    if strain.others_cores is not None and strain.others_cores > BUSY_OTHERS:
        reasons.append(f"other programs used {strain.others_cores:.1f} of {host.cores} cores")
    if strain.load_before is not None and strain.load_before > host.cores:
        reasons.append(f"the load before was {strain.load_before:.1f} on {host.cores} cores")
    if strain.steal_share is not None and strain.steal_share > BUSY_STEAL:
        reasons.append(f"the hypervisor took {strain.steal_share:.0%} of the processor time")
    return reasons


def slowed_reasons(strain: Strain) -> list[str]:
    """Say what held the device's clock down; empty when nothing is known to have.

    A clock that fell is told as part of a reason: alone it may as well be a governor's doing.
    """
    reasons = list(strain.throttled)
    before, after = strain.clock_before_hz, strain.clock_after_hz
    if reasons and before and after and after < CLOCK_FELL * before:
        reasons.append(f"the clock fell from {before / 1e9:.2f} to {after / 1e9:.2f} GHz")
    return reasons


def advice(host: Host, strain: Strain, threads: int) -> list[str]:
    """Return warnings to stand beside the numbers, each with what to do."""
    notes = []
    if reasons := busy_reasons(host, strain):
        notes.append(
            f"busy host: {'; '.join(reasons)}. Times are longer than on a quiet machine, and "
            "ratios may differ there; stop other programs, or trust no more than the intervals say"
        )
    if reasons := slowed_reasons(strain):
        notes.append(
            f"throttled device: {'; '.join(reasons)}{_heat(strain)}. It was slower than it can be, "
            "and not evenly; give it cooling and a sufficient supply, let it rest, measure again"
        )
    if threads > host.usable_cores:
        notes.append(
            f"{threads} threads on {host.usable_cores} usable cores wait for each other; "
            f"try --threads {host.usable_cores}"
        )
    if host.governor in ("powersave", "ondemand", "conservative", "schedutil"):
        notes.append(
            f"the CPU governor is {host.governor!r}, so the clock follows the load; for steadier "
            "times: sudo cpupower frequency-set -g performance"
        )
    return notes


def _heat(strain: Strain) -> str:
    before, after = strain.temperature_before_c, strain.temperature_after_c
    return f" ({before:.0f} to {after:.0f} °C)" if before is not None and after is not None else ""


def package_version(package: str = "edgeseg") -> str | None:
    """Return the version of an installed package, None when it is not installed."""
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _system(root: Path) -> str:
    pretty = re.search(
        r'^PRETTY_NAME="?([^"\n]+)', read_text(root / "etc/os-release"), re.MULTILINE
    )
    kernel = f"{platform.system()} {platform.release()}"
    return f"{pretty[1]}, {kernel}" if pretty else kernel


def _versions() -> dict[str, str]:
    found = {package: package_version(package) for package in PACKAGES}
    return {package: number for package, number in found.items() if number}


def _processors(stat: str) -> Processors | None:
    match = re.match(r"cpu\s+([\d ]+)", stat)
    fields = [int(field) for field in match[1].split()] if match else []
    if len(fields) < _TIME_FIELDS or not any(fields):
        return None
    ticks = os.sysconf("SC_CLK_TCK")
    busy = sum(fields[index] for index in _BUSY_FIELDS)
    return Processors(
        busy / ticks, fields[_STEAL_FIELD] / ticks, sum(fields[:_TIME_FIELDS]) / ticks
    )


def _steal(before: Snapshot, after: Snapshot) -> float | None:
    if before.all is None or after.all is None or after.all.total_s <= before.all.total_s:
        return None
    return (after.all.steal_s - before.all.steal_s) / (after.all.total_s - before.all.total_s)


def _others(before: Snapshot, after: Snapshot) -> float | None:
    elapsed_s = after.at_s - before.at_s
    if before.all is None or after.all is None or elapsed_s <= 0:
        return None
    own_s = after.own_s - before.own_s
    return max(0.0, (after.all.busy_s - before.all.busy_s - own_s) / elapsed_s)
