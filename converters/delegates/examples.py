"""Upsamplings as converted files have them, to show at a glance what a target says of them.

All make 256x256 scores of 21 classes; kernels are twice as long as the stride, without a bias.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .op import Op, Tensor

LEGEND = {
    "T2, T8, T32": "transposed convolution with that stride",
    "B2, B8, B32": "bilinear by that factor as Keras has it, with half-pixel centres",
    "L8": "bilinear by 8 as TensorFlow 1 had it, without them",
    "N8": "nearest by 8",
    "UP8": "Keras's UpSampling2D of kind nearest, which becomes TILE in five dimensions",
    "D2S": "DEPTH_TO_SPACE by 8",
    "RTR": "the same as reshape, transpose, reshape",
    "ARG": "ARG_MAX over the classes",
    "SOFT": "SOFTMAX over the classes",
}
"""What the names of the examples stand for."""

SIDE, CLASSES = 256, 21
_PIXELS = (1, SIDE, SIDE, CLASSES)


def examples(dtype: str) -> Mapping[str, tuple[Op, ...]]:
    """Return the operators of each example by its short name, for one type of activations."""
    return {
        **{f"T{s}": (_transposed(dtype, s),) for s in (2, 8, 32)},
        **{f"B{s}": (_resize(dtype, s, half_pixel=True),) for s in (2, 8, 32)},
        "L8": (_resize(dtype, 8, half_pixel=False),),
        "N8": (_resize(dtype, 8, half_pixel=False, name="RESIZE_NEAREST_NEIGHBOR"),),
        "UP8": _tile(dtype),
        "D2S": (_depth_to_space(dtype),),
        "RTR": _reshuffle(dtype),
        "ARG": (_argmax(dtype),),
        "SOFT": (_op("SOFTMAX", dtype, _PIXELS, _PIXELS, beta=1.0),),
    }


def _version(dtype: str, of_int8: int = 2) -> int:
    return 1 if dtype == "float32" else of_int8


def _numbers(*values: int) -> Tensor:
    return Tensor((len(values),), "int32", is_constant=True, values=values)


def _op(
    name: str,
    dtype: str,
    before: tuple[int, ...],
    after: tuple[int, ...],
    *rest: Tensor,
    version: int = 0,
    **options: Any,
) -> Op:
    inputs = (Tensor(before, dtype), *rest)
    return Op(name, version or _version(dtype), inputs, (Tensor(after, dtype),), options)


def _transposed(dtype: str, stride: int) -> Op:
    cells = SIDE // stride
    shape = (CLASSES, 2 * stride, 2 * stride, CLASSES)
    kernel = Tensor(shape, dtype, is_constant=True, scales=CLASSES if dtype == "int8" else 0)
    return Op(
        "TRANSPOSE_CONV",
        _version(dtype),
        (_numbers(*_PIXELS), kernel, Tensor((1, cells, cells, CLASSES), dtype)),
        (Tensor(_PIXELS, dtype),),
        {"padding": "same", "stride_h": stride, "stride_w": stride, "activation": "none"},
    )


def _resize(dtype: str, factor: int, *, half_pixel: bool, name: str = "RESIZE_BILINEAR") -> Op:
    cells = SIDE // factor
    return _op(
        name,
        dtype,
        (1, cells, cells, CLASSES),
        _PIXELS,
        _numbers(SIDE, SIDE),
        version=3 if half_pixel else _version(dtype),
        half_pixel_centers=half_pixel,
        align_corners=False,
    )


def _depth_to_space(dtype: str) -> Op:
    before = (1, SIDE // 8, SIDE // 8, 64 * CLASSES)
    return _op("DEPTH_TO_SPACE", dtype, before, _PIXELS, block_size=8)


def _reshuffle(dtype: str) -> tuple[Op, ...]:
    """Depth to space without DEPTH_TO_SPACE."""
    cells = SIDE // 8
    apart, swapped = (cells, cells, 8, 8 * CLASSES), (cells, 8, cells, 8 * CLASSES)
    return (
        _reshape(dtype, (1, cells, cells, 64 * CLASSES), apart),
        _op("TRANSPOSE", dtype, apart, swapped, _numbers(0, 2, 1, 3)),
        _reshape(dtype, swapped, _PIXELS),
    )


def _tile(dtype: str) -> tuple[Op, ...]:
    """What Keras's UpSampling2D of kind nearest becomes, down; across follows the same."""
    cells = SIDE // 8
    before, opened = (1, cells, SIDE, CLASSES), (1, cells, 1, SIDE, CLASSES)
    tiled = (1, cells, 8, SIDE, CLASSES)
    return (
        _reshape(dtype, before, opened),
        _op("TILE", dtype, opened, tiled, _numbers(1, 1, 8, 1, 1), version=_version(dtype)),
        _reshape(dtype, tiled, _PIXELS),
    )


def _reshape(dtype: str, before: tuple[int, ...], after: tuple[int, ...]) -> Op:
    return _op("RESHAPE", dtype, before, after, _numbers(*after), version=1)


def _argmax(dtype: str) -> Op:
    inputs = (Tensor(_PIXELS, dtype), Tensor((), "int32", is_constant=True, values=(3,)))
    return Op("ARG_MAX", _version(dtype), inputs, (Tensor(_PIXELS[:3], "int32"),))
