"""`--matrix`: every combination of a few choices, as variants.

    fcn32,fcn16,fcn8 x transpose,bilinear x float32,int8 x 1t,2t

The first axis names models, every other one the words of one kind of part, or sizes (`@512`).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import product

from edgeseg.errors import ConfigError

from .variants import PARTS, kind_of

SIZE = "size"
EXAMPLE = "'fcn8,fcn32 x transpose,bilinear x float32,int8'"


def expand(text: str) -> list[str]:
    """Return the variants that a matrix stands for, the last axis changing first.

    Raises:
        ConfigError: an axis is empty, mixes kinds or has no known words, or two are of one kind.
    """
    models, *axes = [_words(axis) for axis in re.split(r"\s+x\s+", text.strip())]
    reasons = [f"the axis {', '.join(axis)!r} {why}" for axis in axes if (why := _wrong(axis))]
    if not models:
        reasons.insert(0, "there is no model in the first axis")
    kinds = [kind for axis in axes if (kind := _kind(axis[0]) if axis else None)]
    reasons += [f"two axes choose the {kind}" for kind in PARTS if kinds.count(kind) > 1]
    if kinds.count(SIZE) > 1:
        reasons.append("two axes choose the size")
    if reasons:
        raise ConfigError(f"--matrix {text!r}: {'; '.join(reasons)}; expected as in {EXAMPLE}")
    return [_joined(model, parts) for model in models for parts in product(*axes)]


def _words(axis: str) -> list[str]:
    return list(dict.fromkeys(word for word in re.split(r"[\s,]+", axis) if word))


def _wrong(axis: Sequence[str]) -> str | None:
    if not axis:
        return "is empty"
    unknown = [word for word in axis if _kind(word) is None]
    if unknown:
        parts = "; ".join(f"{kind}: {', '.join(words)}" for kind, words in PARTS.items())
        return f"has {', '.join(map(repr, unknown))}, no known part ({parts}; size: @512, @480x352)"
    kinds = sorted({str(_kind(word)) for word in axis})
    return f"mixes {' and '.join(kinds)}" if len(kinds) > 1 else None


def _kind(word: str) -> str | None:
    return SIZE if word.startswith("@") else kind_of(word)


def _joined(model: str, parts: Sequence[str]) -> str:
    sizes = "".join(part for part in parts if part.startswith("@"))
    return ":".join([model, *(part for part in parts if not part.startswith("@"))]) + sizes
