"""A measurement of `edgeseg bench` as one HTML page: verdicts, table, charts, machine."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from edgeseg.reports import write_page
from edgeseg.reports.charts import axis, density, scatter

from .host import Host, Strain
from .report import notes, sentences, standings
from .suite import BenchReport
from .table import Columns, caption, columns_of, on_front

_HIDDEN = 0.995  # of all calls are inside the axis; a single late one would press all others flat


def write_bench_report(report: BenchReport, path: Path) -> None:
    """Write the page, complete or not at all.

    Raises:
        OutputError: it cannot be written.
    """
    labels = [case.label for case in report.cases]
    facts, timed, figures = columns_of(report)
    write_page(
        path,
        "bench.html.j2",
        names=" vs ".join(labels)
        if len(labels) <= 3
        else f"{labels[0]} and {len(labels) - 1} more",
        verdicts=sentences(report),
        notes=notes(report),
        table=_table(labels, [*facts, *figures]),
        stage_table=_table(labels, timed),
        distribution=_distribution(report, labels),
        stages=_stages(report, labels),
        pareto=_pareto(report, labels) if any(report.accuracy) else None,
        captions=caption(report),
        machine=_machine(report.host, report.strain),
    )


def _table(labels: list[str], columns: Columns) -> tuple[list[str], list[list[str]]]:
    """Return headings and rows."""
    heads = ["variant", *(heading.replace("\n", " ") for heading, _ in columns)]
    rows = [list(cells) for cells in zip(labels, *(values for _, values in columns), strict=True)]
    return heads, rows


def _distribution(report: BenchReport, labels: list[str]) -> dict[str, Any]:
    calls = [report.recording.calls_ms(index).sum(axis=1) for index in range(len(labels))]
    along = axis(
        min(float(values.min()) for values in calls),
        max(float(np.quantile(values, _HIDDEN)) for values in calls),
    )
    rows = [
        {
            "label": row.label,
            "points": density(values, along),
            "median": along.place(row.median_ms) * 100,
            "p95": along.place(row.p95_ms) * 100,
            "text": f"{row.median_ms:.2f} / {row.p95_ms:.2f}",
        }
        for row, values in zip(standings(report), calls, strict=True)
    ]
    return {"rows": rows, "axis": along}


def _stages(report: BenchReport, labels: list[str]) -> dict[str, Any] | None:
    rows = standings(report)
    names = list(rows[0].stages_ms)
    if len(names) < 2:
        return None
    sums = [sum(row.stages_ms.values()) for row in rows]
    along = axis(0.0, max(sums))
    bars = [
        {
            "label": label,
            "parts": [
                (value / along.high * 100, name, value) for name, value in row.stages_ms.items()
            ],
            "text": f"{total:.2f}",
        }
        for label, row, total in zip(labels, rows, sums, strict=True)
    ]
    return {"names": names, "rows": bars, "axis": along}


def _pareto(report: BenchReport, labels: list[str]) -> dict[str, Any]:
    rated = [(index, one.miou) for index, one in enumerate(report.accuracy) if one]
    rows = standings(report)
    times = [rows[index].median_ms for index, _ in rated]
    mious = [miou for _, miou in rated]
    across, up = axis(min(times), max(times)), axis(min(mious), max(mious))
    best = on_front(report)
    marked = [place for place, (index, _) in enumerate(rated) if index in best]
    points = scatter(times, mious, across, up, marked)
    front = sorted((points[place].x, points[place].y) for place in marked)
    return {
        "points": points,
        "front": " ".join(_stairs(front)),
        "across": across,
        "up": up,
        "names": [(labels[index], place in marked) for place, (index, _) in enumerate(rated)],
    }


def _stairs(front: list[tuple[float, float]]) -> list[str]:
    """Return the corners of the front: what is reached at each time is the best until then."""
    corners: list[str] = []
    for place, (x, y) in enumerate(front):
        if place:
            corners.append(f"{x * 100:.2f},{100 - front[place - 1][1] * 100:.2f}")
        corners.append(f"{x * 100:.2f},{100 - y * 100:.2f}")
    return corners


def _machine(host: Host, strain: Strain) -> list[tuple[str, str]]:
    packages = ", ".join(f"{name} {number}" for name, number in host.packages.items())
    cores = f"{host.usable_cores} of {host.cores}"
    if host.affinity:
        cores += f" (numbers {', '.join(map(str, host.affinity))})"
    rows = [
        ("CPU", host.cpu or host.machine),
        ("cores", cores),
        ("governor", host.governor),
        ("clock", _change(strain.clock_before_hz, strain.clock_after_hz, 1e9, "GHz", 2)),
        (
            "temperature",
            _change(strain.temperature_before_c, strain.temperature_after_c, 1, "°C", 0),
        ),
        ("throttled", ", ".join(strain.throttled) or "no sign of it"),
        ("load", _change(strain.load_before, strain.load_after, 1, "", 2)),
        ("other programs", _cores(strain.others_cores)),
        ("taken by the hypervisor", _share(strain.steal_share)),
        ("system", f"{host.system}, Python {host.python}"),
        ("kernels", host.kernels),
        ("packages", packages),
    ]
    return [(name, text) for name, text in rows if text]


def _change(
    before: float | None, after: float | None, unit: float, name: str, digits: int
) -> str | None:
    if before is None or after is None:
        return None
    return f"{before / unit:.{digits}f} to {after / unit:.{digits}f} {name}".rstrip()


def _cores(value: float | None) -> str | None:
    return None if value is None else f"{value:.2f} cores"


def _share(value: float | None) -> str | None:
    return None if value is None else f"{value:.1%} of the processor time"
