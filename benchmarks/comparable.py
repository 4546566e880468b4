"""Whether two measurements can stand side by side: their machines, and what weighed on them."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

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
    """Return the strain of a measurement in two parts: the worse of each figure."""
    worse = {
        field.name: _worse(getattr(one, field.name), getattr(other, field.name))
        for field in fields(Strain)
    }
    return Strain(**worse)


def _worse(one: Any, other: Any) -> Any:
    if isinstance(one, int | float) and isinstance(other, int | float):
        return max(one, other)
    return other or one
