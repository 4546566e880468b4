"""The Pareto front: what no other beats in both time and accuracy."""

from __future__ import annotations

from collections.abc import Sequence


def front(times: Sequence[float], scores: Sequence[float]) -> tuple[int, ...]:
    """Return the indices of the front, quickest first.

    One is dominated when another is no slower and no less accurate, and better in one of them.

    Args:
        times: of each, lower is better.
        scores: of each, higher is better; same length.
    """
    points = list(zip(times, scores, strict=True))
    kept = [index for index, point in enumerate(points) if not _is_dominated(point, points)]
    return tuple(sorted(kept, key=lambda index: points[index]))


def _is_dominated(point: tuple[float, float], others: Sequence[tuple[float, float]]) -> bool:
    time, score = point
    return any(
        other_time <= time and other >= score and (other_time, other) != point
        for other_time, other in others
    )
