"""Frame to input tensor: one implementation for calibration, proof, run and bench."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from edgeseg.errors import ModelError, SourceError
from edgeseg.manifest import Preparation, Size
from edgeseg.runtimes import TensorSpec

_DTYPES = ("float32", "int8", "uint8", "int16")


@dataclass(frozen=True)
class Placement:
    """Where the whole frame lies in the network's input, in input pixels from its top left."""

    x: float
    y: float
    width: float
    height: float


def place(frame: Size, preparation: Preparation) -> Placement:
    """Return where a frame of this size goes: everywhere (stretch), or centred (letterbox).

    A letterboxed frame takes whole pixels, at least one, so its aspect ratio is kept to within half
    a pixel.
    """
    width, height = preparation.size
    if preparation.resize == "stretch":
        return Placement(0.0, 0.0, float(width), float(height))
    ratio = min(width / frame.width, height / frame.height)
    inner_width = min(width, max(1, round(frame.width * ratio)))
    inner_height = min(height, max(1, round(frame.height * ratio)))
    return Placement(
        x=float((width - inner_width) // 2),
        y=float((height - inner_height) // 2),
        width=float(inner_width),
        height=float(inner_height),
    )


def prepare(
    frame_bgr: NDArray[Any],
    preparation: Preparation,
    tensor: TensorSpec,
    out: NDArray[Any] | None = None,
) -> NDArray[Any]:
    """Return the input tensor [1, h, w, 3] for a frame.

    value = (pixel - mean) / std per channel, in the preparation's colour order; integer tensors
    then get round(value / scale) + zero_point, rounded half to even and clipped. The frame is
    resized first, in 8 bits: by area when it shrinks, bilinearly otherwise. Letterbox borders hold
    the mean colour.

    Args:
        frame_bgr: uint8 [h, w, 3] BGR; grey [h, w] or [h, w, 1] and BGRA [h, w, 4] are converted.
        preparation: size, colour order, mean, std and resize policy.
        tensor: the model's input: float32, int8, uint8 or int16.
        out: where to put the result; a C-contiguous array of the tensor's shape and dtype.

    Raises:
        SourceError: the frame is no picture of the forms above.
        ModelError: the tensor cannot hold a picture of the preparation's size.
    """
    _check_tensor(preparation, tensor)
    frame = _as_bgr(frame_bgr)
    placement = place(Size(frame.shape[1], frame.shape[0]), preparation)
    picture = _resized(frame, Size(int(placement.width), int(placement.height)))
    if preparation.color == "rgb":
        picture = cv2.cvtColor(picture, cv2.COLOR_BGR2RGB)
    result = np.empty(tensor.shape, tensor.dtype) if out is None else _checked(out, tensor)
    # The mean colour has the value 0.0, which an integer tensor stores as its zero point.
    inner = _inner(result, placement, border=tensor.zero_point)
    cv2.LUT(picture, _table(preparation.mean, preparation.std, tensor), dst=inner)
    return result


def _check_tensor(preparation: Preparation, tensor: TensorSpec) -> None:
    width, height = preparation.size
    if tensor.dtype in _DTYPES and tensor.shape == (1, height, width, 3):
        return
    raise ModelError(
        f"the model's input is {tensor.dtype} {list(tensor.shape)}; a picture of "
        f"{preparation.size} needs [1, {height}, {width}, 3] of {', '.join(_DTYPES)}"
    )


def _checked(out: NDArray[Any], tensor: TensorSpec) -> NDArray[Any]:
    """OpenCV would quietly write into an array of its own where this one does not fit."""
    if out.shape == tensor.shape and out.dtype == tensor.dtype and out.flags.c_contiguous:
        return out
    raise ModelError(
        f"out is {out.dtype} {list(out.shape)}; expected a contiguous {tensor.dtype} "
        f"{list(tensor.shape)}"
    )


def _as_bgr(frame: NDArray[Any]) -> NDArray[Any]:
    if frame.dtype != np.uint8 or frame.ndim not in (2, 3) or 0 in frame.shape:
        raise SourceError(_not_a_picture(frame))
    channels = 1 if frame.ndim == 2 else frame.shape[2]
    if channels == 3:
        return frame
    if channels == 1:
        return cv2.cvtColor(frame, cv2.COLOR_GRAY2BGR)
    if channels == 4:
        return cv2.cvtColor(frame, cv2.COLOR_BGRA2BGR)
    raise SourceError(_not_a_picture(frame))


def _not_a_picture(frame: NDArray[Any]) -> str:
    return (
        f"a frame is {frame.dtype} {list(frame.shape)}; expected uint8 [height, width, 3] in BGR, "
        "or grey, or BGRA"
    )


def _resized(frame: NDArray[Any], size: Size) -> NDArray[Any]:
    height, width = frame.shape[:2]
    if (width, height) == size:
        return frame
    shrinks = size.width <= width and size.height <= height
    interpolation = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    return cv2.resize(frame, size, interpolation=interpolation)


def _inner(result: NDArray[Any], placement: Placement, *, border: int) -> NDArray[Any]:
    """Return the part of the tensor that the frame covers, after filling the rest."""
    x, y = int(placement.x), int(placement.y)
    right, bottom = x + int(placement.width), y + int(placement.height)
    picture: NDArray[Any] = result[0]
    picture[:y] = border
    picture[bottom:] = border
    picture[y:bottom, :x] = border
    picture[y:bottom, right:] = border
    return picture[y:bottom, x:right]


@lru_cache(maxsize=16)
def _table(
    mean: tuple[float, float, float], std: tuple[float, float, float], tensor: TensorSpec
) -> NDArray[Any]:
    """Return what each pixel value becomes, [1, 256, 3], or [1, 256, 1] where all agree."""
    pixels = np.arange(256.0)[:, None]
    table = _stored((pixels - np.array(mean)) / np.array(std), tensor)[None]
    if (table == table[..., :1]).all():
        table = np.ascontiguousarray(table[..., :1])  # one table is looked up faster than three
    table.setflags(write=False)
    return table


def _stored(values: NDArray[np.float64], tensor: TensorSpec) -> NDArray[Any]:
    if tensor.dtype == "float32":
        return values.astype(np.float32)
    limits = np.iinfo(tensor.dtype)
    # An integer tensor without scale takes the values as they are.
    steps = np.rint(values / (tensor.scale or 1.0)) + tensor.zero_point
    return steps.clip(limits.min, limits.max).astype(tensor.dtype)
