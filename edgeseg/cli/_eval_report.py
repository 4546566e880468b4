"""How `edgeseg eval` shows what it found: tables, sentences, JSON."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from edgeseg.cli._common import console
from edgeseg.evaluation import Evaluation, miou_change
from edgeseg.reports.evaluation import Findings, Row, Subject, classes, figures, sentences

if TYPE_CHECKING:
    from rich.table import Table


def show(findings: Findings) -> None:
    """Print the tables and the sentences."""
    out = console()
    out.print(findings.measured[0][1], markup=False, soft_wrap=not out.is_terminal)
    for columns, rows in (figures(findings), classes(findings)):
        out.print()
        out.print(_table(columns, rows))
    if found := sentences(findings):
        out.print()
        for text in found:
            out.print(text, markup=False, soft_wrap=not out.is_terminal)


def as_json(findings: Findings) -> str:
    """Return all that was found as one JSON object."""
    other = findings.against
    return json.dumps(
        {
            "labels": list(findings.labels),
            "void": findings.ignore,
            "measured": dict(findings.measured),
            "left_out": list(findings.left_out),
            "models": [_subject(subject, findings) for subject in findings.subjects],
            "against": other and {"name": other.name, **_evaluation(other.evaluation)},
        },
        indent=1,
    )


def _table(columns: Row, rows: Sequence[Row]) -> Table:
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, header_style="bold")
    for number, column in enumerate(columns):
        # Two short lines rather than a wide column.
        table.add_column(
            column.replace(" ", "\n", 1) if number else column,
            justify="right" if number else "left",
            overflow="fold",
            no_wrap=number > 0,
        )
    for row in rows:
        table.add_row(*map(Text, row))
    return table


def _subject(subject: Subject, findings: Findings) -> dict[str, Any]:
    entry: dict[str, Any] = {
        "name": subject.name,
        "model": dict(subject.facts),
        "notes": list(subject.notes),
        **_evaluation(subject.evaluation),
    }
    if subject.agreement and findings.against:
        entry["agreement"] = _agreement(subject, findings.against.evaluation)
    return entry


def _evaluation(evaluation: Evaluation) -> dict[str, Any]:
    return {
        **evaluation.to_json(),
        "confusion": evaluation.confusion.tolist(),
        "by_image": [
            {
                "image": str(image.path),
                "size": str(image.mask_size),
                "miou": _rounded(image.miou),
                "pixel_accuracy": _rounded(image.pixel_accuracy),
            }
            for image in evaluation.images
        ],
    }


def _agreement(subject: Subject, other: Evaluation) -> dict[str, Any]:
    evaluation, agreement = subject.evaluation, subject.agreement
    assert agreement is not None
    share, path = agreement.worst
    change, interval = miou_change(evaluation, other)
    return {
        "share": round(agreement.share, 6),
        "worst": round(share, 6),
        "worst_image": str(path),
        "by_image": [round(value, 6) for value in agreement.shares.tolist()],
        "miou_change": _rounded(change),
        "miou_change_interval": [_rounded(end) for end in interval],
        "iou_change": {
            label: _rounded(value - other.iou[label]) for label, value in evaluation.iou.items()
        },
    }


def _rounded(value: float) -> float | None:
    return None if value != value else round(value, 4)
