"""Operators as converters make them of layers."""

from __future__ import annotations

from typing import Any

import numpy as np
from one_operator import (
    ACTIVATION,
    FLOAT,
    INT8,
    INT16,
    INT32,
    PADDING,
    UINT8,
    VERSIONS,
    Array,
    Case,
    bias,
    constant,
    weights,
)


def conv(
    dtype: str,
    *,
    op: str = "CONV_2D",
    side: int = 16,
    cin: int = 8,
    cout: int = 8,
    kernel: int = 3,
    stride: int = 1,
    dilation: int = 1,
    padding: str = "same",
    activation: str = "none",
    with_bias: bool = True,
) -> Case:
    """Return a convolution."""
    depthwise = op == "DEPTHWISE_CONV_2D"
    cout = cin if depthwise else cout
    reach = (kernel - 1) * dilation + 1
    new = -(-side // stride) if padding == "same" else (side - reach) // stride + 1
    shape = (1, kernel, kernel, cin) if depthwise else (cout, kernel, kernel, cin)
    options = {
        "padding": PADDING[padding],
        "strideH": stride,
        "strideW": stride,
        "dilationHFactor": dilation,
        "dilationWFactor": dilation,
        "fusedActivationFunction": ACTIVATION[activation],
    }
    if depthwise:
        options["depthMultiplier"] = 1
    made = [Array((1, side, side, cin), dtype), weights(shape, dtype, 3 if depthwise else 0)]
    made.append(bias(cout, dtype, cout))
    what = "-".join(
        word
        for word in (
            f"{op.lower()}-{dtype}-k{kernel}s{stride}-{padding}",
            f"d{dilation}" if dilation > 1 else "",
            activation if activation != "none" else "",
            "" if with_bias else "nobias",
        )
        if word
    )
    version = {FLOAT: 1, INT8: 3, UINT8: 1, INT16: 4 if op == "CONV_2D" else 5}[dtype]
    inputs = tuple(made) if with_bias else tuple(made[:2])
    return Case(what, op, inputs, Array((1, new, new, cout), dtype), version, options)


def transposed(
    dtype: str,
    *,
    side: int = 8,
    channels: int = 8,
    kernel: int = 4,
    stride: int = 2,
    padding: str = "same",
    with_bias: bool = False,
    constant_shape: bool = True,
    activation: str = "none",
    seed: int | None = None,
) -> Case:
    """Return a transposed convolution; with a seed, its float kernel is random."""
    new = side * stride if padding == "same" else (side - 1) * stride + kernel
    shape: Array = constant(1, new, new, channels)
    if not constant_shape:
        shape = Array((4,), INT32)
    inputs = [
        shape,
        _kernel((channels, kernel, kernel, channels), dtype, seed),
        Array((1, side, side, channels), dtype),
    ]
    if with_bias:
        inputs.append(bias(channels, dtype, channels))
    what = f"transpose_conv-{dtype}-k{kernel}s{stride}-{padding}-{side}"
    what += "-bias" * with_bias + "-open" * (not constant_shape)
    what += "" if activation == "none" else f"-{activation}"
    version = 3 if with_bias else {FLOAT: 1, INT8: 2, UINT8: 1, INT16: 3}[dtype]
    version = 4 if activation != "none" else version
    return Case(
        what,
        "TRANSPOSE_CONV",
        tuple(inputs),
        Array((1, new, new, channels), dtype),
        version,
        {
            "padding": PADDING[padding],
            "strideH": stride,
            "strideW": stride,
            "fusedActivationFunction": ACTIVATION[activation],
        },
        needs_shape=not constant_shape,
    )


def _kernel(shape: tuple[int, ...], dtype: str, seed: int | None) -> Array:
    if seed is None:
        return weights(shape, dtype)
    return Array(shape, dtype, np.random.default_rng(seed).normal(size=shape))


def resize(
    dtype: str, kind: str, factor: int, flags: str = "", side: int = 8, across: int = 0
) -> Case:
    """Return a resize; flags `half`, `align` or none."""
    new = (side - 1) * factor + 1 if flags == "align" else side * factor
    wide = side * across if across else new
    op = {"bilinear": "RESIZE_BILINEAR", "nearest": "RESIZE_NEAREST_NEIGHBOR"}[kind]
    what = f"x{factor}" + (f"x{across}" if across else "") + (f"-{flags}" if flags else "")
    return Case(
        f"{op.lower()}-{dtype}-{what}" + ("" if side == 8 else f"-{side}"),
        op,
        (Array((1, side, side, 8), dtype), constant(new, wide)),
        Array((1, new, wide, 8), dtype),
        3 if flags == "half" else {FLOAT: 1, INT8: 2, UINT8: 1, INT16: 4}[dtype],
        {"alignCorners": flags == "align", "halfPixelCenters": flags == "half"},
    )


def simple(
    op: str,
    dtype: str,
    before: tuple[int, ...],
    after: tuple[int, ...],
    *rest: Array,
    what: str = "",
    version: int = 0,
    result: str = "",
    **options: Any,
) -> Case:
    """Return an operator of one input and constants."""
    name = f"{op.lower()}-{dtype}{'-' + what if what else ''}"
    output = Array(after, result or dtype)
    inputs = (Array(before, dtype), *rest)
    return Case(name, op, inputs, output, version or VERSIONS.get(dtype, 1), dict(options))


def binary(op: str, dtype: str, *, what: str = "", activation: str = "none") -> Case:
    """Return an operator of two inputs; `what` is `constant` or `channels` for the second one."""
    shape = (1, 8, 8, 8)
    second = Array(shape, dtype)
    if what == "constant":
        second = Array((1, 1, 1, 8), dtype, 1)
    elif what == "channels":
        second = Array((1, 1, 1, 8), dtype)
    name = "-".join(filter(None, (op.lower(), dtype, what, activation.replace("none", ""))))
    options: dict[str, Any] = {"fusedActivationFunction": ACTIVATION[activation]}
    version = {FLOAT: 1, INT8: 2, UINT8: 1, INT16: 2 if op == "DIV" else 3}[dtype]
    return Case(name, op, (Array(shape, dtype), second), Array(shape, dtype), version, options)


def joined(dtype: str, count: int) -> Case:
    """Return a concatenation over the channels."""
    inputs = tuple(Array((1, 8, 8, 4), dtype) for _ in range(count))
    version = {FLOAT: 1, INT8: 2, UINT8: 1, INT16: 3}[dtype]
    output = Array((1, 8, 8, 4 * count), dtype)
    return Case(
        f"concatenation-{dtype}-{count}", "CONCATENATION", inputs, output, version, {"axis": 3}
    )


def sliced(dtype: str, *, step: int = 1, shrink: int = 0) -> Case:
    """Return a crop."""
    new = 4 // step
    after = (1, new, new, 8) if not shrink else (new, new, 8)
    what = "shrink" if shrink else f"step{step}"
    return simple(
        "STRIDED_SLICE",
        dtype,
        (1, 8, 8, 8),
        after,
        constant(0, 2, 2, 0),
        constant(1, 6, 6, 8),
        constant(1, step, step, 1),
        what=what,
        shrinkAxisMask=shrink,
    )


def pool(op: str, dtype: str, window: int, stride: int, padding: str, side: int = 16) -> Case:
    """Return a pooling."""
    new = -(-side // stride) if padding == "same" else (side - window) // stride + 1
    return simple(
        op,
        dtype,
        (1, side, side, 8),
        (1, new, new, 8),
        what=f"w{window}s{stride}-{padding}",
        padding=PADDING[padding],
        filterHeight=window,
        filterWidth=window,
        strideH=stride,
        strideW=stride,
    )
