"""Putting rows together."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from edgeseg.converters.delegates.target import Rule


def each(names: str, rule: Rule) -> dict[str, Rule]:
    """Return the same rule for several operators, named with spaces between."""
    return dict.fromkeys(names.split(), rule)


def with_remedies(rules: Mapping[str, Rule], remedies: Mapping[str, str]) -> dict[str, Rule]:
    """Return the rules, each with the remedy for its operator where it has none of its own."""
    return {
        name: rule if rule.remedy else replace(rule, remedy=remedies.get(name, ""))
        for name, rule in rules.items()
    }
