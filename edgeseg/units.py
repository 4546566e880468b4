"""Sizes and durations as people type them: 500M, 2G, 90s, 10m."""

from __future__ import annotations

import re

from edgeseg.errors import ConfigError

_PREFIXES = ("", "k", "m", "g", "t")
_SECONDS = {"": 1, "s": 1, "m": 60, "min": 60, "h": 3600, "d": 86400}


def parse_size(text: str) -> int:
    """Return bytes: `500M` and `500MiB` are 500 * 2^20, `500MB` is 500 * 10^6.

    Raises:
        ConfigError: the text is no size.
    """
    found = re.fullmatch(r"(\d{1,15}(?:\.\d{1,9})?)\s*([kmgt]?)(i?b)?", text.strip().lower())
    if not found or (found[3] == "ib" and not found[2]):
        raise ConfigError(f"{text!r} is no size; expected for example 500M or 2G")
    base = 1000 if found[3] == "b" and found[2] else 1024
    return round(float(found[1]) * float(base) ** _PREFIXES.index(found[2]))


def parse_duration_s(text: str) -> float:
    """Return seconds: `90`, `90s`, `10m`, `1.5h`, `2d`.

    Raises:
        ConfigError: the text is no duration, or zero.
    """
    found = re.fullmatch(r"(\d{1,9}(?:\.\d{1,9})?)\s*(s|m|min|h|d)?", text.strip().lower())
    seconds = float(found[1]) * _SECONDS[found[2] or ""] if found else 0.0
    if not seconds:
        raise ConfigError(f"{text!r} is no duration; expected for example 90s, 10m or 2h")
    return seconds


def format_size(count: float) -> str:
    """Return bytes for people: `512 KiB`, `1.5 GiB`."""
    units = ["bytes", "KiB", "MiB", "GiB", "TiB"]
    while count >= 1024 and len(units) > 1:
        count /= 1024
        units.pop(0)
    digits = 1 if count < 10 and units[0] != "bytes" else 0
    return f"{count:.{digits}f} {units[0]}"
