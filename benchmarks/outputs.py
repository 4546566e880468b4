"""A measurement for other programs and pages: CSV and Markdown."""

from __future__ import annotations

import csv
import io
from pathlib import Path

from edgeseg.files import atomic_write_bytes

from .report import Standing, notes, sentences, standings
from .suite import BenchReport
from .table import Columns, caption, columns_of


def write_csv(report: BenchReport, target: Path) -> None:
    """Write a row for each variant, every figure with its unit in the heading.

    Raises:
        OutputError: it cannot be written.
    """
    text = io.StringIO()
    rows = [_row(report, index, standing) for index, standing in enumerate(standings(report))]
    writer = csv.DictWriter(text, list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    atomic_write_bytes(target, text.getvalue().encode())


def write_markdown(report: BenchReport, target: Path) -> None:
    """Write the table, the verdicts and what must be known to trust them.

    Raises:
        OutputError: it cannot be written.
    """
    atomic_write_bytes(target, to_markdown(report).encode())


def to_markdown(report: BenchReport) -> str:
    """Return what `write_markdown` writes."""
    facts, stages, figures = columns_of(report)
    labels = ("variant", [case.label for case in report.cases])
    parts = [
        _table([labels, *facts], [*stages, *figures]),
        "\n".join(f"- {line}" for line in sentences(report)),
        "\n".join(f"- {line}" for line in (*caption(report), *notes(report))),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _table(words: Columns, figures: Columns) -> str:
    columns = [*words, *figures]
    heads = [heading.replace("\n", " ").replace(" ms", ", ms") for heading, _ in columns]
    rules = ["---"] * len(words) + ["---:"] * len(figures)
    escaped = ([value.replace("|", "\\|") for value in values] for _, values in columns)
    rows = zip(*escaped, strict=True)
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (heads, rules, *rows))


def _row(report: BenchReport, index: int, standing: Standing) -> dict[str, object]:
    case = report.cases[index]
    accuracy = report.accuracy[index] if report.accuracy else None
    memory = report.memory_bytes[index] if report.memory_bytes else None
    ratio, verdict = standing.ratio, standing.verdict
    return {
        "variant": case.label,
        "what": report.options.what,
        "precision": case.manifest.precision,
        "upsampling": case.manifest.upsampling,
        "head": case.head,
        "input": str(case.manifest.preparation.size),
        "threads": case.threads,
        "runtime": case.runtime,
        "size_bytes": case.size_bytes,
        "macs": case.macs,
        "miou": accuracy.miou if accuracy else None,
        "float_miou": accuracy.float_miou if accuracy else None,
        "memory_bytes": memory,
        **{f"{name.replace(' ', '_')}_ms": value for name, value in standing.stages_ms.items()},
        "median_ms": standing.median_ms,
        "p90_ms": standing.p90_ms,
        "p95_ms": standing.p95_ms,
        "p99_ms": standing.p99_ms,
        "min_ms": standing.min_ms,
        "calls": standing.calls,
        "ratio": ratio.value if ratio else None,
        "ratio_low": ratio.low if ratio else None,
        "ratio_high": ratio.high if ratio else None,
        "verdict": verdict.value if verdict else None,
    }
