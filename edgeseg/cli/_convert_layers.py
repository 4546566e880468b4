"""The tables of an int8 file's layers, for `edgeseg convert`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from rich.table import Table

    from edgeseg.converters.mixed import KeptLayer
    from edgeseg.converters.sensitivity import LayerError

_WORST = 10  # layers shown


def kept_table(kept: Sequence[KeptLayer]) -> Table:
    """Return what each layer that runs in float32 brings back, in points, and costs."""
    rows = (
        (
            layer.name,
            layer.op.removesuffix("_2D"),
            f"{100 * layer.gain:.2f}",
            f"{layer.cost_ms:+.2f}",
            layer.why,
        )
        for layer in kept
    )
    titles = ("in float32", "operator", "points", "ms", "why")
    return table_of(titles, "llrrl", rows)


def worst_table(layers: Sequence[LayerError]) -> Table:
    """Return the layers that lose most: what each alone would bring back, and what it looks like.

    "channels" is the widest channel's range over the median's, "inputs" a sum's likewise.
    """
    from edgeseg.converters.sensitivity import in_short, worst_first

    rows = (
        (
            layer.name,
            layer.op.removesuffix("_2D"),
            "" if layer.cost is None else f"{100 * layer.cost:.2f}",
            f"{layer.snr_db:.1f}",
            f"{in_short(layer.low)}..{in_short(layer.high)}",
            "" if layer.spread is None else f"{layer.spread:.1f}",
            "" if layer.ratio is None else f"{layer.ratio:.1f}",
        )
        for layer in worst_first(layers)[:_WORST]
    )
    titles = (f"worst of {len(layers)}", "operator", "points", "dB", "range", "channels", "inputs")
    return table_of(titles, "llrrrrr", rows)


def table_of(titles: Sequence[str], sides: str, rows: Iterable[Sequence[str]]) -> Table:
    """Return a plain table; `sides` has l or r for each column."""
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, padding=(0, 1, 0, 0), pad_edge=False)
    for title, side in zip(titles, sides, strict=True):
        justify: Literal["left", "right"] = "left" if side == "l" else "right"
        table.add_column(title, justify=justify, overflow="fold")
    for row in rows:
        table.add_row(*map(Text, row))
    return table
