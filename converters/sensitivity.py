"""Which layers lose what int8 loses: each layer's signal against its error, and its range.

The measure is the signal-to-quantization-noise ratio of a tensor, 10 log10(sum x^2 / sum (x - q)^2)
in dB, x from the float file and q from the int8 file on the same frames, as in TensorFlow's
quantization debugger and Nagel et al., "A White Paper on Neural Network Quantization" (2021),
section 3.1. An error is carried on by all later layers: it began where the ratio falls, or one
layer before where a single channel is so wide that it leaves no steps for the others: it drowns
their errors in its own signal.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from .tensors import Frames, Layer, PlainNetwork, match_layers, read_layers

MAX_DB = 200.0
"""Reported where there is no error at all."""

_WIDE = 4.0  # channels that differ by less share a scale well enough
_UNEQUAL = 2.0  # likewise what a sum adds up


@dataclass(frozen=True)
class LayerError:
    """What quantization does to one layer.

    Attributes:
        name: of the layer, from its output tensor.
        op: as in "CONV_2D".
        snr_db: float against quantized output, over all frames.
        low, high: the range of the float output.
        scale: of the quantized output, one step in real units.
        cost: share of calibration pixels whose class comes back when this layer's output alone is
            kept at higher precision; None where that was not measured.
        spread: the widest channel's range over the median channel's; all channels share one scale.
        ratio: of an ADD or a CONCATENATION, the widest input's range over the narrowest one's.
        index: of the layer among the int8 file's operators.
    """

    name: str
    op: str
    snr_db: float
    low: float
    high: float
    scale: float
    cost: float | None = None
    spread: float | None = None
    ratio: float | None = None
    index: int = -1


def layer_errors(quantized: bytes, float_tflite: bytes, frames: Frames) -> tuple[LayerError, ...]:
    """Compare an int8 file with the float file of the same network, layer by layer.

    Args:
        quantized: its input and output tensors may be int8, uint8 or float32.
        float_tflite: float32 file.
        frames: calibration tensors, float32 [1, h, w, 3].

    Returns:
        The layers that both files have, in the order in which they run.
    """
    pairs = match_layers(read_layers(quantized), read_layers(float_tflite))
    pairs = [(layer, twin) for layer, twin in pairs if layer.scale]
    file, exact = PlainNetwork(quantized), PlainNetwork(float_tflite)
    sums = [_Sums(twin) for _, twin in pairs]
    for frame in frames:
        file.run(frame)
        exact.run(frame)
        for (layer, twin), total in zip(pairs, sums, strict=True):
            total.add(exact.value(twin.output), file.value(layer.output))
            total.add_inputs([exact.value(tensor) for tensor in twin.inputs])
    return tuple(total.error(layer) for (layer, _), total in zip(pairs, sums, strict=True))


def worst_first(layers: Sequence[LayerError]) -> list[LayerError]:
    """Return layers by what keeping them brings back, where measured, else by their ratio."""
    return sorted(layers, key=lambda layer: (-(layer.cost or 0.0), layer.snr_db))


def describe(layer: LayerError) -> str:
    """Return what is to be seen in a layer, in a few words."""
    words = [f"{layer.snr_db:.1f} dB", f"range {in_short(layer.low)} to {in_short(layer.high)}"]
    if layer.spread is not None and layer.spread >= _WIDE:
        words.append(f"its widest channel {layer.spread:.3g} times the median")
    if layer.ratio is not None and layer.ratio >= _UNEQUAL:
        words.append(f"its inputs' ranges {layer.ratio:.1f} : 1")
    return ", ".join(words)


def in_short(value: float) -> str:
    """Return a number in three digits, and no exponent where it is large."""
    return f"{value:.0f}" if abs(value) >= 100 else f"{value:.3g}"


@dataclass
class _Sums:
    """Of one layer, over frames."""

    twin: Layer
    signal: float = 0.0
    noise: float = 0.0
    low: NDArray[np.float64] | None = None  # of each channel
    high: NDArray[np.float64] | None = None
    inputs: dict[int, tuple[float, float]] = field(default_factory=dict)

    def add(self, exact: NDArray[np.float64], found: NDArray[np.float64]) -> None:
        self.signal += float(np.square(exact).sum())
        self.noise += float(np.square(exact - found).sum())
        low, high = exact.min(axis=(0, 1, 2)), exact.max(axis=(0, 1, 2))
        self.low = low if self.low is None else np.minimum(self.low, low)
        self.high = high if self.high is None else np.maximum(self.high, high)

    def add_inputs(self, values: Sequence[NDArray[np.float64]]) -> None:
        if self.twin.op not in ("ADD", "CONCATENATION"):
            return
        for place, value in enumerate(values):
            low, high = self.inputs.get(place, (math.inf, -math.inf))
            self.inputs[place] = min(low, float(value.min())), max(high, float(value.max()))

    def error(self, layer: Layer) -> LayerError:
        low = np.zeros(1) if self.low is None else self.low
        high = np.zeros(1) if self.high is None else self.high
        median = float(np.median(high - low))
        return LayerError(
            layer.name,
            layer.op,
            round(_decibels(self.signal, self.noise), 2),
            float(low.min()),
            float(high.max()),
            layer.scale,
            spread=round(float((high - low).max()) / median, 2) if median > 0 else None,
            ratio=self._ratio(),
            index=layer.index,
        )

    def _ratio(self) -> float | None:
        spans = [high - low for low, high in self.inputs.values()]
        if len(spans) < 2 or min(spans) <= 0:
            return None
        return round(max(spans) / min(spans), 2)


def _decibels(signal: float, noise: float) -> float:
    if noise == 0:
        return MAX_DB
    return min(MAX_DB, 10 * math.log10(signal / noise)) if signal else -MAX_DB
