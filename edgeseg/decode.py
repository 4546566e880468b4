"""From the network's coarse scores to a class map at frame size."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from edgeseg import kernels, kernels_numpy
from edgeseg.errors import ConfigError, ModelError
from edgeseg.manifest import MAX_CLASSES, MAX_SIDE, Size, ToFrame

if TYPE_CHECKING:
    from edgeseg.prepare import Placement


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
    logits: NDArray[Any], out: Size, grid: Grid, mode: ToFrame = "bilinear"
) -> NDArray[np.uint8]:
    """Bring scores to `out` pixels and take the greatest class of each, of several the lowest.

    Args:
        logits: scores [h, w, classes] of int8, uint8, int16 or a float type, 1 to 256 classes, any
            strides. A quantized tensor needs no scale: the greatest stays the greatest. 8-bit
            scores are summed exactly; others as float32 in float64. Infinities count as the
            largest float32, NaN as the lowest.
        out: size of the class map.
        grid: where its pixels lie on the scores.
        mode: `bilinear` interpolates the scores with half-pixel centres, in steps of 1/2048 cell;
            `nearest` takes the class of the nearest cell.

    Returns:
        The class map, uint8 [out.height, out.width].

    Raises:
        ModelError: the scores have another shape or type.
        ConfigError: `out` or `mode` makes no sense, or EDGESEG_KERNELS does not.
    """
    scores = _scores(logits)
    columns, rows = _axes(scores, out, grid)
    return kernels.decode(scores, columns, rows, nearest=_is_nearest(mode))


def decode_reference(
    logits: NDArray[Any], out: Size, grid: Grid, mode: ToFrame = "bilinear"
) -> NDArray[np.uint8]:
    """Do what `decode` does in plain NumPy: the definition of its result, and its fallback."""
    scores = _scores(logits)
    columns, rows = _axes(scores, out, grid)
    classes = np.empty((out.height, out.width), np.uint8)
    kernels_numpy.decode(scores, columns, rows, _is_nearest(mode), classes)
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
    return kernels_numpy.pick(classes, *_axes(classes, out, grid))


def _scores(logits: NDArray[Any]) -> NDArray[Any]:
    """Return the scores as the kernels take them: contiguous int8, uint8 or finite float32."""
    _check(logits)
    if logits.dtype in (np.int8, np.uint8):
        return np.ascontiguousarray(logits)
    # Values beyond float32 become infinite here, and finite again below.
    with np.errstate(over="ignore"):
        scores = np.ascontiguousarray(logits, np.float32)
    if not np.isfinite(scores).all():
        limit = float(np.finfo(np.float32).max)
        scores = np.nan_to_num(scores, nan=-limit, posinf=limit, neginf=-limit)
    return scores


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


def _axes(
    cells: NDArray[Any], out: Size, grid: Grid
) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """Return where the output's columns and rows lie on the cells [h, w, ...]."""
    if not all(1 <= side <= MAX_SIDE for side in out):
        raise ConfigError(f"a class map cannot be {out}; a side has 1 to {MAX_SIDE} pixels")
    height, width = cells.shape[:2]
    return (
        _positions(out.width, grid.scale_x, grid.offset_x, width),
        _positions(out.height, grid.scale_y, grid.offset_y, height),
    )


@lru_cache(maxsize=64)
def _positions(count: int, scale: float, offset: float, cells: int) -> NDArray[np.int32]:
    """Return where `count` pixels lie on `cells` cells, in 1/2048 cell, clamped to the centres."""
    centres = (np.arange(count) + 0.5) * scale + offset - 0.5
    steps = np.floor(np.clip(centres, 0, cells - 1) * kernels_numpy.ONE + 0.5)
    positions: NDArray[np.int32] = steps.astype(np.int32)
    positions.flags.writeable = False  # shared by all callers with the same geometry
    return positions
