"""The operators of segmentation networks, each by itself, with what delegates ask about them."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from one_operator import (
    FLOAT,
    INT8,
    INT16,
    INT32,
    UINT8,
    VERSIONS,
    Array,
    Case,
    bias,
    constant,
)
from operator_layers import (
    binary,
    conv,
    joined,
    pool,
    resize,
    simple,
    sliced,
    transposed,
)

from edgeseg.converters.flatbuffer import schema

MAP = (1, 8, 8, 8)


def cases(dtype: str) -> Iterator[Case]:
    """Yield the operators of segmentation networks for one type of activations."""
    for group in (_convolutions, _upsamplings, _heads, _arithmetic, _moves, _pools, _types):
        yield from group(dtype)


def _convolutions(dtype: str) -> Iterator[Case]:
    yield conv(dtype)
    yield conv(dtype, kernel=1, activation="relu6")
    yield conv(dtype, stride=2, padding="valid", activation="relu")
    yield conv(dtype, kernel=4, stride=4, side=32)
    yield conv(dtype, kernel=4, stride=4, side=32, padding="valid")
    yield conv(dtype, kernel=5, stride=4)
    yield conv(dtype, dilation=2)
    yield conv(dtype, op="DEPTHWISE_CONV_2D", activation="relu6")
    yield conv(dtype, op="DEPTHWISE_CONV_2D", kernel=5, stride=2)
    yield conv(dtype, op="DEPTHWISE_CONV_2D", kernel=5, stride=4)
    yield conv(dtype, op="DEPTHWISE_CONV_2D", dilation=2)
    for stride in (1, 2, 4, 8, 16):
        yield transposed(dtype, kernel=2 * stride, stride=stride, side=8)
    yield transposed(dtype, kernel=3, stride=2)
    yield transposed(dtype, padding="valid")
    yield transposed(dtype, with_bias=True)
    yield transposed(dtype, activation="relu")
    yield transposed(dtype, constant_shape=False)


def _upsamplings(dtype: str) -> Iterator[Case]:
    for kind in ("bilinear", "nearest"):
        for factor in (2, 3, 4, 8, 16, 32):
            yield resize(dtype, kind, factor, "half")
            yield resize(dtype, kind, factor)
        for factor in (2, 4, 8):
            yield resize(dtype, kind, factor, "align")
        yield resize(dtype, kind, 2, "half", across=4)
        yield resize(dtype, kind, 32, "half", side=1)
    two = {"version": 1 if dtype == FLOAT else 2, "blockSize": 2}
    yield simple("DEPTH_TO_SPACE", dtype, (1, 8, 8, 16), (1, 16, 16, 4), **two)
    yield simple("SPACE_TO_DEPTH", dtype, MAP, (1, 4, 4, 32), **two)


def _heads(dtype: str) -> Iterator[Case]:
    for side in (8, 256, 257):
        shape = (1, side, 256 if side > 8 else 8, 4)
        yield Case(
            f"softmax-{dtype}-{side}",
            "SOFTMAX",
            (Array(shape, dtype),),
            _between_0_and_1(shape, dtype),
            VERSIONS[dtype],
            {"beta": 1.0},
        )
    for depth in (8, 127, 128):
        yield simple(
            "ARG_MAX",
            dtype,
            (1, 8, 8, depth),
            (1, 8, 8),
            constant(3, shape=()),
            what=str(depth),
            result=INT32,
            outputType=2,
        )


def _arithmetic(dtype: str) -> Iterator[Case]:
    for op in ("ADD", "SUB", "MUL"):
        yield binary(op, dtype)
        yield binary(op, dtype, what="constant")
        yield binary(op, dtype, what="channels")
        yield binary(op, dtype, activation="relu")
    yield binary("DIV", dtype, what="constant")
    yield Case(
        f"fully_connected-{dtype}",
        "FULLY_CONNECTED",
        (Array((1, 16), dtype), _flat(dtype), bias(8, dtype)),
        Array((1, 8), dtype),
        {FLOAT: 1, INT8: 4, UINT8: 1, INT16: 11}[dtype],
    )
    for op in ("RELU", "RELU6"):
        yield simple(op, dtype, MAP, MAP)
    yield simple("HARD_SWISH", dtype, MAP, MAP, version=1)
    yield simple("LEAKY_RELU", dtype, MAP, MAP, version=1 if dtype == FLOAT else 2, alpha=0.1)
    yield Case(
        f"logistic-{dtype}",
        "LOGISTIC",
        (Array(MAP, dtype),),
        _between_0_and_1(MAP, dtype),
        VERSIONS[dtype],
    )
    around = {INT8: (1 / 128, 0), UINT8: (1 / 128, 128), INT16: (1 / 32768, 0)}.get(dtype)
    output = Array(MAP, dtype, None, around[:1], 0, around[1]) if around else Array(MAP, dtype)
    yield Case(f"tanh-{dtype}", "TANH", (Array(MAP, dtype),), output, VERSIONS[dtype])


def _moves(dtype: str) -> Iterator[Case]:
    pads = constant(*np.ravel(((0, 0), (1, 2), (1, 2), (0, 0))), shape=(4, 2))
    for count in (2, 4, 5, 6):
        yield joined(dtype, count)
    yield simple("PAD", dtype, MAP, (1, 11, 11, 8), pads)
    yield simple(
        "PAD",
        dtype,
        MAP,
        (1, 8, 8, 11),
        constant(0, 0, 0, 0, 0, 0, 1, 2, shape=(4, 2)),
        what="channels",
    )
    yield simple(
        "PADV2",
        dtype,
        MAP,
        (1, 11, 11, 8),
        pads,
        Array((1,), dtype, 0),
    )
    yield simple("MIRROR_PAD", dtype, MAP, (1, 11, 11, 8), pads, mode=0)
    yield sliced(dtype)
    yield sliced(dtype, step=2)
    yield sliced(dtype, shrink=1)
    yield simple("SLICE", dtype, MAP, (1, 4, 4, 8), constant(0, 2, 2, 0), constant(1, 4, 4, 8))
    yield simple(
        "RESHAPE",
        dtype,
        MAP,
        (8, 8, 2, 4),
        constant(8, 8, 2, 4),
        version=1,
        newShape=np.array([8, 8, 2, 4], np.int32),
    )
    yield simple(
        "RESHAPE",
        dtype,
        MAP,
        (1, 8, 1, 8, 8),
        constant(1, 8, 1, 8, 8),
        what="5d",
        version=1,
        newShape=np.array([1, 8, 1, 8, 8], np.int32),
    )
    yield simple("TRANSPOSE", dtype, (8, 8, 2, 4), (8, 2, 8, 4), constant(0, 2, 1, 3))
    yield simple(
        "TRANSPOSE", dtype, (1, 8, 8, 2, 4), (1, 8, 2, 8, 4), constant(0, 1, 3, 2, 4), what="5d"
    )
    yield simple("TILE", dtype, MAP, (1, 16, 8, 8), constant(1, 2, 1, 1))
    yield simple(
        "TILE", dtype, (1, 8, 1, 8, 8), (1, 8, 2, 8, 8), constant(1, 1, 2, 1, 1), what="5d"
    )


def _pools(dtype: str) -> Iterator[Case]:
    yield simple("MEAN", dtype, MAP, (1, 1, 1, 8), constant(1, 2), keepDims=True)
    yield simple("MEAN", dtype, MAP, (1, 8), constant(1, 2), what="flat")
    yield simple("MEAN", dtype, MAP, (1, 8, 8, 1), constant(3), what="channels", keepDims=True)
    for op in ("AVERAGE_POOL_2D", "MAX_POOL_2D"):
        yield pool(op, dtype, 2, 2, "valid")
        yield pool(op, dtype, 3, 1, "same")
        yield pool(op, dtype, 9, 1, "same")
        yield pool(op, dtype, 16, 1, "valid")


def _types(dtype: str) -> Iterator[Case]:
    if dtype == FLOAT:
        yield simple("QUANTIZE", FLOAT, MAP, MAP, result=INT8)
    else:
        yield simple(
            "DEQUANTIZE",
            dtype,
            MAP,
            MAP,
            result=FLOAT,
            version={INT8: 2, UINT8: 1, INT16: 3}[dtype],
        )
        yield Case(
            f"quantize-{dtype}",
            "QUANTIZE",
            (Array(MAP, dtype),),
            Array(MAP, dtype, None, (0.07,)),
            2,
        )
    yield simple(
        "CAST",
        dtype,
        MAP,
        MAP,
        result=INT32,
        version=1,
        inDataType=_numbers()[dtype],
        outDataType=_numbers()[INT32],
    )
    yield simple("SHAPE", dtype, MAP, (4,), result=INT32, version=1, outType=_numbers()[INT32])
    yield Case(
        f"pack-{dtype}",
        "PACK",
        (Array(MAP, dtype),) * 2,
        Array((1, 2, 8, 8, 8), dtype),
        {FLOAT: 1, INT8: 2, UINT8: 1, INT16: 3}[dtype],
        {"axis": 1, "valuesCount": 2},
    )


def _between_0_and_1(shape: tuple[int, ...], dtype: str) -> Array:
    """Return the output of a softmax or logistic, whose scale the kernels fix."""
    if dtype == FLOAT:
        return Array(shape, FLOAT)
    zero = -128 if dtype == INT8 else 0
    return Array(shape, dtype, None, (1 / 32768 if dtype == INT16 else 1 / 256,), 0, zero)


def _flat(dtype: str) -> Array:
    if dtype == FLOAT:
        return Array((8, 16), FLOAT, 0.01)
    return Array((8, 16), UINT8 if dtype == UINT8 else INT8, 1, (0.01,))


def _numbers() -> dict[str, int]:
    kinds = schema().TensorType
    return {name: getattr(kinds, name.upper()) for name in (FLOAT, INT8, UINT8, INT16, INT32)}
