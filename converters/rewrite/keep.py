"""The call as it is: what TFLite makes of Keras's own upsampling layers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from edgeseg.converters.delegates.op import Op

from .form import Form
from .sites import Site
from .stepped import layer_name
from .steps.convolutions import transposed_ops
from .steps.elementwise import activation_of
from .steps.predicted import live, numbers, operator, version
from .steps.resize import Resize
from .transposed import bias_of


def _fits(site: Site) -> str:
    if site.kind == "transpose" and set(site.layer.dilation_rate) != {1}:
        return "TensorFlow Lite has no transposed convolution with dilation"
    return ""


def _build(site: Site, x: Any) -> Any:
    return site.layer(x)


def _ops(site: Site, dtype: str) -> tuple[Op, ...]:
    name = layer_name(site)
    if site.kind == "transpose":
        return tuple(_transposed(site, dtype, name))
    if site.kind == "nearest" and type(site.layer).__name__ == "UpSampling2D":
        return tuple(_repeated(site, dtype, name))
    step = Resize(site.kind, site.output_shape[1:3])
    return step.ops(site.input_shape, dtype, name)


def _transposed(site: Site, dtype: str, name: str) -> Iterator[Op]:
    layer = site.layer
    return transposed_ops(
        site.input_shape,
        site.output_shape,
        tuple(layer.kernel.shape),
        site.stride,
        layer.padding,
        dtype,
        name,
        activation_of(layer),
        bias_of(site) is not None,
    )


def _repeated(site: Site, dtype: str, name: str) -> Iterator[Op]:
    """Yield what Keras's UpSampling2D of kind nearest becomes: TILE, in five dimensions."""
    held: tuple[int, ...] = site.input_shape
    pixels = list(site.input_shape)
    for axis, factor in enumerate(site.stride, start=1):
        if factor == 1:
            continue
        opened = (*pixels[: axis + 1], 1, *pixels[axis + 1 :])
        repeats = tuple(factor if side == axis + 1 else 1 for side in range(5))
        tiled = tuple(side * times for side, times in zip(opened, repeats, strict=True))
        inputs = (live(opened, dtype), numbers(repeats))
        yield _reshape(held, opened, dtype, name)
        yield operator("TILE", version(dtype, 1, 3), inputs, live(tiled, dtype), name)
        held = tiled
        pixels[axis] *= factor
    if held != site.output_shape:
        yield _reshape(held, site.output_shape, dtype, name)


def _reshape(before: tuple[int, ...], after: tuple[int, ...], dtype: str, name: str) -> Op:
    return operator("RESHAPE", 1, (live(before, dtype), numbers(after)), live(after, dtype), name)


KEEP = Form("keep", "as it is", True, _fits, _build, _ops)
