"""Frame to input tensor: one implementation for calibration, proof, run and bench."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray

from edgeseg import kernels
from edgeseg.errors import ConfigError, ModelError, SourceError
from edgeseg.kernels_numpy_pictures import InputValues, Layout, Place
from edgeseg.manifest import Preparation, Size
from edgeseg.runtimes import TensorSpec

_DTYPES = ("float32", "int8", "uint8", "int16")

_SHAPES: Final[Mapping[Layout, str]] = {
    "bgr": "[height, width, 3] in BGR, or grey, or BGRA",
    "rgb": "[height, width, 3] in RGB",
    "grey": "[height, width]",
    "yuyv": "[height, width, 2] of an even width (YUYV)",
    "nv12": "[height * 3 / 2, width] of an even height and width (NV12)",
}


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
    frame: NDArray[Any],
    preparation: Preparation,
    tensor: TensorSpec,
    out: NDArray[Any] | None = None,
    *,
    layout: Layout = "bgr",
    pool: kernels.Pool | None = None,
) -> NDArray[Any]:
    """Return the input tensor [1, h, w, 3] for a frame.

    value = (pixel - mean) / std per channel, in the preparation's colour order; integer tensors
    then get round(value / scale) + zero_point, rounded half to even and clipped. The frame is
    resized first, to 8 bits: by area when it shrinks, bilinearly otherwise; a pixel is at most one
    step (of 255) from the exact one. Letterbox borders hold the mean colour.

    Args:
        frame: uint8 [h, w, 3]; grey [h, w] or [h, w, 1] and BGRA [h, w, 4] are converted. The frame
            of another layout has that layout's shape.
        preparation: size, colour order, mean, std and resize policy.
        tensor: the model's input: float32, int8, uint8 or int16.
        out: where to put the result; a C-contiguous array of the tensor's shape and dtype.
        layout: `bgr`; `rgb`; `grey` [h, w]; `yuyv` [h, w, 2], w even; `nv12` [h * 3 / 2, w], h and
            w even. The last two as cameras give them, in ITU-R BT.601 of limited range.
        pool: threads to share the rows with.

    Raises:
        SourceError: the frame is no picture of the forms above.
        ModelError: the tensor cannot hold a picture of the preparation's size.
        ConfigError: there is no such layout, or EDGESEG_KERNELS makes no sense.
    """
    _check_tensor(preparation, tensor)
    pixels, layout = _as_layout(frame, layout)
    result = np.empty(tensor.shape, tensor.dtype) if out is None else _checked(out, tensor)
    kernels.prepare(
        pixels,
        layout,
        _values(preparation, tensor),
        result[0],
        rgb=preparation.color == "rgb",
        place=_whole_place(size_of(pixels, layout), preparation),
        pool=pool,
    )
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
    if out.shape == tensor.shape and out.dtype == tensor.dtype and out.flags.c_contiguous:
        return out
    raise ModelError(
        f"out is {out.dtype} {list(out.shape)}; expected a contiguous {tensor.dtype} "
        f"{list(tensor.shape)}"
    )


def _as_layout(frame: NDArray[Any], layout: Layout) -> tuple[NDArray[Any], Layout]:
    """Return the frame as the kernels take it, and what it then is."""
    if layout not in _SHAPES:
        raise ConfigError(f"a frame's layout is one of {', '.join(_SHAPES)}, not {layout!r}")
    if frame.dtype != np.uint8 or 0 in frame.shape:
        raise SourceError(_not_a_picture(frame, layout))
    if layout == "bgr":
        frame, layout = _bgr_or_grey(frame)
    if not _fits(frame.shape, layout):
        raise SourceError(_not_a_picture(frame, layout))
    # Rows may lie apart, pixels not.
    return frame if frame[:1].flags.c_contiguous else np.ascontiguousarray(frame), layout


def _bgr_or_grey(frame: NDArray[Any]) -> tuple[NDArray[Any], Layout]:
    if frame.ndim == 2:
        return frame, "grey"
    if frame.ndim == 3 and frame.shape[2] == 1:
        return frame[..., 0], "grey"
    if frame.ndim == 3 and frame.shape[2] == 4:
        return cv2.cvtColor(frame, cv2.COLOR_BGRA2BGR), "bgr"
    return frame, "bgr"


def _fits(shape: tuple[int, ...], layout: Layout) -> bool:
    if layout == "grey":
        return len(shape) == 2
    if layout == "nv12":
        return len(shape) == 2 and shape[0] % 3 == 0 and shape[1] % 2 == 0
    if layout == "yuyv":
        return len(shape) == 3 and shape[2] == 2 and shape[1] % 2 == 0
    return len(shape) == 3 and shape[2] == 3


def _not_a_picture(frame: NDArray[Any], layout: Layout) -> str:
    return f"a frame is {frame.dtype} {list(frame.shape)}; expected uint8 {_SHAPES[layout]}"


def size_of(frame: NDArray[Any], layout: Layout) -> Size:
    """Return the size of a frame of a layout."""
    height, width = frame.shape[:2]
    return Size(width, height // 3 * 2 if layout == "nv12" else height)


def _whole_place(frame: Size, preparation: Preparation) -> Place:
    where = place(frame, preparation)
    return Place(int(where.x), int(where.y), int(where.width), int(where.height))


def _values(preparation: Preparation, tensor: TensorSpec) -> InputValues:
    mean, std = (_three(numbers) for numbers in (preparation.mean, preparation.std))
    return InputValues(tensor.dtype, mean, std, float(tensor.scale), int(tensor.zero_point))


def _three(numbers: Sequence[float]) -> tuple[float, float, float]:
    first, second, third = map(float, numbers)
    return first, second, third
