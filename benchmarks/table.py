"""The report as a terminal table."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

from .cases import FRAME, STAGES, Case
from .host import busy_reasons, slowed_reasons
from .interval import Verdict
from .pareto import front
from .report import Standing, decimals, is_equal, standings
from .suite import BenchReport

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

Columns = Sequence[tuple[str, list[str]]]  # each a heading and a value per variant
UNKNOWN = "unknown"  # in a file from elsewhere
COLORS = {Verdict.FASTER: "green", Verdict.SLOWER: "yellow"}


def tables(report: BenchReport, console: Console) -> list[Table]:
    """Return one table that fits the console, or several: figures, stages, what the variants are.

    What all variants share, or what their names say, takes no column; the first stands in
    `caption`.
    """
    facts, stages, figures = columns_of(report)
    whole = _table(report, facts, [*stages, *figures])
    if _fits(whole, console):
        return [whole]
    timed = _table(report, [], [*stages, *figures])
    parts = [timed] if _fits(timed, console) or not stages else []
    parts = parts or [_table(report, [], figures), _table(report, [], stages)]
    return [*parts, _table(report, facts, [])] if facts else parts


def columns_of(report: BenchReport) -> tuple[Columns, Columns, Columns]:
    """Return what the variants are, where they differ, their stages, and all other figures."""
    return _columns(report.cases), _stages(report), _others(report)


def _others(report: BenchReport) -> Columns:
    return [*_accuracy(report), *_memory(report), *_figures(report)]


def _fits(table: Table, console: Console) -> bool:
    return (
        console.measure(table, options=console.options.update(width=1000)).maximum <= console.width
    )


def _table(report: BenchReport, facts: Columns, figures: Columns) -> Table:
    from rich import box
    from rich.table import Table
    from rich.text import Text

    grid = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), show_edge=False)
    grid.add_column("variant", overflow="fold")
    for heading, _ in facts:
        grid.add_column(heading, no_wrap=True)
    for heading, _ in figures:
        grid.add_column(heading, justify="right", no_wrap=True)
    for index, row in enumerate(standings(report)):
        cells = [row.label, *(values[index] for _, values in (*facts, *figures))]
        style = COLORS.get(row.verdict, "") if row.verdict and figures else ""
        grid.add_row(*(Text(cell) for cell in cells), style=style)
    return grid


def caption(report: BenchReport) -> list[str]:
    """Return what holds for the whole table: what was timed, on what, how long."""
    recording = report.recording
    return [
        *setup(report),
        *_evaluated(report),
        f"{len(recording.rounds)} rounds in {recording.sittings} sittings, "
        f"{recording.elapsed_s:.0f} s; ratio: time / time of {report.cases[0].label}",
    ]


def setup(report: BenchReport) -> list[str]:
    """Return what was timed, what variants share, and the machine."""
    host = report.host
    timed = {
        "network": "the network alone, on one prepared tensor",
        "frame": f"a {FRAME} frame, from BGR to the picture with class colours, by its stages",
        "start": "opening the file and the first run, each time in a process of its own; memory: "
        "its peak beyond what the process had before",
    }[report.options.what]
    counts = sorted({case.threads for case in report.cases})
    threads = f"{' or '.join(map(str, counts))} thread{'s' if counts != [1] else ''}"
    shared = _shared(report.cases)
    return [
        f"timed: {timed}",
        *([f"all: {', '.join(shared)}"] if shared else []),
        f"on: {host.cpu or host.machine}, {threads} on {host.usable_cores} cores, "
        f"{host.kernels} kernels",
        *_runtimes(report.cases),
    ]


def _evaluated(report: BenchReport) -> list[str]:
    found = next((one for one in report.accuracy if one), None)
    if found is None:
        return []
    return [f"mIoU: on the {found.images} images of {found.data}; *: none is faster and better"]


def _runtimes(cases: Sequence[Case]) -> list[str]:
    """Say what ran the networks; where that differs, which (int16x8, say, gets no XNNPACK)."""
    names: dict[str, list[str]] = {}
    for case in cases:
        names.setdefault(case.runtime, []).append(case.label)
    usual = max(names, key=lambda name: len(names[name]))
    others = [
        f"runtime of {', '.join(labels)}: {name}" for name, labels in names.items() if name != usual
    ]
    return [f"runtime: {usual}{', but' if others else ''}", *others]


def _facts(cases: Sequence[Case]) -> Columns:
    return [
        ("precision", [case.manifest.precision or UNKNOWN for case in cases]),
        ("upsampling", [case.manifest.upsampling or UNKNOWN for case in cases]),
        ("head", [case.head for case in cases]),
        ("input", [str(case.manifest.preparation.size) for case in cases]),
        ("threads", [f"{case.threads}t" for case in cases]),
        ("KiB", [f"{case.size_bytes / 1024:.0f}" for case in cases]),
        ("MMACs", [f"{case.macs / 1e6:.0f}" if case.macs else "" for case in cases]),
    ]


def _columns(cases: Sequence[Case]) -> Columns:
    """Return the facts in which variants differ, without those that every name states."""
    said = [re.split("[:@]", case.variant.text) for case in cases]
    return [
        (heading, values)
        for heading, values in _facts(cases)
        if len(set(values)) > 1
        and not all(value in words for value, words in zip(values, said, strict=True))
    ]


def _shared(cases: Sequence[Case]) -> list[str]:
    facts = [
        (name, values[0])
        for name, values in _facts(cases)
        if len(set(values)) == 1 and values[0] and name != "threads"  # they stand with the machine
    ]
    units = ("KiB", "MMACs")
    return [f"{value} {name}" if name in units else f"{name} {value}" for name, value in facts]


def _accuracy(report: BenchReport) -> Columns:
    """Return mIoU, with a mark at those on the Pareto front, and that of the float32 form."""
    found = report.accuracy
    if not found:
        return []
    best = on_front(report)
    mious = [_score(one.miou if one else None) for one in found]
    marked = [f"{'* ' if index in best else ''}{value}" for index, value in enumerate(mious)]
    floats = [_score(one.float_miou if one else None) for one in found]
    return [("mIoU", marked), *([("float\nmIoU", floats)] if any(floats) else [])]


def on_front(report: BenchReport) -> tuple[int, ...]:
    """Return the variants that no other beats in both time and mIoU, quickest first."""
    rated = [index for index, one in enumerate(report.accuracy) if one]
    rows = standings(report)
    chosen = front(
        [rows[index].median_ms for index in rated],
        [one.miou for one in report.accuracy if one],
    )
    return tuple(rated[index] for index in chosen)


def _score(value: float | None) -> str:
    return "" if value is None else f"{value:.3f}"


def _stages(report: BenchReport) -> Columns:
    """Return the stages of a frame; a network has but one."""
    rows = standings(report)
    names = STAGES[report.options.what]
    columns = [(f"{name}\nms", [_ms(row.stages_ms[name]) for row in rows]) for name in names]
    return columns if len(names) > 1 else []


def _memory(report: BenchReport) -> Columns:
    mebibytes = ["" if size is None else f"{size / 2**20:.1f}" for size in report.memory_bytes]
    return [("memory\nMiB", mebibytes)] if mebibytes else []


def _figures(report: BenchReport) -> Columns:
    rows = standings(report)
    cells = [[*_times(row, report), *_comparison(row, report)] for row in rows]
    headings = [*_headings(report), "ratio", "95 %\ninterval", "verdict"]
    columns = list(
        zip(headings, (list(values) for values in zip(*cells, strict=True)), strict=True)
    )
    return columns if len(rows) > 1 else columns[:-3]


def _headings(report: BenchReport) -> list[str]:
    flag = " !" if busy_reasons(report.host, report.strain) or slowed_reasons(report.strain) else ""
    whole = "median" if report.options.what == "network" else report.options.what
    tails = ["p90", "p95", "p99"] if report.options.plan.calls else ["p95", "p99"]
    return [f"{whole}{flag}\nms", *(f"{tail}\nms" for tail in tails)]


def _times(row: Standing, report: BenchReport) -> list[str]:
    p90 = [row.p90_ms] if report.options.plan.calls else []
    return [_ms(value) for value in (row.median_ms, *p90, row.p95_ms, row.p99_ms)]


def _ms(value: float) -> str:
    return f"{value:.2f}" if value < 100 else f"{value:.0f}"


def _comparison(row: Standing, report: BenchReport) -> list[str]:
    if row.ratio is None or row.verdict is None:
        return ["1", "", "reference"]
    if row.ratio.low is None or row.ratio.high is None:
        return [f"{row.ratio.value:.2f}", "", "too early"]
    word = row.verdict.value
    if row.verdict is Verdict.SAME:
        word = "equal" if is_equal(row.ratio, report.options.smallest) else "unclear"
    low, high = row.ratio.low, row.ratio.high
    digits = decimals(low, high)
    return [f"{row.ratio.value:.{digits}f}", f"{low:.{digits}f}-{high:.{digits}f}", word]
