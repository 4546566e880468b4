"""What a measurement says: figures per variant, verdicts in words, and everything as JSON."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from .cases import STAGES, Case, identical
from .host import advice
from .interval import CONFIDENCE, Ratio, Verdict, judge, ratio_to_reference
from .paired import Recording
from .suite import BenchReport

LOW_AGREEMENT = 0.9  # the gate of `edgeseg convert --int8`


@dataclass(frozen=True)
class Standing:
    """One variant's figures; times in milliseconds, of all calls that were timed.

    Attributes:
        label: its name.
        median_ms, p90_ms, p95_ms, p99_ms, min_ms: of a whole call.
        calls: how many were timed.
        stages_ms: median of each stage, by name.
        ratio, verdict: against the reference; None for the reference itself.
    """

    label: str
    median_ms: float
    p90_ms: float
    p95_ms: float
    p99_ms: float
    min_ms: float
    calls: int
    stages_ms: dict[str, float]
    ratio: Ratio | None = None
    verdict: Verdict | None = None


def standings(report: BenchReport) -> list[Standing]:
    """Return the figures of every variant, in the order asked for."""
    return [standing(report, index) for index in range(len(report.cases))]


def sentences(report: BenchReport) -> list[str]:
    """Return the verdicts, one sentence for each variant against the reference."""
    first, *others = standings(report)
    return [_sentence(first.label, other, report) for other in others]


def notes(report: BenchReport) -> list[str]:
    """Return what a reader must know to trust the figures no more than they deserve."""
    lines = [
        f"{one} and {other} are the same file byte for byte: any difference is the machine's"
        for one, other in identical(report.cases)
    ]
    lines += _low_agreement(report.cases) + _unsettled(report.recording)
    lines += advice(report.host, report.strain, max(case.threads for case in report.cases))
    if report.interrupted:
        lines.append(f"interrupted after {len(report.recording.rounds)} rounds")
    return lines


def is_equal(ratio: Ratio, smallest: float) -> bool:
    """Whether the whole interval lies within the smallest difference that counts."""
    if ratio.low is None or ratio.high is None:
        return False
    return 1 / (1 + smallest) <= ratio.low and ratio.high <= 1 + smallest


def percent(share: float) -> str:
    """Return a share as a percentage without needless digits: 0.01 is "1 %", 0.005 "0.5 %"."""
    value = share * 100
    return f"{value:.0f} %" if value >= 10 else f"{value:.2g} %"


def decimals(low: float, high: float) -> int:
    """Return how many decimals tell an interval's bounds apart."""
    if high - low < 0.02:
        return 3
    return 2 if high < 10 else 1


def _low_agreement(cases: Sequence[Case]) -> list[str]:
    low = [
        f"{case.label} ({_agreement(case):.0%})"
        for case in cases
        if _agreement(case) < LOW_AGREEMENT
    ]
    return (
        [f"times hold, masks do not: low agreement with float of {', '.join(low)}"] if low else []
    )


def _unsettled(recording: Recording) -> list[str]:
    warm_ups = zip(recording.labels, recording.warm_ups, strict=False)
    labels = [label for label, warm in warm_ups if not warm.settled]
    return [f"times still moved after the warm-up of {', '.join(labels)}"] if labels else []


def _agreement(case: Case) -> float:
    """Return what the conversion's proof found; a file without one is given the benefit."""
    found = case.manifest.proof.get("agreement", 1.0)
    return float(found) if isinstance(found, int | float) else 1.0


def standing(report: BenchReport, index: int) -> Standing:
    """Return the figures of one variant."""
    calls_ms = report.recording.calls_ms(index)
    whole_ms = calls_ms.sum(axis=1)
    names = STAGES[report.options.what]
    ratio = ratio_to_reference(report.recording, index) if index else None
    return Standing(
        label=report.cases[index].label,
        median_ms=float(np.median(whole_ms)),
        p90_ms=float(np.quantile(whole_ms, 0.90)),
        p95_ms=float(np.quantile(whole_ms, 0.95)),
        p99_ms=float(np.quantile(whole_ms, 0.99)),
        min_ms=float(whole_ms.min()),
        calls=len(whole_ms),
        stages_ms=dict(zip(names, np.median(calls_ms, axis=0).tolist(), strict=True)),
        ratio=ratio,
        verdict=judge(ratio, report.options.smallest) if ratio else None,
    )


def _sentence(reference: str, other: Standing, report: BenchReport) -> str:
    ratio = other.ratio
    assert ratio is not None
    if ratio.low is None or ratio.high is None:
        return (
            f"{other.label} against {reference}: too few rounds for a verdict "
            f"(ratio {ratio.value:.2f}, {report.recording.sittings} sittings)"
        )
    if other.verdict is Verdict.FASTER:
        value, low, high, word = 1 / ratio.value, 1 / ratio.high, 1 / ratio.low, "faster"
    elif other.verdict is Verdict.SLOWER:
        value, low, high, word = ratio.value, ratio.low, ratio.high, "slower"
    else:
        return _undecided(reference, other.label, ratio, ratio.low, ratio.high, report)
    digits = decimals(low, high)
    return (
        f"{other.label} is {value:.{digits}f}x {word} than {reference} "
        f"({CONFIDENCE:.0%} interval {low:.{digits}f} to {high:.{digits}f})"
    )


def _undecided(
    reference: str, label: str, ratio: Ratio, low: float, high: float, report: BenchReport
) -> str:
    digits = decimals(low, high)
    return (
        f"{label} and {reference} are not distinguishable (ratio {ratio.value:.{digits}f}, "
        f"{CONFIDENCE:.0%} interval {low:.{digits}f} to {high:.{digits}f}"
        f"{_why_undecided(ratio, low, high, report.options.smallest)})"
    )


def _why_undecided(ratio: Ratio, low: float, high: float, smallest: float) -> str:
    """Say what the interval leaves open."""
    if is_equal(ratio, smallest):
        return f"; equal within {percent(smallest)}"
    if low > 1 or high < 1:
        word = "faster" if high < 1 else "slower"
        return (
            f"; probably {word}, but not surely by the {percent(smallest)} that counts; "
            "try --precision 0.3 --seconds 60"
        )
    widest = max(1 / low, high) - 1
    return f"; a difference up to {percent(widest)} would not show; try a longer --seconds"
