"""Whether calibration covers what the camera will see: enough frames, different ones, their ranges.

Each function returns warnings: what is wrong, how much, and what to type next.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .flatbuffer import schema
from .frames import Pool
from .likeness import Thumbnail, count_distinct
from .tensors import Frames, Layer, PlainNetwork, match_layers, read_layers

# FCN-8 on CamVid: 10 frames calibrate as well as 100, one frame clips up to 1.8 % of a layer.
_FEW = 10

# Share of a layer's values beyond its range on held-out frames. FCN-8 on CamVid: at most 0.04 %
# with 10 to 100 calibration frames; 0.18 to 1.8 % with a single one, 0.8 % with frames in a fifth
# of the light.
_CLIPPED = 0.001

_NAMED = 3


@dataclass(frozen=True)
class ClippedLayer:
    """A layer whose values leave the range that calibration gave it.

    Attributes:
        name, op: of the layer.
        share: of its values that are clipped.
        low, high: the calibrated range.
        seen: the value farthest outside.
    """

    name: str
    op: str
    share: float
    low: float
    high: float
    seen: float


def frame_warnings(thumbnails: Sequence[Thumbnail], pool: Pool) -> tuple[str, ...]:
    """Return warnings about calibration frames that are few, or one and the same."""
    used, distinct = len(thumbnails), count_distinct(thumbnails)
    warnings = []
    if used < _FEW:
        has_more = pool.length > 2 * used
        warnings.append(
            f"{used} calibration {'frames leave' if used > 1 else 'frame leaves'} the activation "
            "ranges to chance: "
            + ("add --calib-frames 100" if has_more else "give 20 or more pictures with --calib")
        )
    if distinct <= used / 2:
        warnings.append(
            f"only {distinct} of {used} calibration frames differ from each other, as in a video "
            "of a camera that stands still: give pictures of more scenes and other light with "
            "--calib"
        )
    return tuple(warnings)


def clipping_warnings(
    quantized: bytes, float_tflite: bytes, frames: Frames, *, could_use_more: bool
) -> tuple[str, ...]:
    """Return a warning where held-out frames leave the calibrated ranges by much.

    Args:
        quantized: int8 or int16x8 file.
        float_tflite: float32 file of the same network.
        frames: tensors of held-out frames.
        could_use_more: whether there are frames that did not calibrate.
    """
    layers = clipped_layers(quantized, float_tflite, frames)
    worst = [layer for layer in layers if layer.share > _CLIPPED]
    if not worst:
        return ()
    named = ", ".join(
        f"{layer.share:.1%} of {layer.name} {layer.op} (up to {layer.seen:.3g}; calibrated "
        f"{layer.low:.3g} to {layer.high:.3g})"
        for layer in worst[:_NAMED]
    )
    more = f" and {len(worst) - _NAMED} more layers" if len(worst) > _NAMED else ""
    advice = "add --calib-frames 400, or " if could_use_more else ""
    return (
        f"held-out frames leave the calibrated ranges, and values are clipped: {named}{more}; "
        f"{advice}give frames of every kind that the camera will see with --calib",
    )


def clipped_layers(
    quantized: bytes, float_tflite: bytes, frames: Frames
) -> tuple[ClippedLayer, ...]:
    """Return how far the float network's values leave the ranges of a quantized file's layers.

    Values are counted from half a step beyond the range on, where clipping is more than rounding.

    Returns:
        The layers that both files have, the most clipped first.
    """
    pairs = match_layers(read_layers(quantized), read_layers(float_tflite))
    ranges = [(pair, _range(quantized, pair[0])) for pair in pairs]
    sums = [_Sum(twin, layer, *limits) for (layer, twin), limits in ranges if limits]
    exact = PlainNetwork(float_tflite)
    for frame in frames:
        exact.run(frame)
        for each in sums:
            each.add(exact.value(each.twin.output))
    return tuple(sorted((each.clipped() for each in sums), key=lambda layer: -layer.share))


def _range(quantized: bytes, layer: Layer) -> tuple[float, float] | None:
    """Return the least and the greatest value that a layer's output can hold; None for a float."""
    types = schema().TensorType
    tensor = schema().Model.GetRootAs(quantized, 0).Subgraphs(0).Tensors(layer.output)
    known: dict[int, Any] = {types.INT8: np.int8, types.UINT8: np.uint8, types.INT16: np.int16}
    if not layer.scale or tensor.Type() not in known:
        return None
    zero, limits = int(tensor.Quantization().ZeroPoint(0)), np.iinfo(known[tensor.Type()])
    return (limits.min - zero) * layer.scale, (limits.max - zero) * layer.scale


@dataclass
class _Sum:
    """Of one layer, over frames."""

    twin: Layer
    layer: Layer
    low: float
    high: float
    outside: int = 0
    total: int = 0
    beyond: float = 0.0
    seen: float = 0.0

    def add(self, values: NDArray[np.float64]) -> None:
        by = np.maximum(self.low - values, values - self.high)
        self.outside += int(np.count_nonzero(by > self.layer.scale / 2))
        self.total += values.size
        farthest = int(by.argmax())
        if by.flat[farthest] > self.beyond:
            self.beyond, self.seen = float(by.flat[farthest]), float(values.flat[farthest])

    def clipped(self) -> ClippedLayer:
        share = self.outside / self.total if self.total else 0.0
        return ClippedLayer(self.layer.name, self.layer.op, share, self.low, self.high, self.seen)
