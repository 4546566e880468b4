"""How much faster, and how sure: the ratio of two times with a bootstrap interval."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from math import exp, sqrt
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from .paired import Recording

CONFIDENCE = 0.95
RESAMPLES = 4000
SMALLEST = 0.02  # smallest difference of interest, unless the user names another
MIN_GROUPS = 4  # below, an interval would be a guess
MAX_CORRELATION = 0.8  # of neighbouring sittings; a handful of them cannot tell more from 1


@dataclass(frozen=True)
class Ratio:
    """A ratio of times, contestant / reference: below 1 the contestant is faster.

    `low` and `high` bound the 95 % interval; both are None when there are too few sittings.
    """

    value: float
    low: float | None
    high: float | None

    @property
    def half_width(self) -> float:
        """Half the interval's width as a share of the ratio (0.01 is 1 %); inf without interval."""
        if self.low is None or self.high is None:
            return float("inf")
        return sqrt(self.high / self.low) - 1


class Verdict(Enum):
    """What can be said about a contestant against the reference."""

    FASTER = "faster"
    SLOWER = "slower"
    SAME = "not distinguishable"
    UNKNOWN = "too few rounds"


def judge(ratio: Ratio, smallest: float = SMALLEST) -> Verdict:
    """Call a difference only when the whole interval lies beyond the smallest one that counts.

    An interval that merely excludes 1 is no verdict: a difference of a few tenths of a percent can
    be real today (a neighbour that takes cache from one model more than from the other) and gone in
    the next run.

    Args:
        ratio: contestant / reference.
        smallest: smallest difference of interest, as a share. 1 % would be within reach of the
            interval, but real variants lie there (FCN-8 with bilinear and with transposed
            upsampling, coarse heads, int8: 1.0 to 1.5 %), and a threshold at the true difference
            gives one verdict today and the other tomorrow.
    """
    if ratio.low is None or ratio.high is None:
        return Verdict.UNKNOWN
    if ratio.high < 1 / (1 + smallest):
        return Verdict.FASTER
    if ratio.low > 1 + smallest:
        return Verdict.SLOWER
    return Verdict.SAME


def ratio_to_reference(recording: Recording, index: int, reference: int = 0) -> Ratio:
    """Return the ratio of a contestant's times to the reference's, with its 95 % interval.

    The estimate is the median over rounds of the ratio *within* a round, not the ratio of the two
    overall medians: what the machine does to a whole round cancels in the round's own ratio, while
    the two overall medians may stem from different rounds; and a median ignores rounds in which one
    block was disturbed. It is taken of logarithms, so that A vs B and B vs A say the same.

    The interval resamples whole sittings (see `bootstrap_median`), and is widened where
    neighbouring sittings resemble each other (see `drift_factor`).
    """
    logs = np.log(recording.round_medians(index)) - np.log(recording.round_medians(reference))
    sittings = np.array([entry.sitting for entry in recording.rounds])
    value = exp(float(np.median(logs)))
    if np.unique(sittings).size < MIN_GROUPS:
        return Ratio(value, None, None)
    low, high = bootstrap_median(logs, sittings)
    middle, wider = float(np.median(logs)), drift_factor(logs, sittings)
    return Ratio(value, exp(middle - wider * (middle - low)), exp(middle + wider * (high - middle)))


def is_precise(recording: Recording, target: float) -> bool:
    """Whether every interval against the reference has a half width of at most `target`."""
    return all(
        ratio_to_reference(recording, index).half_width <= target
        for index in range(1, len(recording.labels))
    )


def bootstrap_median(
    values: NDArray[np.float64],
    groups: NDArray[np.intp],
    *,
    confidence: float = CONFIDENCE,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> tuple[float, float]:
    """Return the bootstrap interval of the median of `values` that come in groups.

    Whole groups are drawn with replacement and kept as they are (the cluster bootstrap; of the ways
    to resample two levels the one whose variance is nearest, Davison and Hinkley, "Bootstrap
    Methods and their Application", 1997, section 3.8). Rounds of one sitting share its memory
    layout and its slice of time, so they are no independent witnesses: resampling single rounds
    would give an interval several times too narrow. Percentiles are widened for the small number
    of groups, as a t interval is against a normal one (the expanded percentile interval of
    Hesterberg, "What teachers should know about the bootstrap", The American Statistician 69(4),
    2015).

    Args:
        values: [n].
        groups: [n], which group each value belongs to; at least two groups.
        confidence: 0.95 for a 95 % interval.
        resamples: number of bootstrap samples.
        seed: of the resampling.
    """
    names, members = np.unique(groups, return_inverse=True)
    rng = np.random.default_rng(seed)
    draws = rng.multinomial(names.size, np.full(names.size, 1 / names.size), size=resamples)
    medians = _weighted_medians(values, draws[:, members])
    tail = expanded_tail(names.size, confidence)
    low, high = np.quantile(medians, (tail, 1 - tail))
    return float(low), float(high)


def drift_factor(values: NDArray[np.float64], groups: NDArray[np.intp]) -> float:
    """Return by how much slow drift makes the interval too narrow; 1 where there is none.

    A disturbance that outlasts a sitting and hits one contestant more than the other makes
    neighbouring sittings alike, so that n of them tell no more than n (1 - r) / (1 + r) independent
    ones, r being the correlation of neighbours (Bayley and Hammersley, 1946, for a first-order
    process). r is corrected for its bias in short series (Marriott and Pope, Biometrika 41, 1954).
    """
    medians = np.array([np.median(values[groups == name]) for name in np.unique(groups)])
    away = medians - medians.mean()
    spread = float(away @ away)
    if spread == 0:
        return 1.0
    correlation = float(away[1:] @ away[:-1]) / spread
    unbiased = (away.size * correlation + 1) / max(away.size - 3, 1)
    r = min(max(unbiased, 0.0), MAX_CORRELATION)
    return sqrt((1 + r) / (1 - r))


def _weighted_medians(
    values: NDArray[np.float64], weights: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Median of `values` [n] for each row of whole weights [resamples, n]."""
    order = np.argsort(values)
    ranked = values[order]
    below = np.cumsum(weights[:, order], axis=1)
    half = below[:, -1:] / 2
    lower = np.argmax(below >= half, axis=1)
    upper = np.argmax(below > half, axis=1)
    return np.asarray((ranked[lower] + ranked[upper]) / 2)


def expanded_tail(groups: int, confidence: float) -> float:
    """Return the percentile at which to cut each side: Hesterberg's alpha'/2.

    Phi(-sqrt(n / (n - 1)) * t), with t the upper quantile of Student's distribution with n - 1
    degrees of freedom, here by the expansion of Abramowitz and Stegun 26.7.5 (within 1 % from 3
    degrees on).
    """
    normal = NormalDist()
    z = normal.inv_cdf(0.5 + confidence / 2)
    nu = groups - 1
    t = (
        z
        + (z**3 + z) / (4 * nu)
        + (5 * z**5 + 16 * z**3 + 3 * z) / (96 * nu**2)
        + (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / (384 * nu**3)
    )
    return normal.cdf(-sqrt(groups / nu) * t)
