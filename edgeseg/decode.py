"""From the network's coarse scores to a class map at frame size."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from edgeseg import kernels, kernels_numpy
from edgeseg.errors import ConfigError, ModelError
from edgeseg.manifest import MAX_CLASSES, MAX_SIDE, Size, ToFrame

if TYPE_CHECKING:
    from edgeseg.prepare import Placement


_KERNEL_TYPES = ("int8", "uint8", "float16", "float32")

# What a confidence may be multiplied by, so that no product is infinite times 0.
_SCALES = (1e-30, 1e30)


@dataclass(frozen=True)
class Grid:
    """How a frame lies on the coarse scores.

    The centre of output column x lies at grid column (x + 0.5) * scale_x + offset_x - 0.5, where
    whole numbers are the centres of cells; rows likewise. Positions beyond the grid take its edge.

    Attributes:
        scale_x, scale_y: grid cells per output pixel, above 0.
        offset_x, offset_y: where the output's first edge lies, in grid cells from the grid's edge.
    """

    scale_x: float
    scale_y: float
    offset_x: float = 0.0
    offset_y: float = 0.0

    def __post_init__(self) -> None:
        """Check the numbers.

        Raises:
            ConfigError: a number is not finite, or a scale is not above 0.
        """
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        if not all(map(math.isfinite, values.values())) or min(self.scale_x, self.scale_y) <= 0:
            raise ConfigError(f"a grid needs finite numbers and scales above 0, this has {values}")


def grid_for(frame: Size, placement: Placement, stride: float) -> Grid:
    """Return how a frame lies on scores with one cell per `stride` input pixels.

    Args:
        frame: the frame's size.
        placement: where the frame lies in the network's input, in input pixels.
        stride: input pixels per cell.
    """
    return Grid(
        scale_x=placement.width / (frame.width * stride),
        scale_y=placement.height / (frame.height * stride),
        offset_x=placement.x / stride,
        offset_y=placement.y / stride,
    )


def decode(
    logits: NDArray[Any],
    out: Size,
    grid: Grid,
    mode: ToFrame = "bilinear",
    *,
    into: NDArray[np.uint8] | None = None,
    confidence: NDArray[Any] | None = None,
    confidence_scale: float = 1.0,
    counts: NDArray[np.uint32] | None = None,
    pool: kernels.Pool | None = None,
) -> NDArray[np.uint8]:
    """Bring scores to `out` pixels and take the greatest class of each, of several the lowest.

    Args:
        logits: scores [h, w, classes] of int8, uint8, int16 or a float type, 1 to 256 classes, any
            strides. A quantized tensor needs no scale: the greatest stays the greatest. 8-bit
            scores are summed exactly, others in float32. Infinities count as the largest float32,
            NaN as the lowest.
        out: size of the class map.
        grid: where its pixels lie on the scores.
        mode: `bilinear` interpolates the scores with half-pixel centres, in steps of 1/2048 cell;
            `nearest` takes the class of the nearest cell.
        into: where to write the class map, uint8 [out.height, out.width]; None makes a new one.
        confidence: written to as well, float32 or uint8 of the class map's shape: by how much the
            winner's score is above the runner-up's, times `confidence_scale`; as uint8 rounded
            down, at most 255. With logits m apart, 1 / (1 + exp(-m)) is the winner's probability
            against the runner-up, and no softmax gives it more.
        confidence_scale: a quantized tensor's scale makes logits of its steps.
        counts: written to as well, uint32 [classes]: how many pixels each class has.
        pool: threads to share the rows with.

    Returns:
        The class map, uint8 [out.height, out.width].

    Raises:
        ModelError: the scores have another shape or type.
        ConfigError: `out`, `mode` or an array to write to makes no sense, or EDGESEG_KERNELS does
            not.
    """
    scores = _scores(logits)
    nearest = _is_nearest(mode)
    _check_size(out)
    shape = (out.height, out.width)
    classes = np.empty(shape, np.uint8) if into is None else into
    _check_outputs(scores.shape[2], shape, classes, confidence, confidence_scale, counts)
    kernels.decode(
        scores,
        (grid.scale_x, grid.scale_y, grid.offset_x, grid.offset_y),
        classes,
        nearest=nearest,
        confidence=confidence,
        confidence_scale=confidence_scale,
        counts=counts,
        pool=pool,
    )
    return classes


def decode_reference(
    logits: NDArray[Any],
    out: Size,
    grid: Grid,
    mode: ToFrame = "bilinear",
    *,
    confidence: NDArray[Any] | None = None,
    confidence_scale: float = 1.0,
    counts: NDArray[np.uint32] | None = None,
) -> NDArray[np.uint8]:
    """Do what `decode` does in plain NumPy: the definition of its result, and its fallback."""
    scores = _scores(logits)
    nearest = _is_nearest(mode)
    _check_size(out)
    classes = np.empty((out.height, out.width), np.uint8)
    lie = (grid.scale_x, grid.scale_y, grid.offset_x, grid.offset_y)
    kernels_numpy.decode(scores, *lie, nearest, classes, confidence, confidence_scale, counts)
    return classes


def decode_class_map(classes: NDArray[Any], out: Size, grid: Grid) -> NDArray[np.uint8]:
    """Bring a model's own class map to `out` pixels; each takes the class of its nearest cell.

    Args:
        classes: class indices [h, w] of any integer type, in 0..255.
        out: size of the result.
        grid: where its pixels lie on the class map.

    Raises:
        ModelError: the class map has another shape, type or range.
        ConfigError: `out` makes no sense.
    """
    if classes.ndim != 2 or classes.dtype.kind not in "iu" or classes.size == 0:
        raise ModelError(
            f"the model's class map is {classes.dtype} {list(classes.shape)}, expected integers "
            "[height, width]; see `edgeseg info MODEL`"
        )
    if classes.min() < 0 or classes.max() >= MAX_CLASSES:
        raise ModelError(
            f"the model's class map holds {classes.min()} to {classes.max()}, expected classes "
            f"of 0 to {MAX_CLASSES - 1}; see `edgeseg info MODEL`"
        )
    _check_size(out)
    height, width = classes.shape
    return kernels_numpy.pick(
        classes,
        kernels_numpy.positions(out.width, grid.scale_x, grid.offset_x, width),
        kernels_numpy.positions(out.height, grid.scale_y, grid.offset_y, height),
    )


def _scores(logits: NDArray[Any]) -> NDArray[Any]:
    """Return the scores as the kernels take them, if possible as they are."""
    _check(logits)
    if logits.dtype in _KERNEL_TYPES and logits.dtype.isnative:
        return logits
    with np.errstate(over="ignore"):  # values beyond float32 become infinite
        return logits.astype(np.float32)


def _check(logits: NDArray[Any]) -> None:
    if logits.ndim != 3 or 0 in logits.shape or logits.shape[2] > MAX_CLASSES:
        raise ModelError(
            f"the model's scores have shape {list(logits.shape)}, expected "
            f"[height, width, classes] with 1 to {MAX_CLASSES} classes; see `edgeseg info MODEL`"
        )
    if not (logits.dtype.kind == "f" or logits.dtype in (np.int8, np.uint8, np.int16)):
        raise ModelError(
            f"the model's scores are {logits.dtype}, expected int8, uint8, int16 or a float type; "
            "see `edgeseg info MODEL`"
        )


def _is_nearest(mode: str) -> bool:
    if mode not in ("bilinear", "nearest"):
        raise ConfigError(f"cells become pixels by bilinear or nearest, not {mode!r}")
    return mode == "nearest"


def _check_size(out: Size) -> None:
    if not all(1 <= side <= MAX_SIDE for side in out):
        raise ConfigError(f"a class map cannot be {out}; a side has 1 to {MAX_SIDE} pixels")


def _check_outputs(
    count: int,
    shape: tuple[int, int],
    classes: NDArray[Any],
    confidence: NDArray[Any] | None,
    confidence_scale: float,
    counts: NDArray[Any] | None,
) -> None:
    """Check the arrays that a caller lends."""
    wanted: list[tuple[str, NDArray[Any], tuple[int, ...], tuple[str, ...]]]
    wanted = [("into", classes, shape, ("uint8",))]
    if confidence is not None:
        wanted.append(("confidence", confidence, shape, ("float32", "uint8")))
        if count < 2:
            raise ConfigError("one class has no runner-up, so no confidence")
        if not _SCALES[0] <= confidence_scale <= _SCALES[1]:
            raise ConfigError(
                f"confidence_scale is {confidence_scale}, expected {_SCALES[0]} to {_SCALES[1]}"
            )
    if counts is not None:
        wanted.append(("counts", counts, (count,), ("uint32",)))
    reasons = [
        f"{name} is {array.dtype} {list(array.shape)}, expected {' or '.join(dtypes)} "
        f"{list(size)}, writable, elements side by side"
        for name, array, size, dtypes in wanted
        if array.shape != size
        or array.dtype.name not in dtypes
        or not array.flags.writeable
        or (array.shape[-1] > 1 and array.strides[-1] != array.itemsize)
    ]
    if reasons:
        raise ConfigError("; ".join(reasons))
