"""Putting rows together."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from edgeseg.converters.delegates.target import Rule

Rules = dict[str, Rule]

FLOAT = ("float32",)
QUANTIZED = ("int8", "uint8")


def each(names: str, rule: Rule) -> Rules:
    """Return the same rule for several operators, named with spaces between."""
    return dict.fromkeys(names.split(), rule)


def never(names: str, source: str, why: str = "", remedy: str = "") -> Rules:
    """Return the rule for operators that a target does not have."""
    return each(names, Rule(source, runs=False, why=why, remedy=remedy))


def changed(rules: Mapping[str, Rule], **changes: Any) -> Rules:
    """Return the rules with some fields replaced."""
    return {name: replace(rule, **changes) for name, rule in rules.items()}
