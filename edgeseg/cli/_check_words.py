"""The words of `edgeseg check`: verdicts, operators, remedies, figures."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from edgeseg.converters.compilers.opinion import Opinion
    from edgeseg.converters.delegates.op import Op

STYLES = {"runs": "green", "falls back": "yellow", "fails": "red", "wrong": "red"}

_SHORT = {"xnnpack": "XNNPACK", "vela": "Vela", "gpu": "LiteRT", "tflm": "TFLM", "intel": "LiteRT"}
_KIB = 1024
_LAYERS = 3


def verdict_text(opinion: Opinion) -> str:
    """Return the answer in short."""
    count, total = len(opinion.left_out) + len(opinion.apart), len(opinion.placements)
    if opinion.verdict == "wrong":
        return "wrong numbers"
    if opinion.verdict == "fails":
        return f"does not load, for {count} of {total} operators" if count else "does not load"
    if opinion.verdict == "runs":
        return f"all {total} operators run there"
    verb = "falls" if count == 1 else "fall"
    return f"{count} of {total} operators {verb} back, {share_text(opinion.macs_left_out)} of MACs"


def share_text(share: float) -> str:
    """Return a share in percent; one that is not zero does not read as zero."""
    return "under 0.1 %" if 0 < share < 0.001 else f"{100 * share:.3g} %"


def by_text(opinion: Opinion) -> str:
    """Return whose word it is, in a word."""
    return _SHORT[opinion.target.compiler] if opinion.word else "table"


def first_obstacle(opinion: Opinion) -> str:
    """Return what first stops a file on a target, cut short; empty where nothing does."""
    word = opinion.word
    if word is not None and word.failed:
        return word.failed
    if word is not None and word.wrong and word.culprit is None:
        return word.wrong
    for first in opinion.left_out:
        if word is None or word.culprit in (None, first.op.index):
            return f"{first.op.name}: {first.reasons[0].partition(';')[0]}"
    return f"{opinion.apart[0].name}: {opinion.apart[0].reason}" if opinion.apart else ""


def unverified(opinion: Opinion) -> tuple[str, ...]:
    """Return the operators whose rules, where no compiler spoke, rest on an indirect source."""
    if opinion.word is not None:
        return ()
    rules = opinion.target.rules
    names = dict.fromkeys(placement.op.name for placement in opinion.placements)
    return tuple(name for name in names if name in rules and rules[name].unverified)


def counted(ops: Sequence[Op]) -> str:
    """Return operators by name, the most frequent first: "62 CONV_2D, 3 ADD"."""
    counts = Counter(op.name for op in ops)
    return ", ".join(f"{count} {name}" for name, count in counts.most_common())


def layers_text(ops: Sequence[Op], prefix: str) -> str:
    """Return the layers that operators come from, of many the first."""
    names = [op.layer.removeprefix(prefix) for op in ops]
    rest = len(names) - _LAYERS
    return ", ".join(names[:_LAYERS]) + (f" and {rest} more" if rest > 0 else "")


def common_prefix(ops: Sequence[Op]) -> str:
    """Return the model's name that stands before most layers, empty where none does."""
    heads = Counter(op.layer.partition("/")[0] for op in ops if "/" in op.layer)
    name, count = heads.most_common(1)[0] if heads else ("", 0)
    return f"{name}/" if count > len(ops) / 2 else ""


def remedy_text(remedy: str) -> str:
    """Return what to do about an operator that falls back; a form's name becomes its flag."""
    if remedy.startswith("--"):
        return f"convert with {remedy}"
    return f"convert with --swap {remedy}" if remedy and " " not in remedy else remedy


def figure_text(name: str, value: float) -> str:
    """Return a compiler's figure with its unit."""
    if name.endswith("_bytes"):
        memory = name.removesuffix("_bytes")
        title = memory.upper() if memory.endswith("ram") else memory
        return f"{title} {value / _KIB:,.0f} KiB"
    if name.endswith("_ms"):
        return f"{value:,.1f} ms" if value >= 10 else f"{value:.3g} ms"
    return f"{value:,.0f} {name}"
