"""Whether two measurements can stand side by side: their machines, and what weighed on them."""

from __future__ import annotations

from .host import Host, Strain


def differences(then: Host, now: Host) -> list[str]:
    """Return in which ways that change times two hosts differ, in words; empty when in none."""
    found = [
        f"{preposition} {before or 'unknown'}, this is {after or 'unknown'}"
        for preposition, before, after in (
            ("on", then.cpu or then.machine, now.cpu or now.machine),
            ("with kernels", then.kernels, now.kernels),
        )
        if before != after
    ]
    if then.usable_cores != now.usable_cores:
        found.append(f"on {then.usable_cores} usable cores, here are {now.usable_cores}")
    for package in sorted(then.packages.keys() | now.packages.keys()):
        before, after = then.packages.get(package), now.packages.get(package)
        if before != after and package != "edgeseg":
            found.append(f"with {package} {before or 'absent'}, here is {after or 'none'}")
    return found


def worse_of(one: Strain, other: Strain) -> Strain:
    """Return the strain of a measurement in two parts, one after the other."""
    return Strain(
        load_before=one.load_before,
        load_after=other.load_after,
        steal_share=_largest(one.steal_share, other.steal_share),
        others_cores=_largest(one.others_cores, other.others_cores),
        clock_before_hz=one.clock_before_hz,
        clock_after_hz=other.clock_after_hz,
        temperature_before_c=one.temperature_before_c,
        temperature_after_c=other.temperature_after_c,
        throttled=tuple(dict.fromkeys([*one.throttled, *other.throttled])),
    )


def _largest(*values: float | None) -> float | None:
    return max((value for value in values if value is not None), default=None)
