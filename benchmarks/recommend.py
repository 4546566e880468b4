"""Which variant to take: the most accurate one that keeps within a time, on this device."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from .pareto import front
from .report import Standing, standings
from .suite import BenchReport


@dataclass(frozen=True)
class Wishes:
    """What is asked of a variant.

    Attributes:
        budget_ms: 95 of 100 frames take no longer.
        min_miou: mIoU at least, 0 to 1; None asks for none.
    """

    budget_ms: float
    min_miou: float | None = None


@dataclass(frozen=True)
class Candidate:
    """A variant, and what speaks against it.

    Attributes:
        standing: its times.
        miou: None where it was not evaluated.
        is_dominated: another one is no slower and no less accurate, and better in one of them.
        reasons: in which ways it falls short of the wishes, in words; empty where it does not.
    """

    standing: Standing
    miou: float | None
    is_dominated: bool
    reasons: tuple[str, ...]

    @property
    def fits(self) -> bool:
        """Whether nothing speaks against it."""
        return not self.reasons


@dataclass(frozen=True)
class Advice:
    """What to take.

    Attributes:
        candidates: all, in the order measured.
        best: the one to take; None where none fits.
        nearest: where none fits, the one that misses the wishes by least.
    """

    candidates: tuple[Candidate, ...]
    best: Candidate | None
    nearest: Candidate | None


def advise(report: BenchReport, wishes: Wishes) -> Advice:
    """Return the most accurate variant within the wishes; of equally accurate ones the quickest.

    A variant is held to its 95th percentile, not its median: a camera's frames that come late are
    dropped. Where nothing was evaluated, the quickest is best.
    """
    rows = standings(report)
    mious = [one.miou if one else None for one in report.accuracy] or [None] * len(rows)
    kept = front([row.p95_ms for row in rows], [miou or 0.0 for miou in mious])
    candidates = tuple(
        Candidate(row, miou, index not in kept, _against(row, miou, wishes))
        for index, (row, miou) in enumerate(zip(rows, mious, strict=True))
    )
    fitting = [one for one in candidates if one.fits]
    if fitting:
        return Advice(candidates, max(fitting, key=_worth), None)
    return Advice(candidates, None, min(candidates, key=lambda one: _miss(one, wishes)))


def sentences(advice: Advice, wishes: Wishes) -> list[str]:
    """Return what to take and why, or what comes nearest."""
    if advice.best:
        return [_praise(advice.best, advice.candidates, wishes)]
    nearest = advice.nearest
    assert nearest is not None
    return [
        f"none of {len(advice.candidates)} fits; {nearest.standing.label} comes nearest: "
        f"{' and '.join(nearest.reasons)}",
        "try a smaller input (fcn8@240x176), more threads, a larger --budget or a lower --min-miou",
    ]


def _against(row: Standing, miou: float | None, wishes: Wishes) -> tuple[str, ...]:
    reasons = []
    if row.p95_ms > wishes.budget_ms:
        reasons.append(f"p95 {row.p95_ms:.1f} ms is over {wishes.budget_ms:g} ms")
    if wishes.min_miou is not None and miou is not None and miou < wishes.min_miou:
        reasons.append(f"mIoU {miou:.3f} is below {wishes.min_miou:g}")
    return tuple(reasons)


def _worth(one: Candidate) -> tuple[float, float]:
    return one.miou or 0.0, -one.standing.p95_ms


def _miss(one: Candidate, wishes: Wishes) -> float:
    """Return by how much a candidate misses, both wishes as shares of themselves."""
    late = max(0.0, one.standing.p95_ms / wishes.budget_ms - 1)
    if wishes.min_miou is None or one.miou is None or not wishes.min_miou:
        return late
    return late + max(0.0, 1 - one.miou / wishes.min_miou)


def _praise(best: Candidate, candidates: Sequence[Candidate], wishes: Wishes) -> str:
    others = sum(one.fits for one in candidates) - 1
    text = f"take {best.standing.label}: p95 {best.standing.p95_ms:.2f} ms of {wishes.budget_ms:g}"
    if best.miou is not None:
        text += f", mIoU {best.miou:.3f}"
    if others == 0:
        return f"{text}; it is the only one that fits"
    if best.miou is None:
        return f"{text}; the quickest of the {others + 1} that fit (accuracy: give --data DIR)"
    return f"{text}; the most accurate of the {others + 1} that fit"
