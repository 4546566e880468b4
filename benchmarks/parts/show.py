"""The parts of networks as a terminal table."""

from __future__ import annotations

from typing import TYPE_CHECKING

from edgeseg.benchmarks.host import advice

from .groups import GROUPS
from .measure import Network, Part, PartsReport

if TYPE_CHECKING:
    from rich.console import Console

_INTERVAL = "95 %\ninterval"


def show(report: PartsReport, out: Console) -> None:
    """Print a table for each network, what it was measured on, and a sentence for each."""
    from rich import box
    from rich.table import Table

    for network in report.networks:
        grid = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), show_edge=False)
        grid.add_column(network.case.label, overflow="fold")
        for heading in ("ms", _INTERVAL, "share", "MMACs", "ms a\nGMAC"):
            grid.add_column(heading, justify="right", no_wrap=True)
        for part in network.parts:
            grid.add_row(*_cells(part, network))
        grid.add_section()
        grid.add_row(*_cells(network.whole, network))
        out.print(grid)
        out.print()
    for line in caption(report):
        out.print(line, style="dim", markup=False, soft_wrap=not out.is_terminal)
    out.print()
    for line in sentences(report):
        out.print(line, style="bold", markup=False, soft_wrap=not out.is_terminal)
    for line in advice(report.host, report.strain, report.networks[0].case.threads):
        out.print(f"! {line}", style="yellow", markup=False, soft_wrap=not out.is_terminal)


def caption(report: PartsReport) -> list[str]:
    """Return what was timed, and on what."""
    host, case = report.host, report.networks[0].case
    return [
        "timed: the network alone, cut behind each part; a part is what its end takes more",
        f"on: {host.cpu or host.machine}, {case.threads} threads on {host.usable_cores} cores; "
        f"{case.runtime}",
        f"{report.rounds} rounds in {report.sittings} sittings, {report.elapsed_s:.0f} s",
    ]


def sentences(report: PartsReport) -> list[str]:
    """Return the decoder's share of each network, in words."""
    return [
        f"{network.case.label}: the decoder ({_list(network)}) takes "
        f"{network.decoder_share:.0%} of the network's time and {_macs_share(network):.0%} of its "
        "multiply-accumulates"
        for network in report.networks
    ]


def _list(network: Network) -> str:
    return ", ".join(part.group for part in network.parts if part.group != GROUPS[0])


def _macs_share(network: Network) -> float:
    decoder = sum(part.macs for part in network.parts if part.group != GROUPS[0])
    return decoder / max(1, network.whole.macs)


def _cells(part: Part, network: Network) -> tuple[str, ...]:
    interval = "too early"
    if part.low is not None and part.high is not None:
        interval = f"{part.low:.3f} to {part.high:.3f}"
    a_gmac = f"{part.ms / part.macs * 1e9:.1f}" if part.macs else ""
    share = f"{part.ms / network.whole.ms:.1%}"
    return part.group, f"{part.ms:.3f}", interval, share, f"{part.macs / 1e6:.1f}", a_gmac
