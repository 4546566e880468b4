"""Narrow an int8 file's activation ranges where finer steps are worth more than rare values.

The converter takes each range from the least to the greatest value that it saw. Clipping the rarest
halves the rounding error of all others in many layers; the best range is where the mean squared
error of both together is least (Nagel et al., "A White Paper on Neural Network Quantization", 2021,
section 3.1; Banner et al., "Post training 4-bit quantization of convolutional networks", 2019).

Scores of classes are another matter: how far a class lies behind the winner decides nothing, and
squared error knows nothing of that. For them, a window is chosen by what it does to the class maps.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from .ranges import Group, Range, range_groups, set_ranges
from .tensors import Frames, PlainNetwork, match_layers, read_layers
from .yardstick import Yardstick

_SHARES = (1.0, 0.95, 0.9, 0.85, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3)
_LOW_SHARES = (1.0, 0.7, 0.5, 0.35, 0.25, 0.15, 0.1)
_HIGH_SHARES = (1.0, 0.85, 0.7, 0.6, 0.5)
_VALUES = 16384  # of a tensor, in one frame


def clip_ranges(tflite: bytes, float_tflite: bytes, frames: Frames, yardstick: Yardstick) -> bytes:
    """Return an int8 file with its ranges narrowed as far as that helps.

    Args:
        tflite: int8 file.
        float_tflite: float32 file of the same network.
        frames: calibration tensors, for the layers' values.
        yardstick: judges the files.
    """
    choice = _Choice(tflite, yardstick)
    groups = range_groups(tflite)
    values = _values(tflite, float_tflite, frames)
    choice.consider(
        {
            group: least_error(np.concatenate([values[t] for t in group.tensors]), group.range)
            for group in groups
            if not group.decides and group.tensors <= values.keys()
        }
    )
    _choose_window(choice, [group for group in groups if group.decides])
    return choice.tflite


def least_error(values: NDArray[np.float32], whole: Range) -> Range:
    """Return the part of a range in which 8 bits give the least mean squared error.

    Both ends are moved in turn, each until no step helps.
    """
    low, high = 1.0, 1.0
    least = _error(values, whole)
    for _ in range(2):
        for share in _SHARES:
            error = _error(values, Range(whole.low * low, whole.high * share))
            least, high = (error, share) if error < least else (least, high)
        for share in _SHARES:
            error = _error(values, Range(whole.low * share, whole.high * high))
            least, low = (error, share) if error < least else (least, low)
    return Range(whole.low * low, whole.high * high)


class _Choice:
    """Ranges that were found to help, so far."""

    def __init__(self, tflite: bytes, yardstick: Yardstick) -> None:
        self.tflite, self.lost = tflite, yardstick.lost(tflite)
        self._plain, self._yardstick = tflite, yardstick
        self._ranges: dict[Group, Range] = {}

    def consider(self, ranges: Mapping[Group, Range]) -> bool:
        """Take over ranges for some groups where that helps; return whether it does."""
        together = {**self._ranges, **ranges}
        tflite = set_ranges(self._plain, together)
        lost = self._yardstick.lost(tflite)
        if lost >= self.lost:
            return False
        self.tflite, self.lost, self._ranges = tflite, lost, together
        return True


def _choose_window(choice: _Choice, groups: Sequence[Group]) -> None:
    """Set one window to all scores: its lower end first, which holds the classes far behind."""
    if not groups:
        return
    widest = Range(
        min(group.range.low for group in groups), max(group.range.high for group in groups)
    )
    low = 1.0
    for share in _LOW_SHARES[1:]:
        if choice.consider(_within(groups, Range(widest.low * share, widest.high))):
            low = share
    for share in _HIGH_SHARES[1:]:
        choice.consider(_within(groups, Range(widest.low * low, widest.high * share)))


def _within(groups: Sequence[Group], window: Range) -> dict[Group, Range]:
    return {
        group: Range(max(group.range.low, window.low), min(group.range.high, window.high))
        for group in groups
    }


def _values(tflite: bytes, float_tflite: bytes, frames: Frames) -> dict[int, NDArray[np.float32]]:
    """Return some of the float values of each tensor of the int8 file."""
    pairs = match_layers(read_layers(tflite), read_layers(float_tflite))
    exact, rng = PlainNetwork(float_tflite), np.random.default_rng(0)
    found: dict[int, list[NDArray[np.float32]]] = {layer.output: [] for layer, _ in pairs}
    for frame in frames:
        exact.run(frame)
        for layer, twin in pairs:
            values = exact.value(twin.output).astype(np.float32).ravel()
            found[layer.output] += [rng.choice(values, min(_VALUES, values.size), replace=False)]
    return {tensor: np.concatenate(parts) for tensor, parts in found.items() if parts}


def _error(values: NDArray[np.float32], within: Range) -> float:
    step = (within.high - within.low) / 255
    if step <= 0:
        return float("inf")
    held = np.rint((values - within.low) / step).clip(0, 255) * step + within.low
    return float(np.square(values - held).mean())
