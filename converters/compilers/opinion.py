"""Where a file's operators run: what the table says and, above it, what a real compiler says."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from edgeseg.converters.delegates.op import Op
from edgeseg.converters.delegates.target import Check, Placement, Target, check_ops

from . import ask
from .word import LeftOut, Word

_WRONG = "its numbers are wrong there"

# Activations that a flag of `edgeseg convert` turns into others.
_OTHER = {"--int8": ("float32", "int16"), "--float32": ("int8", "uint8", "int16")}

Verdict = Literal["runs", "falls back", "fails", "wrong"]


@dataclass(frozen=True)
class Dispute:
    """An operator that the table and the compiler place differently.

    Attributes:
        op: the operator.
        table_runs: whether the table lets it run on the target; the compiler says the opposite.
        reason: of the one that leaves it out.
    """

    op: Op
    table_runs: bool
    reason: str


@dataclass(frozen=True)
class Opinion:
    """What is known of a file on a target.

    Attributes:
        table: what the target's table says.
        word: what its compiler says; None where none was asked.
        silence: why no compiler was asked; empty where one was.
        placements: one an operator, in order of execution; the compiler's word where there is one.
        apart: operators of the compiler's that are none of the file's.
    """

    table: Check
    word: Word | None
    silence: str
    placements: tuple[Placement, ...]
    apart: tuple[LeftOut, ...] = ()

    @property
    def target(self) -> Target:
        """The target."""
        return self.table.target

    @property
    def left_out(self) -> tuple[Placement, ...]:
        """The operators that do not run on the target."""
        return tuple(placement for placement in self.placements if not placement.runs)

    @property
    def macs_left_out(self) -> float:
        """Share of the multiply-accumulates that does not run on the target, 0 to 1."""
        return Check(self.target, self.placements).macs_left_out

    @property
    def verdict(self) -> Verdict:
        """The answer in short; wrong numbers weigh more than operators that fall back."""
        if self.word is not None and self.word.failed:
            return "fails"
        if self.word is not None and self.word.wrong:
            return "wrong"
        if self.left_out or self.apart:
            return "fails" if self.target.fallback == "fails" else "falls back"
        return "runs"

    @property
    def disputes(self) -> tuple[Dispute, ...]:
        """Where table and compiler disagree on an operator; none where one of them is silent."""
        if self.word is None or self.word.failed:
            return ()
        pairs = zip(self.table.placements, self.placements, strict=True)
        return tuple(
            Dispute(said.op, said.runs, "; ".join((final if said.runs else said).reasons))
            for said, final in pairs
            if said.runs != final.runs
        )


def opinion(tflite: bytes, ops: Sequence[Op], target: Target, *, compile: bool = True) -> Opinion:
    """Return what is known of a file on a target.

    Args:
        tflite: the file.
        ops: its operators, from `read_ops`.
        target: where it is to run.
        compile: whether the target's compiler is run, where it is installed.

    Raises:
        ModelError: the file is damaged, or no .tflite file.
    """
    table = _with_type_remedies(check_ops(tuple(ops), target))
    answer = ask(tflite, target) if compile else "the compiler was not asked"
    if isinstance(answer, str):
        return Opinion(table, None, answer, table.placements)
    apart = tuple(left for left in answer.left_out if left.index is None)
    return Opinion(table, answer, "", _placed(table, answer), apart)


def _placed(table: Check, word: Word) -> tuple[Placement, ...]:
    """Return placements by the compiler; where it does not speak of all, the table has the rest."""
    if word.failed:
        return table.placements
    refused = {left.index: left for left in word.left_out}
    says_all = word.is_whole and not word.wrong

    def final(said: Placement) -> Placement:
        if said.op.index == word.culprit:
            return _left_out(said, (_WRONG, *said.reasons), table.target)
        if left := refused.get(said.op.index):
            own = (left.reason,) if left.reason else said.reasons
            return _left_out(said, own or (f"{word.compiler} does not take it",), table.target)
        return replace(said, runs=True, reasons=()) if says_all else said

    return tuple(map(final, table.placements))


def _with_type_remedies(table: Check) -> Check:
    """An operator of the wrong type needs another precision, whatever else its rule advises."""
    types = table.target.types
    flag = "--int8" if "int8" in types else "--float32"
    foreign = [kind for kind in _OTHER[flag] if kind not in types]
    return Check(
        table.target,
        tuple(
            replace(said, remedy=flag)
            if not said.runs and said.op.input is not None and said.op.input.dtype in foreign
            else said
            for said in table.placements
        ),
    )


def _left_out(said: Placement, reasons: tuple[str, ...], target: Target) -> Placement:
    """Return a placement off the target, with the remedy that the table has."""
    rule = target.rules.get(said.op.name)
    remedy = said.remedy or (rule.remedy if rule else "")
    return Placement(said.op, False, reasons, remedy, said.source)
