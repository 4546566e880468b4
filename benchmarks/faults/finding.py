"""What was required, what was measured, and whether it holds."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

from edgeseg.benchmarks.contest import machine
from edgeseg.benchmarks.host import Host
from edgeseg.benchmarks.pages import fill
from edgeseg.files import atomic_write_bytes

if TYPE_CHECKING:
    from rich.console import Console

SCHEMA = "edgeseg-faults-1"
BLOCK = "faults"
_COLUMNS = ("what", "required", "worst", "median", "n", "holds")


@dataclass(frozen=True)
class Finding:
    """One promise and how it fared.

    Attributes:
        what: was measured, as in "camera unplugged: noticed".
        unit: of the values, "" for counts.
        values: one for each trial.
        limit: that each value is held to.
        at_least: whether values must not be below the limit, instead of not above.
        failures: trials without a value, each in a few words.
        note: what a reader must know beside.
    """

    what: str
    unit: str
    values: tuple[float, ...]
    limit: float
    at_least: bool = False
    failures: tuple[str, ...] = ()
    note: str = ""

    @property
    def holds(self) -> bool:
        """Whether there were trials, none failed, and all values are within the limit."""
        worst = self.worst
        if worst is None or self.failures:
            return False
        return worst >= self.limit if self.at_least else worst <= self.limit

    @property
    def worst(self) -> float | None:
        """The value farthest to the wrong side, None without any."""
        if not self.values:
            return None
        return min(self.values) if self.at_least else max(self.values)

    @property
    def tried(self) -> int:
        """How many trials there were."""
        return len(self.values) + len(self.failures)

    def cells(self) -> tuple[str, str, str, str, str, str]:
        """Return what stands in the columns of a table."""
        sign = "at least" if self.at_least else "at most"
        required = f"{sign} {_figure(self.limit)} {self.unit}".rstrip()
        worst = "-" if self.worst is None else f"{_figure(self.worst)} {self.unit}".rstrip()
        middle = _figure(median(self.values)) if self.values else "-"
        done = f"{len(self.values)} of {self.tried}" if self.failures else str(self.tried)
        return self.what, required, worst, middle, done, "yes" if self.holds else "NO"


@dataclass(frozen=True)
class Report:
    """Findings, the machine they were made on, and what was left out, with the reason."""

    host: Host
    findings: tuple[Finding, ...]
    left_out: tuple[str, ...]

    @property
    def holds(self) -> bool:
        """Whether all do."""
        return all(finding.holds for finding in self.findings)


def draw(report: Report, console: Console) -> None:
    """Print the table."""
    from rich import box
    from rich.table import Table

    grid = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), show_edge=False)
    for column in _COLUMNS:
        grid.add_column(column, overflow="fold")
    for finding in report.findings:
        grid.add_row(*finding.cells(), style="" if finding.holds else "red")
    console.print(grid)
    for line in _remarks(report):
        console.print(line, style="dim", markup=False)


def save(report: Report, path: Path) -> None:
    """Write everything as JSON, each trial's value too."""
    findings = [{**asdict(finding), "holds": finding.holds} for finding in report.findings]
    content = {"schema": SCHEMA, **asdict(report), "findings": findings}
    atomic_write_bytes(path, json.dumps(content, indent=1).encode())


def write_markdown(report: Report, page: Path) -> None:
    """Write the table between the marks `<!-- faults: begin -->` and `end` of a page.

    Raises:
        ConfigError: the page is not there or has no marks.
        OutputError: it cannot be written.
    """
    atomic_write_bytes(page, fill(page, BLOCK, _markdown(report)).encode())


def _markdown(report: Report) -> str:
    rows = [_COLUMNS, ("---", "---", "---:", "---:", "---:", "---")]
    rows += [finding.cells() for finding in report.findings]
    table = "\n".join(f"| {' | '.join(cells)} |" for cells in rows)
    return "\n\n".join([table, *(f"- {line}" for line in _remarks(report))])


def _remarks(report: Report) -> Sequence[str]:
    notes = [f"{one.what}: {one.note}" for one in report.findings if one.note]
    failed = [f"{one.what}: {fail}" for one in report.findings for fail in one.failures]
    return [*failed, *notes, *report.left_out, f"Measured on {machine(report.host)}."]


def _figure(value: float) -> str:
    """Return a figure with three digits that say something."""
    if value == round(value) or abs(value) >= 100:
        return f"{value:.0f}"
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"
