"""What `edgeseg convert` says of a target: the plan, the swaps, and what runs there."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from edgeseg.cli._convert_layers import table_of

if TYPE_CHECKING:
    from rich.table import Table

    from edgeseg.converters.compile_step import CompiledFile
    from edgeseg.converters.compilers.word import LeftOut
    from edgeseg.converters.delegates.target import Check
    from edgeseg.converters.planner import Decision
    from edgeseg.converters.rewriting import Rewritten
    from edgeseg.converters.swaps import Swap


def plan_table(rewritten: Rewritten) -> Table:
    """Return the plan: each upsampling layer, what it becomes, how exact that is, and why.

    Sources are numbered; `sources` lists them.
    """
    swaps = {swap.layer: swap for swap in rewritten.swaps}
    numbers = {source: n for n, source in enumerate(sources(rewritten), start=1)}
    rows = (_planned(decision, swaps, numbers) for decision in rewritten.decisions)
    return table_of(("layer", "was", "becomes", "error", "why"), "lllll", rows)


def sources(rewritten: Rewritten) -> tuple[str, ...]:
    """Return what the plan rests on, each source once."""
    return tuple(dict.fromkeys(one.source for one in rewritten.decisions if one.source))


def swaps_table(swaps: tuple[Swap, ...]) -> Table:
    """Return what each swap changed, largest errors of the interior and of the border."""
    rows = (
        (
            swap.layer,
            swap.was,
            swap.title,
            _percent(swap.max_interior),
            _percent(swap.max_border),
            f"{swap.shift_px:.2f}",
            f"{swap.agreement:.2%}",
        )
        for swap in swaps
    )
    titles = ("swapped", "was", "becomes", "inside", "border", "px", "agreement")
    return table_of(titles, "lllrrrr", rows)


def target_rows(rewritten: Rewritten, check: Check | None) -> Iterator[tuple[str, str]]:
    """Yield the lines of the report that are about the target."""
    if rewritten.target is None or check is None:
        return
    total, left = len(check.placements), check.left_out
    where = f"all {total} operators" if not left else f"{total - len(left)} of {total} operators"
    yield "target", f"{rewritten.target.title}: {where} run there by its table"
    if left:
        counted = Counter((one.op.name, ", ".join(one.reasons)) for one in left)
        named = "; ".join(f"{n} {op} ({why})" for (op, why), n in counted.most_common(3))
        where = "in plain kernels" if rewritten.target.compiler == "xnnpack" else "left to the CPU"
        yield where, f"{check.macs_left_out:.1%} of the MACs: {named}"
    if rewritten.proof is not None:
        yield "swapped", f"{rewritten.proof.agreement:.3%} of the pixels as before, in float"


def compiled_rows(compiled: CompiledFile) -> Iterator[tuple[str, str]]:
    """Yield the lines of the report that are about the target's own compiler."""
    yield (
        "compiled",
        f"{compiled.cycles:,} cycles, {compiled.inference_ms:.2f} ms, "
        f"{compiled.sram_bytes / 1024:,.0f} KiB of SRAM, as the compiler estimates",
    )
    yield "CPU operators", _left(compiled.cpu_operators)
    before = compiled.untouched
    if before is not None:
        yield (
            "without swaps",
            f"{before.cycles:,} cycles, {before.inference_ms:.2f} ms; "
            f"CPU operators: {_left(before.cpu_operators)}",
        )


def _left(operators: tuple[LeftOut, ...]) -> str:
    named = "; ".join(f"{one.name} {one.layer}: {one.reason}" for one in operators[:3])
    return f"{len(operators)}, in no figure: {named}" if operators else "0"


def as_dict(rewritten: Rewritten) -> dict[str, Any]:
    """Return the plan for `--json`."""
    swaps = {swap.layer: swap for swap in rewritten.swaps}
    return {
        "target": rewritten.target.name if rewritten.target else "none",
        "exact": rewritten.exact,
        "agreement": rewritten.proof.agreement if rewritten.proof else 1.0,
        "refusal": rewritten.refusal,
        "layers": [
            {
                "layer": decision.site.name,
                "becomes": _form(decision, swaps),
                "why": decision.why,
                "source": decision.source,
                "swap": swaps[decision.site.name].to_json()
                if decision.site.name in swaps
                else None,
            }
            for decision in rewritten.decisions
        ],
    }


def _planned(
    decision: Decision, swaps: dict[str, Swap], numbers: dict[str, int]
) -> tuple[str, ...]:
    from edgeseg.converters.swaps import describe_layer

    swap = swaps.get(decision.site.name)
    return (
        decision.site.name,
        describe_layer(decision.site),
        "stays" if swap is None else swap.title,
        "" if swap is None else _error(swap),
        decision.why + (f" [{numbers[decision.source]}]" if decision.source else ""),
    )


def _form(decision: Decision, swaps: dict[str, Swap]) -> str:
    swap = swaps.get(decision.site.name)
    return "keep" if swap is None else swap.form


def _error(swap: Swap) -> str:
    if swap.exact and swap.max_interior < swap.max_border:
        return f"same winner everywhere, {swap.max_border:.2g} at the border"
    if swap.exact:
        return f"exact ({_percent(swap.max_interior)})"
    return (
        f"{swap.rms_interior:.1%} rms, {swap.rms_border:.1%} at the border, "
        f"{swap.agreement:.2%} of pixels"
    )


def _percent(share: float) -> str:
    return f"{share:.2%}" if share >= 1e-4 else f"{share:.0e}" if share else "0"
