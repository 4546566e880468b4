"""The part of the proof's page that is about the target: swapped layers, and what falls back."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from .delegates.target import Check
from .swaps import Swap

if TYPE_CHECKING:
    from .pipeline import ConvertReport

Row = list[str]


def swap_rows(report: ConvertReport) -> list[Row]:
    """Return a row for each swapped layer: what it was and is, and its errors."""
    if report.rewritten is None:
        return []
    return [_swap(swap) for swap in report.rewritten.swaps]


def swap_reasons(report: ConvertReport) -> list[str]:
    """Return why each layer was swapped, and what says so."""
    swaps = report.rewritten.swaps if report.rewritten is not None else ()
    return [
        f"{swap.layer}: {swap.why}" + (f" ({swap.source})" if swap.source else "") for swap in swaps
    ]


def left_out_rows(check: Check | None) -> list[Row]:
    """Return a row for each operator that the target leaves to the CPU."""
    if check is None:
        return []
    return [
        [one.op.layer, one.op.name, ", ".join(one.reasons), one.remedy, one.source]
        for one in check.left_out
    ]


def target_facts(report: ConvertReport) -> Iterator[tuple[str, str]]:
    """Yield what was made for which target."""
    rewritten, check = report.rewritten, report.check
    if rewritten is None or rewritten.target is None or check is None:
        return
    yield "target", rewritten.target.title
    total, left = len(check.placements), len(check.left_out)
    share = f", {check.macs_left_out:.1%} of the MACs are left to the CPU" if left else ""
    yield "operators", f"{total - left} of {total} run there by its table{share}"
    if rewritten.proof is not None:
        yield "swapped", f"{rewritten.proof.agreement:.3%} of the pixels as before, in float"


def _swap(swap: Swap) -> Row:
    return [
        swap.layer,
        swap.was,
        f"{swap.title} ({'exact' if swap.exact else 'approximate'})",
        _error(swap.max_interior, swap.rms_interior),
        _error(swap.max_border, swap.rms_border),
        f"{swap.shift_px:.2f}",
        f"{swap.agreement:.2%}",
    ]


def _error(largest: float, rms: float) -> str:
    return f"{_short(largest)} / {_short(rms)}"


def _short(share: float) -> str:
    return f"{share:.2%}" if share >= 1e-4 else f"{share:.0e}" if share else "0"
