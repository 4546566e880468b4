"""What `edgeseg check` shows on a terminal."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from edgeseg.cli._check_words import (
    STYLES,
    by_text,
    common_prefix,
    counted,
    figure_text,
    first_obstacle,
    layers_text,
    remedy_text,
    share_text,
    unverified,
    verdict_text,
)

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

    from edgeseg.converters.compilers.opinion import Opinion
    from edgeseg.converters.delegates.op import Op
    from edgeseg.converters.delegates.target import Placement

_INDENT = 2


@dataclass(frozen=True)
class Checked:
    """A file, its operators, and what is known of them on each target."""

    path: Path
    ops: tuple[Op, ...]
    opinions: tuple[Opinion, ...]

    def is_good(self, strict: bool) -> bool:
        """Whether all of it runs on every target; `strict` wants a compiler to confirm it."""
        return all(
            opinion.verdict == "runs"
            and not (strict and (opinion.word is None or opinion.disputes))
            for opinion in self.opinions
        )


def matrix(checked: Checked) -> Table:
    """Return a row for each target: the verdict, who gave it, and what first stands in the way."""
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, header_style="bold")
    table.add_column("target", no_wrap=True)
    table.add_column("by", no_wrap=True)
    table.add_column("verdict", min_width=24, ratio=2)
    table.add_column("first in the way", ratio=3, overflow="fold")
    for opinion in checked.opinions:
        verdict = Text(verdict_text(opinion), style=STYLES[opinion.verdict])
        obstacle = Text(first_obstacle(opinion))
        table.add_row(opinion.target.name, by_text(opinion), verdict, obstacle)
    return table


def show_report(checked: Checked, out: Console) -> None:
    """Print one part for each target."""
    from rich.padding import Padding
    from rich.text import Text

    for place, opinion in enumerate(checked.opinions):
        if place:
            out.print()
        title = f"{checked.path.name} on {opinion.target.name} ({opinion.target.title})"
        out.print(title, style="bold", markup=False, soft_wrap=True)
        out.print(_pairs(_summary(opinion)))
        for head, rows in _obstacles(opinion, common_prefix(checked.ops)):
            out.print(Padding(Text(head, style="yellow"), (0, 0, 0, _INDENT)))
            out.print(_pairs(rows, 2 * _INDENT))


def _summary(opinion: Opinion) -> Iterator[tuple[str, str, str]]:
    """Yield title, text and style of each line."""
    word = opinion.word
    yield "verdict", verdict_text(opinion), STYLES[opinion.verdict]
    if word is None:
        yield "by", f"the table of {opinion.target.since}; {opinion.silence}", ""
    else:
        yield "by", word.compiler, ""
        if word.failed:
            yield "fails", word.failed, "red"
        if word.wrong:
            yield "wrong", word.wrong, "red"
        if word.right:
            yield "numbers", word.right, ""
        if word.figures:
            figures = (figure_text(name, value) for name, value in word.figures.items())
            yield "figures", ", ".join(figures), ""
    if running := [placement.op for placement in opinion.placements if placement.runs]:
        yield "runs", counted(running), ""
    for text in _disputes(opinion):
        yield "table", text, "yellow"
    for note in word.notes if word else ():
        yield "note", note, "dim"
    if names := unverified(opinion):
        yield "note", f"its sources for {', '.join(names)} are indirect", "dim"


def _disputes(opinion: Opinion) -> Iterator[str]:
    """Yield where the table says otherwise than the compiler, whose word counts."""
    seen: dict[tuple[str, str], list[Op]] = {}
    for dispute in opinion.disputes:
        says = "runs it" if dispute.table_runs else f"leaves it out ({dispute.reason})"
        seen.setdefault((dispute.op.name, says), []).append(dispute.op)
    for (name, says), ops in seen.items():
        yield f"disagrees on {len(ops)} {name}: it {says}"
    if opinion.word is not None and opinion.word.wrong and not opinion.table.left_out:
        yield "disagrees: it leaves nothing out"


def _obstacles(opinion: Opinion, prefix: str) -> Iterator[tuple[str, list[tuple[str, str, str]]]]:
    """Yield a headline and lines for each operator left out; equal ones stand together."""
    groups: dict[tuple[object, ...], list[Placement]] = {}
    for one in opinion.left_out:
        groups.setdefault((one.op.name, one.reasons, one.remedy, one.source), []).append(one)
    total = sum(placement.op.macs for placement in opinion.placements)
    for group in groups.values():
        ops = [one.op for one in group]
        count = f"{len(ops)} " if len(ops) > 1 else ""
        macs = sum(op.macs for op in ops)
        cost = f", {share_text(macs / total)} of MACs" if macs else ""
        yield f"{count}{ops[0].name}: {layers_text(ops, prefix)}{cost}", list(_why(group[0]))
    for left in opinion.apart:
        yield f"{left.name}: {left.layer}", [("why", left.reason, "")]


def _why(one: Placement) -> Iterator[tuple[str, str, str]]:
    for reason in one.reasons:
        yield "why", reason, ""
    if one.remedy:
        yield "remedy", remedy_text(one.remedy), ""
    if one.source:
        yield "source", one.source, "dim"


def _pairs(
    rows: Iterator[tuple[str, str, str]] | list[tuple[str, str, str]], indent: int = 0
) -> Table:
    from rich.table import Table
    from rich.text import Text

    table = Table(show_header=False, box=None, padding=(0, 2, 0, 0), pad_edge=False)
    table.add_column(no_wrap=True, style="bold" if not indent else "")
    table.add_column(overflow="fold")
    for title, text, style in rows:
        table.add_row(" " * indent + title, Text(text, style=style))
    return table
