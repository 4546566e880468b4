"""How alike pictures are: choosing ones that differ, and counting those that repeat another.

Pictures are compared as thumbnails of 16x16 pixels, which know light and layout but no detail. For
activation ranges that is enough, and costs no run of the network.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

_SIDE = 16

# Mean difference, in grey levels, below which two pictures count as one. Of a camera that stands
# still, strong sensor noise (sigma 15) in JPEGs of quality 60 makes 0.8 and a change of exposure by
# 2 % makes 0.7; a dashcam's pictures 1/25 s apart differ by 0.8, 1/12 s apart by 1.4.
_SAME = 1.0

Thumbnail = NDArray[np.float32]
"""Pixel values, float32 [16 * 16 * 3]."""


def thumbnail(pixels: NDArray[np.uint8]) -> Thumbnail:
    """Return the thumbnail of a picture, BGR uint8 [h, w, 3]."""
    small = cv2.resize(pixels, (_SIDE, _SIDE), interpolation=cv2.INTER_AREA)
    return np.asarray(small, np.float32).ravel()


def choose(
    thumbnails: Mapping[int, Thumbnail], first: Collection[int], count: int
) -> tuple[int, ...]:
    """Return the numbers of `count` pictures: those in `first`, and the least like any chosen yet.

    The greedy farthest-point rule (Gonzalez, "Clustering to minimize the maximum intercluster
    distance", 1985): no picture is then farther from a chosen one than twice the least possible.

    Args:
        thumbnails: of each number to choose from.
        first: numbers to take before any other; those without a thumbnail are skipped.
        count: how many to return, or all where there are fewer.
    """
    numbers = sorted(thumbnails)
    pictures = np.array([thumbnails[number] for number in numbers])
    taken = [place for place, number in enumerate(numbers) if number in first][:count]
    distances = np.full(len(numbers), np.inf)
    for place in taken:
        distances = np.minimum(distances, _distances(pictures, place))
    while len(taken) < min(count, len(numbers)):
        distances[taken] = -1.0
        taken.append(int(distances.argmax()))
        distances = np.minimum(distances, _distances(pictures, taken[-1]))
    return tuple(sorted(numbers[place] for place in taken))


def count_distinct(thumbnails: Sequence[Thumbnail]) -> int:
    """Return how many pictures are left when those that repeat an earlier one are taken away."""
    kept: list[Thumbnail] = []
    for picture in thumbnails:
        if all(np.abs(picture - other).mean() >= _SAME for other in kept):
            kept.append(picture)
    return len(kept)


def _distances(pictures: NDArray[np.float32], place: int) -> NDArray[np.float64]:
    squares: NDArray[np.float64] = np.square(pictures - pictures[place]).sum(axis=1)
    return squares
