"""`edgeseg bench --save-baseline` and `--compare`: the options, and what they print."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from rich.console import Console

    from edgeseg.benchmarks.baseline import Comparison


def show(found: Comparison, out: Console) -> None:
    """Print a row for each variant, and a sentence that says what came out."""
    from rich import box
    from rich.table import Table

    unit = "ratio" if found.as_ratios else "ms"
    grid = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), show_edge=False)
    grid.add_column("against the baseline", overflow="fold")
    for heading in (f"then\n{unit}", f"now\n{unit}", "now / then", "95 %\ninterval", ""):
        grid.add_column(heading, justify="right")
    for row in found.rows:
        low, high = row.ratio.low, row.ratio.high
        scale = 1.0 if found.as_ratios else 1e3
        interval = "too early" if low is None or high is None else f"{low:.3f}-{high:.3f}"
        cells = (f"{row.then * scale:.3f}", f"{row.now * scale:.3f}", f"{row.ratio.value:.3f}")
        grid.add_row(row.label, *cells, interval, row.change.value)
    out.print(grid)
    for line in sentences(found):
        out.print(line, markup=False, soft_wrap=not out.is_terminal)


def sentences(found: Comparison) -> list[str]:
    """Return what came out, and what makes it less than it seems."""
    slower = [row.label for row in found.rows if row.change.value == "slower"]
    unclear = [row.label for row in found.rows if row.change.value == "unclear"]
    lines = [
        f"slower than the baseline by more than {found.tolerance:.1%}: {', '.join(slower)}"
        if slower
        else f"nothing is surely slower than the baseline by more than {found.tolerance:.1%}"
    ]
    if unclear:
        lines.append(f"! unclear: {', '.join(unclear)}; try a longer --seconds on a quiet machine")
    if found.machines:
        lines.append(
            f"! another machine: the baseline was measured {'; '.join(found.machines)}; so ratios "
            f"to {found.reference} are compared, not times"
        )
    return [*lines, *(f"! {text}" for text in found.left_out)]


def tolerance_share(_: click.Context, param: click.Parameter, value: str) -> float:
    """Percent in, share out."""
    try:
        share = float(value.strip().removesuffix("%")) / 100
    except ValueError:
        share = -1.0
    if not 0 <= share < 1:
        raise click.BadParameter(
            f"{value!r} is no percentage; expected for example 5%", param=param
        )
    return share
