"""Whether a runtime's numbers are right: compared with LiteRT's builtin kernels, within limits.

Floats may differ by 1e-3 of the output's range, by 5e-2 where weights of 8 bits meet float
activations (kernels quantize those, or do not). Integers are rounded differently by every set of
kernels, and depth adds that up: LiteRT's own sets, XNNPACK, builtin and reference, differ from each
other by up to 14 steps on networks that are sound. So the limit is twice what they differ by on the
same inputs, and at least 8 steps; for a class map a share of the pixels, at least 0.5 %. TFLite
Micro has the reference kernels' arithmetic, and must equal them bit for bit.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

FLOAT_LIMIT = 1e-3
HYBRID_LIMIT = 5e-2
STEPS_LIMIT = 8.0
CLASSES_LIMIT = 5e-3
_NOISE_FACTOR = 2.0

_PERCENT = 100.0
_LEAST = 0.0001  # smaller shares are said to be this


def verdict(
    difference: Mapping[str, Any], than: str, *, is_hybrid: bool = False, exact: bool = False
) -> str:
    """Return "" where the numbers are right, otherwise by how much they are wrong.

    Args:
        difference: `kind` ("float", "steps" or "classes"), `largest`, `noise` (the reference
            kernels' own), `winners` (share of the pixels with another largest class, None where
            there are no classes).
        than: whose numbers they are compared with, in words.
        is_hybrid: weights of 8 bits meet float activations.
        exact: integers must be equal.
    """
    if not is_wrong(difference, is_hybrid=is_hybrid, exact=exact):
        return ""
    kind, largest = str(difference["kind"]), float(difference["largest"])
    size = _size(kind, largest, _limit(difference, is_hybrid, exact))
    return f"its output differs from {than}: {size}{_winners(difference)}"


def agreement(difference: Mapping[str, Any], than: str) -> str:
    """Return how closely numbers that are right agree; see `verdict` for the arguments."""
    largest = float(difference["largest"])
    if not largest:
        return f"equal to {than}, bit for bit"
    if difference["kind"] == "steps":
        steps = "1 step" if largest == 1 else f"{largest:.0f} steps"
        size = f"within {steps} of the output's quantization"
    elif difference["kind"] == "classes":
        size = f"the same class on {percent(1 - largest)} of the pixels"
    else:
        size = f"within {percent(largest)} of the output's range"
    return f"{size}, compared with {than}"


def is_wrong(
    difference: Mapping[str, Any], *, is_hybrid: bool = False, exact: bool = False
) -> bool:
    """Whether numbers are wrong; see `verdict` for the arguments."""
    return not float(difference["largest"]) <= _limit(difference, is_hybrid, exact)


def _limit(difference: Mapping[str, Any], is_hybrid: bool, exact: bool) -> float:
    if difference["kind"] == "float":
        return HYBRID_LIMIT if is_hybrid else FLOAT_LIMIT
    if exact:
        return 0.0
    least = STEPS_LIMIT if difference["kind"] == "steps" else CLASSES_LIMIT
    return max(least, _NOISE_FACTOR * float(difference["noise"]))


def _size(kind: str, largest: float, limit: float) -> str:
    if not math.isfinite(largest):
        return "it is not finite"
    if kind == "steps":
        return f"up to {largest:.0f} steps of its quantization ({limit:.0f} can be rounding)"
    if kind == "classes":
        return f"{percent(largest)} of the pixels have another class"
    return f"up to {percent(largest)} of its range ({percent(limit)} can be rounding)"


def _winners(difference: Mapping[str, Any]) -> str:
    share = difference.get("winners")
    return "" if share is None else f", and {percent(float(share))} of the pixels change class"


def percent(share: float) -> str:
    """Return a share in percent with two digits that count: 50 %, 0.012 %."""
    figure = _PERCENT * share
    if 0 < figure < _LEAST:
        return f"{_LEAST} %"
    return f"{figure:.0f} %" if figure >= 10 else f"{figure:.2g} %"
