"""Contests of a few lines of code each: measured, shown as tables, kept as JSON and Markdown."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any

import numpy as np

from edgeseg.files import atomic_write_bytes

from .host import Host, advice, describe_host, snapshot, strain_between
from .interval import Ratio, is_precise, ratio_to_reference
from .pages import fill
from .paired import Contestant, Plan, Recording, Workload, measure

if TYPE_CHECKING:
    from rich.console import Console

Call = Callable[[], object]
Open = Callable[[], Call]

QUICK = Plan(seconds=0.2, rounds=6, target=0)
SCHEMA = "edgeseg-contests-1"


@dataclass(frozen=True)
class Row:
    """One contestant's figures.

    Attributes:
        label: its name.
        median_ms: of all calls.
        times: its time over the first's, or the reverse (`Table.as_speed`); None for the first.
    """

    label: str
    median_ms: float
    times: Ratio | None


@dataclass(frozen=True)
class Table:
    """Contestants that ran against each other.

    Attributes:
        title: what was timed.
        unit: what a ratio counts, as in `times faster` or `copies`.
        as_speed: whether a ratio is the first's time over the row's, not the reverse.
        rows: the first is the reference.
        notes: what else was found.
        rounds_ms: each timed call, [round][contestant][call].
    """

    title: str
    unit: str
    as_speed: bool
    rows: tuple[Row, ...]
    notes: tuple[str, ...]
    rounds_ms: tuple[Any, ...]


@dataclass(frozen=True)
class Results:
    """Tables, the machine they were taken on, and what a reader must know to trust them."""

    host: Host
    tables: tuple[Table, ...]
    notes: tuple[str, ...]


class _Work:
    """One call, timed as a whole."""

    def __init__(self, call: Call, calls: int) -> None:
        self._call, self._calls = call, calls

    def run(self) -> tuple[float, ...]:
        start = perf_counter()
        self._call()
        return ((perf_counter() - start) / self._calls,)

    def close(self) -> None:
        """Nothing is held but memory."""


def contest(
    title: str,
    contestants: Mapping[str, Open],
    plan: Plan,
    *,
    unit: str,
    as_speed: bool = False,
    frames: int = 1,
    notes: Sequence[str] = (),
) -> Table:
    """Run contestants against each other, as `edgeseg bench` does; the first is the reference.

    Args:
        title: what is timed.
        contestants: by name, what sets one up afresh and returns what is timed.
        plan: how long.
        unit: what a ratio counts.
        as_speed: give the first's time over each one's, not the reverse.
        frames: how many frames one call does; times are of one.
        notes: what else was found.
    """

    def opened(open_: Open) -> Callable[[], Workload]:
        return lambda: _Work(open_(), frames)

    recording = Recording(tuple(contestants))
    entries = [Contestant(label, opened(open_)) for label, open_ in contestants.items()]
    measure(entries, plan, recording, precise=is_precise)
    rows = tuple(_row(recording, index, as_speed) for index in range(len(entries)))
    rounds_ms = tuple(
        tuple(np.round(block[:, 0] * 1e3, 5).tolist() for block in entry.seconds)
        for entry in recording.rounds
    )
    return Table(title, unit, as_speed, rows, tuple(notes), rounds_ms)


def watched(take: Callable[[], Sequence[Table]], threads: int) -> Results:
    """Return the tables that `take` measures, with the machine and what it did meanwhile."""
    host, before = describe_host(), snapshot()
    tables = tuple(take())
    return Results(host, tables, tuple(advice(host, strain_between(before, snapshot()), threads)))


def draw(results: Results, console: Console) -> None:
    """Print the tables."""
    from rich import box
    from rich.table import Table as Grid

    for table in results.tables:
        console.print(table.title, style="bold", markup=False)
        grid = Grid(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), show_edge=False)
        grid.add_column("", overflow="fold")
        for heading in ("ms", table.unit, "95 % interval"):
            grid.add_column(heading, justify="right")
        for row in table.rows:
            grid.add_row(*_cells(row))
        console.print(grid)
        for note in table.notes:
            console.print(note, style="dim", markup=False)
        console.print()
    console.print(machine(results.host), style="dim", markup=False)
    for note in results.notes:
        console.print(f"! {note}", style="yellow", markup=False)


def save(results: Results, path: Path) -> None:
    """Write everything as JSON, each timed call too."""
    text = json.dumps({"schema": SCHEMA, **asdict(results)}, indent=1)
    atomic_write_bytes(path, text.encode())


def write_markdown(results: Results, name: str, page: Path) -> None:
    """Write the tables between the marks `<!-- NAME: begin -->` and `end` of a page.

    Raises:
        ConfigError: the page is not there or has no marks.
        OutputError: it cannot be written.
    """
    atomic_write_bytes(page, fill(page, name, _markdown(results)).encode())


def machine(host: Host) -> str:
    """Return the machine and what ran on it, in one line."""
    packages = ", ".join(f"{name} {number}" for name, number in host.packages.items())
    return f"{host.cpu or host.machine}, {host.usable_cores} cores, {host.system}; {packages}"


def _row(recording: Recording, index: int, as_speed: bool) -> Row:
    median_ms = float(np.median(recording.calls_ms(index)))
    if index == 0:
        return Row(recording.labels[0], median_ms, None)
    ratio = ratio_to_reference(recording, index)
    return Row(recording.labels[index], median_ms, _inverse(ratio) if as_speed else ratio)


def _inverse(ratio: Ratio) -> Ratio:
    low, high = ratio.low, ratio.high
    return Ratio(1 / ratio.value, 1 / high if high else None, 1 / low if low else None)


def _cells(row: Row) -> tuple[str, str, str, str]:
    if row.times is None:
        return row.label, _figure(row.median_ms), "1", ""
    low, high = row.times.low, row.times.high
    interval = "too early" if low is None or high is None else f"{_figure(low)}-{_figure(high)}"
    return row.label, _figure(row.median_ms), _figure(row.times.value), interval


def _figure(value: float) -> str:
    """Return a figure with three digits that say something."""
    if value >= 100:
        return f"{value:.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}" if value >= 0.5 else f"{value:.3f}"


def _markdown(results: Results) -> str:
    parts = [f"Measured on {machine(results.host)}."]
    for table in results.tables:
        lines = [
            f"| {table.title} | ms | {table.unit} | 95 % interval |",
            "| --- | ---: | ---: | ---: |",
        ]
        lines += [f"| {' | '.join(_cells(row))} |" for row in table.rows]
        parts += ["\n".join(lines), *table.notes]
    return "\n\n".join([*parts, *(f"- {note}" for note in results.notes)])
