"""What a target runs, as data: a table of rules, each with its source."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal

from .op import Op

Fallback = Literal["cpu", "fails"]
Compiler = Literal["", "xnnpack", "vela", "gpu", "tflm", "intel"]


@dataclass(frozen=True)
class Limit:
    """One condition on an operator.

    Attributes:
        text: what must hold, in words that go on after "needs": "stride 1 or 2".
        holds: whether it does.
    """

    text: str
    holds: Callable[[Op], bool]


@dataclass(frozen=True)
class Rule:
    """What a target says of one operator.

    Attributes:
        runs: whether it has the operator at all.
        versions: the least and the highest version of the operator that it takes.
        types: types of the activations, where they are fewer than the target's.
        limits: all must hold.
        source: document or file, with its date or commit.
        remedy: what to do where it does not run: a form of edgeseg's, a flag, or another layer.
        why: why it does not run, where `runs` is False and more is known than "not in the list".
        unverified: the source is indirect, or could not be read in full.
    """

    source: str
    runs: bool = True
    versions: tuple[int, int] = (1, 99)
    types: tuple[str, ...] = ()
    limits: tuple[Limit, ...] = ()
    remedy: str = ""
    why: str = ""
    unverified: bool = False


@dataclass(frozen=True)
class Target:
    """A delegate, accelerator or runtime.

    Attributes:
        name: as in `--target`.
        title: in words: "Arm Ethos-U55".
        about: one or two sentences: what it is, what it wants.
        types: of the activations that it takes, as in ("int8", "float32").
        rules: by operator name; an operator without a rule does not run there.
        listed: source of the list that a missing operator is missing from.
        fallback: `cpu`: the rest of the graph runs on the CPU beside it; `fails`: one operator that
            it lacks, and the model does not load.
        limits: hold for every operator: "tensors of at most 4 dimensions".
        compiler: which compiler or runtime, where it is installed, has the last word.
        accelerator: the compiler's name for it: "ethos-u55-128".
        rates: which cost rates predict its speed (edgeseg.converters.delegates.rates).
        since: date at which the table was last checked.
    """

    name: str
    title: str
    about: str
    types: tuple[str, ...]
    rules: Mapping[str, Rule]
    listed: str
    fallback: Fallback = "cpu"
    limits: tuple[Limit, ...] = ()
    compiler: Compiler = ""
    accelerator: str = ""
    rates: str = "generic"
    since: str = "2026-11-23"


@dataclass(frozen=True)
class Placement:
    """Where an operator runs, by the target's table.

    Attributes:
        op: the operator.
        runs: whether the target takes it.
        reasons: why not; every one that the table has.
        remedy: what to do about it.
        source: of the rule.
    """

    op: Op
    runs: bool
    reasons: tuple[str, ...] = ()
    remedy: str = ""
    source: str = ""


@dataclass(frozen=True)
class Check:
    """A whole file against a target's table.

    Attributes:
        target: which.
        placements: one an operator, in order of execution.
    """

    target: Target
    placements: tuple[Placement, ...] = field(default=())

    @property
    def left_out(self) -> tuple[Placement, ...]:
        """The operators that the target does not take."""
        return tuple(placement for placement in self.placements if not placement.runs)

    @property
    def macs_left_out(self) -> float:
        """Share of the multiply-accumulates that the target does not take."""
        total = sum(placement.op.macs for placement in self.placements)
        return sum(placement.op.macs for placement in self.left_out) / total if total else 0.0


def place(op: Op, target: Target) -> Placement:
    """Return whether `target` takes `op`, by its table."""
    rule = target.rules.get(op.name)
    if rule is None:
        return Placement(op, False, (f"{op.name} is not in its list",), "", target.listed)
    reasons = _reasons(op, rule, target)
    if not reasons:
        return Placement(op, True, source=rule.source)
    return Placement(op, False, tuple(reasons), rule.remedy, rule.source)


def check_ops(ops: tuple[Op, ...], target: Target) -> Check:
    """Return every operator's placement on `target`, by its table."""
    return Check(target, tuple(place(op, target) for op in ops))


def _reasons(op: Op, rule: Rule, target: Target) -> list[str]:
    if not rule.runs:
        return [rule.why or f"it has no {op.name}"]
    reasons = []
    least, most = rule.versions
    if not least <= op.version <= most:
        reasons.append(f"version {op.version} of {op.name}; it takes {_span(least, most)}")
    types = rule.types or target.types
    kind = op.input.dtype if op.input is not None else op.output.dtype
    if kind not in types:
        reasons.append(f"{kind} activations; it takes {', '.join(types)}")
    reasons += [
        f"needs {limit.text}" for limit in (*target.limits, *rule.limits) if not limit.holds(op)
    ]
    return reasons


def _span(least: int, most: int) -> str:
    return f"version {least}" if least == most else f"versions {least} to {most}"
