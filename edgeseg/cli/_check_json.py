"""The answer of `edgeseg check --json`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from edgeseg.cli._check_words import remedy_text, unverified

if TYPE_CHECKING:
    from edgeseg.cli._check_table import Checked
    from edgeseg.converters.compilers.opinion import Opinion
    from edgeseg.converters.delegates.target import Placement


def as_dict(found: Sequence[Checked], strict: bool) -> dict[str, Any]:
    """Return all that was found; `ok` is what the exit code says."""
    return {
        "ok": all(one.is_good(strict) for one in found),
        "files": [
            {
                "file": str(one.path),
                "operators": len(one.ops),
                "macs": sum(op.macs for op in one.ops),
                "targets": [_target(opinion) for opinion in one.opinions],
            }
            for one in found
        ],
    }


def _target(opinion: Opinion) -> dict[str, Any]:
    word = opinion.word
    return {
        "target": opinion.target.name,
        "title": opinion.target.title,
        "verdict": opinion.verdict,
        "macs_left_out": round(opinion.macs_left_out, 6),
        "left_out": [_placement(one) for one in opinion.left_out],
        "compiler": None if word is None else word.compiler,
        "no_compiler": opinion.silence,
        "wrong": word.wrong if word else "",
        "right": word.right if word else "",
        "failed": word.failed if word else "",
        "figures": dict(word.figures) if word else {},
        "notes": list(word.notes) if word else [],
        "table_left_out": [one.op.index for one in opinion.table.left_out],
        "disputes": [
            {
                "index": dispute.op.index,
                "op": dispute.op.name,
                "layer": dispute.op.layer,
                "table_runs": dispute.table_runs,
                "reason": dispute.reason,
            }
            for dispute in opinion.disputes
        ],
        "unverified": list(unverified(opinion)),
        "checked": opinion.target.since,
    }


def _placement(one: Placement) -> dict[str, Any]:
    return {
        "index": one.op.index,
        "op": one.op.name,
        "version": one.op.version,
        "layer": one.op.layer,
        "output": list(one.op.output.shape) if one.op.outputs else [],
        "macs": one.op.macs,
        "reasons": list(one.reasons),
        "remedy": remedy_text(one.remedy),
        "source": one.source,
    }
