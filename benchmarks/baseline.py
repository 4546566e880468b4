"""Is this slower than it was? A measurement against one that was kept.

On the same machine the times themselves are compared, on another one each variant's ratio to the
reference. Two runs share no rounds, so nothing cancels as it does between variants: what the
machine did on either day stays in the comparison, and the interval is that of two samples.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from math import exp

import numpy as np
from numpy.typing import NDArray

from edgeseg.errors import ConfigError

from .comparable import differences
from .interval import CONFIDENCE, MIN_GROUPS, RESAMPLES, Ratio, expanded_tail
from .suite import BenchReport

TOLERANCE = 0.05


class Change(Enum):
    """How a variant's time has changed."""

    SLOWER = "slower"
    FASTER = "faster"
    KEPT = "as it was"
    UNCLEAR = "unclear"


@dataclass(frozen=True)
class Compared:
    """One variant, now and then.

    Attributes:
        label: its name.
        then, now: medians in milliseconds, or ratios to the reference.
        ratio: now / then, with its 95 % interval.
        change: beyond the tolerance, surely; or within it, surely; or unclear.
    """

    label: str
    then: float
    now: float
    ratio: Ratio
    change: Change


@dataclass(frozen=True)
class Comparison:
    """A measurement against a baseline.

    Attributes:
        rows: the variants that both have.
        as_ratios: whether ratios to `reference` were compared, for want of the same machine.
        reference: the first variant of both.
        machines: how the machines differ.
        left_out: variants that only one of the two has, and why others were not compared.
        tolerance: share within which a change does not count.
    """

    rows: tuple[Compared, ...]
    as_ratios: bool
    reference: str
    machines: tuple[str, ...]
    left_out: tuple[str, ...]
    tolerance: float

    @property
    def is_slower(self) -> bool:
        """Whether a variant is slower, surely and by more than the tolerance."""
        return any(row.change is Change.SLOWER for row in self.rows)


def against(now: BenchReport, then: BenchReport, tolerance: float = TOLERANCE) -> Comparison:
    """Compare a measurement with a baseline, variant by variant, by their names.

    Raises:
        ConfigError: they timed different things, or have no variant in common.
    """
    if now.options.what != then.options.what:
        raise ConfigError(
            f"the baseline timed the {then.options.what}, this run the {now.options.what}; "
            f"measure with --what {then.options.what}"
        )
    places = {case.label: index for index, case in enumerate(then.cases)}
    common = [(index, case.label) for index, case in enumerate(now.cases) if case.label in places]
    machines = tuple(differences(then.host, now.host))
    reference = now.cases[0].label
    if machines:
        _need_reference(now, then)
        common = common[1:]
    if not common:
        raise ConfigError(
            f"nothing to compare with the baseline, which has {', '.join(places)}; "
            "measure the same variants"
        )
    rows = []
    for index, label in common:
        pair = (now, index), (then, places[label])
        values = [_logs(report, place, relative=bool(machines)) for report, place in pair]
        rows.append(_compared(label, values[0], values[1], tolerance))
    return Comparison(
        rows=tuple(rows),
        as_ratios=bool(machines),
        reference=reference,
        machines=machines,
        left_out=_left_out(now, then),
        tolerance=tolerance,
    )


def _need_reference(now: BenchReport, then: BenchReport) -> None:
    if now.cases[0].label != then.cases[0].label:
        raise ConfigError(
            "the baseline is of another machine, so that only ratios can be compared, and its "
            f"first variant is {then.cases[0].label}; name that first here too"
        )


def _left_out(now: BenchReport, then: BenchReport) -> tuple[str, ...]:
    here, there = [{case.label for case in report.cases} for report in (now, then)]
    return (
        *(f"{label} is not in the baseline" for label in sorted(here - there)),
        *(f"{label} is only in the baseline" for label in sorted(there - here)),
    )


def _logs(report: BenchReport, index: int, *, relative: bool) -> NDArray[np.float64]:
    """Return the median of each sitting, as a logarithm of seconds or of ratios [sittings]."""
    recording = report.recording
    values = np.log(recording.round_medians(index))
    if relative:
        values = values - np.log(recording.round_medians(0))
    sittings = np.array([entry.sitting for entry in recording.rounds])
    return np.array([np.median(values[sittings == name]) for name in np.unique(sittings)])


def _compared(
    label: str, now: NDArray[np.float64], then: NDArray[np.float64], tolerance: float
) -> Compared:
    ratio = two_sample_ratio(now, then)
    middles = [exp(float(np.median(values))) for values in (then, now)]
    return Compared(label, middles[0], middles[1], ratio, _change(ratio, tolerance))


def two_sample_ratio(now: NDArray[np.float64], then: NDArray[np.float64]) -> Ratio:
    """Return exp(median(now) - median(then)) with a bootstrap interval of two samples.

    Both samples are drawn anew, each from its own; tails are widened for the smaller one as in
    `edgeseg.benchmarks.interval.bootstrap_median`.

    Args:
        now: logarithms, one a sitting.
        then: likewise.
    """
    value = exp(float(np.median(now) - np.median(then)))
    fewest = min(now.size, then.size)
    if fewest < MIN_GROUPS:
        return Ratio(value, None, None)
    rng = np.random.default_rng(0)
    draws = [
        np.median(values[rng.integers(0, values.size, (RESAMPLES, values.size))], axis=1)
        for values in (now, then)
    ]
    tail = expanded_tail(fewest, CONFIDENCE)
    low, high = np.quantile(draws[0] - draws[1], (tail, 1 - tail))
    return Ratio(value, exp(float(low)), exp(float(high)))


def _change(ratio: Ratio, tolerance: float) -> Change:
    if ratio.low is None or ratio.high is None:
        return Change.UNCLEAR
    if ratio.low > 1 + tolerance:
        return Change.SLOWER
    if ratio.high < 1 / (1 + tolerance):
        return Change.FASTER
    if 1 / (1 + tolerance) <= ratio.low and ratio.high <= 1 + tolerance:
        return Change.KEPT
    return Change.UNCLEAR
