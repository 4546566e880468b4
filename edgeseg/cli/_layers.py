"""The table of what each operator of a model costs, for `edgeseg info --layers`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from rich.table import Table

    from edgeseg.complexity import Complexity, OperatorCost

_TITLES = ("layer", "operator", "output", "MACs", "%", "weights")
_BAR_WIDTH, _GAP = 8, 1
_LEAST_NAME = 12


def layers_json(found: Complexity) -> list[dict[str, Any]]:
    """Return one object for each operator."""
    return [
        {
            "name": cost.name,
            "op": cost.op,
            "output": list(cost.shape),
            "macs": cost.macs,
            "parameters": cost.parameters,
        }
        for cost in found.operators
    ]


def layers_table(found: Complexity, width: int) -> Table:
    """Return a row for each operator, with its share of all MACs in percent; the sums last.

    Where `width` columns are too few, layers' names are cut.
    """
    from rich.progress_bar import ProgressBar
    from rich.table import Table

    rows = [*(_row(cost, found.macs) for cost in found.operators), _sums(found)]
    widths = [max(len(text) for text in column) for column in zip(_TITLES, *rows, strict=True)]
    rest = sum(widths[1:]) + _BAR_WIDTH + _GAP * len(_TITLES)
    widths[0] = max(_LEAST_NAME, min(widths[0], width - rest))
    table = Table(box=None, padding=(0, _GAP, 0, 0), pad_edge=False)
    for place, (title, column) in enumerate(zip(_TITLES, widths, strict=True)):
        justify: Literal["left", "right"] = "left" if place < 3 else "right"
        table.add_column(title, justify=justify, width=column, no_wrap=True, overflow="crop")
    table.add_column("", width=_BAR_WIDTH)
    most = max((cost.macs for cost in found.operators), default=0)
    for row, cost in zip(rows, found.operators, strict=False):
        bar = ProgressBar(total=max(1, most), completed=cost.macs, width=_BAR_WIDTH)
        table.add_row(_cut(row[0], widths[0]), *row[1:], bar if cost.macs else "")
    table.add_row(*rows[-1], style="bold")
    return table


def _cut(name: str, width: int) -> str:
    return name if len(name) <= width else f"..{name[2 - width :]}"


def _row(cost: OperatorCost, all_macs: int) -> tuple[str, ...]:
    """Return the texts of a row; the batch of one is left out of the output's shape."""
    shape = cost.shape[1:] if len(cost.shape) > 1 and cost.shape[0] == 1 else cost.shape
    return (
        cost.name,
        cost.op,
        "x".join(map(str, shape)),
        short(cost.macs) if cost.macs else "",
        f"{100 * cost.macs / all_macs:.1f}" if cost.macs else "",
        short(cost.parameters) if cost.parameters else "",
    )


def _sums(found: Complexity) -> tuple[str, ...]:
    return "all", "", "", short(found.macs), "", short(found.parameters)


def short(figure: int) -> str:
    """Return a count in three digits: 950, 12.3 k, 202 M, 1.25 G."""
    for unit, size in (("G", 10**9), ("M", 10**6), ("k", 10**3)):
        if figure >= size:
            value = figure / size
            return f"{value:.{2 if value < 10 else 1 if value < 100 else 0}f} {unit}"
    return str(figure)
