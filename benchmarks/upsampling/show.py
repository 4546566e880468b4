"""The results as tables: in the terminal, and as Markdown in a marked block of a page."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from textwrap import wrap
from typing import TYPE_CHECKING, Any

from edgeseg.benchmarks.host import Host, Strain, busy_reasons
from edgeseg.benchmarks.interval import Verdict
from edgeseg.errors import ConfigError
from edgeseg.files import atomic_write_bytes

from .results import Contender, Cycles, Group, Network, Results, Time

if TYPE_CHECKING:
    from rich.console import Console

BEGIN = "<!-- upsampling tables: begin -->"
END = "<!-- upsampling tables: end -->"
APPROXIMATE = "~"
NAME_WIDTH = 18  # beside five strides on a terminal of 80 columns
_STYLES = {Verdict.FASTER.value: "green", Verdict.SLOWER.value: "yellow"}


@dataclass(frozen=True)
class Cell:
    """Lines of text, and how a terminal paints them."""

    lines: tuple[str, ...]
    style: str = ""


@dataclass(frozen=True)
class Table:
    """A table; the first column holds names, the others figures."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    about: tuple[str, ...] = ()


def tables(results: Results) -> list[Table]:
    """Return all tables of the results."""
    found = [_forms(groups, results) for groups in _by_run(results.groups)]
    if results.networks:
        found.append(_networks(results))
    return found + [_cycles(entries, results) for entries in _by_accelerator(results.cycles)]


def draw(results: Results, console: Console) -> None:
    """Print the tables."""
    for table in tables(results):
        console.print(table.title, style="bold", markup=False)
        console.print(_drawn(table))
        for line in table.about:
            console.print(line, style="dim", markup=False)
        console.print()
    for line in notes(results):
        console.print(f"! {line}", style="yellow", markup=False)


def markdown(results: Results) -> str:
    """Return the tables as Markdown, with the machine they were taken on."""
    parts = [_machine(results)]
    for table in tables(results):
        parts.append("\n".join([f"**{table.title}**", "", *_lines(table)]))
        parts += ["  \n".join(table.about)] if table.about else []
    parts += [f"- {line}" for line in notes(results)]
    return "\n\n".join(parts)


def write_markdown(results: Results, page: Path) -> None:
    """Write the tables between the marks of a page; a page that is not there yet is made of them.

    Raises:
        ConfigError: the page has no marks.
        OutputError: it cannot be written.
    """
    text = page.read_text(encoding="utf-8") if page.is_file() else f"{BEGIN}\n{END}\n"
    head, begin, rest = text.partition(BEGIN)
    _, end, tail = rest.partition(END)
    if not begin or not end:
        raise ConfigError(f"{page} has no block between {BEGIN} and {END}; put both lines into it")
    block = f"{head}{BEGIN}\n\n{markdown(results)}\n\n{END}{tail}"
    atomic_write_bytes(page, block.encode())


def notes(results: Results) -> list[str]:
    """Return what a reader must know to trust the figures no more than they deserve."""
    if not results.groups and not results.networks:
        return []
    strain = results.strain or {"load_before": None, "load_after": None}
    told = busy_reasons(
        Host(**results.host),
        Strain(**{"steal_share": None, "others_cores": None, **strain}),
    )
    lines = [f"busy host: {'; '.join(told)}"] if told else []
    return lines if results.complete else [*lines, "interrupted: not everything was measured"]


def _machine(results: Results) -> str:
    host = results.host
    packages = ", ".join(f"{name} {number}" for name, number in host["packages"].items())
    return (
        f"Measured {results.settings['date']} on {host['cpu'] or host['machine']}, "
        f"{host['usable_cores']} cores, {host['system']}; {packages}."
    )


def _by_run(groups: Sequence[Group]) -> Iterator[list[Group]]:
    """Yield the groups of one table: all strides of a precision and a number of threads."""
    runs = dict.fromkeys((group.precision, group.threads) for group in groups)
    for run in runs:
        yield [group for group in groups if (group.precision, group.threads) == run]


def _by_accelerator(entries: Sequence[Cycles]) -> Iterator[list[Cycles]]:
    for accelerator in dict.fromkeys(entry.accelerator for entry in entries):
        yield [entry for entry in entries if entry.accelerator == accelerator]


def _forms(groups: Sequence[Group], results: Results) -> Table:
    first, settings = groups[0], results.settings
    figures = {
        (form.label, group.stride): _timed(time)
        for group in groups
        for form, time in zip(group.forms, group.times, strict=True)
    }
    return Table(
        f"{first.precision}, {first.threads} thread{'s' if first.threads > 1 else ''}, "
        f"{settings['size']}x{settings['classes']} output, {first.kernels[0]}",
        ("form", *(f"stride {group.stride}" for group in groups)),
        _rows([form for group in groups for form in group.forms], groups, figures),
        (
            "ms, and time / time of the transposed convolution with its 95 % interval; "
            f"{APPROXIMATE} does not compute the same",
        ),
    )


def _cycles(entries: Sequence[Cycles], results: Results) -> Table:
    settings = results.settings
    figures = {(entry.form.label, entry.stride): _estimated(entry) for entry in entries}
    firsts = [
        next(entry for entry in entries if entry.stride == stride)
        for stride in dict.fromkeys(entry.stride for entry in entries)
    ]
    return Table(
        f"{entries[0].accelerator}, int8, {settings['size']}x{settings['classes']} output, "
        f"Vela {settings['vela']}",
        ("form", *(f"stride {entry.stride}" for entry in firsts)),
        _rows([entry.form for entry in entries], firsts, figures),
        (
            "millions of cycles and ms on the accelerator, and operators that are left to the CPU, "
            f"whose time is in neither; {APPROXIMATE} does not compute the same",
        ),
    )


def _rows(
    forms: Sequence[Contender],
    columns: Sequence[Group | Cycles],
    figures: dict[tuple[str, int], Cell],
) -> tuple[tuple[Cell, ...], ...]:
    names = {form.label: form for form in forms}
    return tuple(
        (
            Cell((label if form.exact else f"{APPROXIMATE}{label}",)),
            *(figures.get((label, column.stride), Cell(("-",))) for column in columns),
        )
        for label, form in names.items()
    )


def _timed(time: Time) -> Cell:
    lines = (f"{_figure(time.median_ms)} ms", _ratio(time))
    return Cell(lines, _STYLES.get(time.verdict, ""))


def _ratio(time: Time) -> str:
    if time.ratio is None:
        return "1"
    if time.low is None or time.high is None:
        return _figure(time.ratio)
    half = (time.high - time.low) / 2
    decimals = 1 if half >= 0.05 else 2 if half >= 0.005 else 3
    return f"{time.ratio:.{decimals}f}±{half:.{decimals}f}"


def _figure(value: float) -> str:
    """Return a figure with two or three digits that say something."""
    if value >= 100:
        return f"{value:.0f}"
    if value >= 10:
        return f"{value:.1f}"
    return f"{value:.2f}" if value >= 0.1 else f"{value:.3f}"


def _estimated(entry: Cycles) -> Cell:
    left = len(entry.cpu_operators)
    lines = (f"{_figure(entry.cycles / 1e6)} M", f"{_figure(entry.ms)} ms")
    if not entry.cycles:
        return Cell(("all on CPU",), "yellow")
    return Cell((*lines, f"{left} on CPU"), "yellow") if left else Cell(lines)


def _networks(results: Results) -> Table:
    return Table(
        f"whole networks, int8, planned for {results.networks[0].target}",
        ("network", "threads", "planned", "untouched", "TFLite alone", "same pixels"),
        tuple(_network(network) for network in results.networks),
        (
            "How many times faster the planned file is, with its 95 % interval, than the untouched "
            "one (by edgeseg, every layer as it is) and than what TFLiteConverter makes by itself, "
            "whose batch is open. Same pixels: whose class is that of the float network, when its "
            "layers are swapped; below, in the untouched int8 file and in the planned one.",
            *dict.fromkeys(f"{one.model}: {', '.join(one.forms)}" for one in results.networks),
        ),
    )


def _network(network: Network) -> tuple[Cell, ...]:
    before, after = network.int8_agreements
    return (
        Cell((network.model, network.size)),
        Cell((f"{network.threads}",)),
        Cell((f"{_figure(network.planned.median_ms)} ms",)),
        _slower(network.untouched),
        _slower(network.stock),
        Cell((_share(network.agreement), *(f"int8 {one:.2%}" for one in (before, after)))),
    )


def _slower(time: Time) -> Cell:
    """Return a time and how many times longer it is than the planned file's."""
    assert time.ratio is not None
    times = f"{time.ratio:.2f}x"
    if time.low is not None and time.high is not None:
        times += f" ({time.low:.2f}-{time.high:.2f})"
    return Cell((f"{_figure(time.median_ms)} ms", times))


def _share(agreement: float) -> str:
    """Return the agreement, never rounded up to all pixels."""
    if agreement == 1:
        return "100 %"
    return f"{min(agreement, 0.999999):.4%}".replace("%", " %")


def _drawn(table: Table) -> Any:
    from rich import box
    from rich.table import Table as Grid
    from rich.text import Text

    grid = Grid(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), show_edge=False)
    grid.add_column(table.columns[0], overflow="fold")
    for heading in table.columns[1:]:
        grid.add_column(heading, justify="right")
    for name, *figures in table.rows:
        lines = [part for line in name.lines for part in wrap(line, NAME_WIDTH)]
        cells = [Cell(tuple(lines)), *figures]
        grid.add_row(*(Text("\n".join(cell.lines), style=cell.style) for cell in cells))
    return grid


def _lines(table: Table) -> Iterator[str]:
    yield f"| {' | '.join(table.columns)} |"
    yield "| --- |" + " ---: |" * (len(table.columns) - 1)
    for row in table.rows:
        yield f"| {' | '.join('<br>'.join(cell.lines) for cell in row)} |"
