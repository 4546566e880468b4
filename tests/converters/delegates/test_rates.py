"""The forms' order by predicted cost is the order in which they were measured."""

from __future__ import annotations

from itertools import combinations, pairwise

import pytest

from edgeseg.converters.delegates.op import Op, Tensor
from edgeseg.converters.delegates.rates import predicted_ms, rate_sets
from edgeseg.errors import ConfigError

SIDE, CLASSES = 256, 21
CLEAR = 1.3  # ratio of two measured times from which on their order must be predicted


def op(name: str, dtype: str, before: tuple[int, ...], after: tuple[int, ...], **more: int) -> Op:
    macs = more.pop("macs", 0)
    return Op(
        name,
        1,
        (Tensor((1, *before), dtype),),
        (Tensor((1, *after), dtype),),
        options=more,
        macs=macs,
    )


def transpose(dtype: str, stride: int, taps: int) -> list[Op]:
    low = SIDE // stride
    return [
        op(
            "TRANSPOSE_CONV",
            dtype,
            (low, low, CLASSES),
            (SIDE, SIDE, CLASSES),
            stride_h=stride,
            stride_w=stride,
            macs=(low * taps * CLASSES) ** 2,
        )
    ]


def conv_to_blocks(dtype: str, stride: int, taps: int, side: int) -> list[Op]:
    deep = stride * stride * CLASSES
    after = (side, side, deep)
    macs = side * side * deep * taps * taps * CLASSES
    grown = (side * stride, side * stride, CLASSES)
    return [
        op("CONV_2D", dtype, (side, side, CLASSES), after, macs=macs),
        op("DEPTH_TO_SPACE", dtype, after, grown),
    ]


def pad(dtype: str, side: int) -> Op:
    return op("PAD", dtype, (side, side, CLASSES), (side + 2, side + 2, CLASSES))


def crop(dtype: str, side: int) -> Op:
    return op("STRIDED_SLICE", dtype, (side, side, CLASSES), (SIDE, SIDE, CLASSES))


def resize(dtype: str, before: int, after: int, name: str = "RESIZE_BILINEAR") -> Op:
    return op(name, dtype, (before, before, CLASSES), (after, after, CLASSES))


def forms(dtype: str, stride: int) -> dict[str, list[Op]]:
    """The forms of the table, as operators."""
    low = SIDE // stride
    steps = [low]
    while steps[-1] < SIDE:
        steps.append(2 * steps[-1])
    return {
        "transpose k=2s": transpose(dtype, stride, 2 * stride),
        "transpose k=s": transpose(dtype, stride, stride),
        "conv3x3 d2s": conv_to_blocks(dtype, stride, 3, low),
        "pad conv2x2 d2s crop": [
            pad(dtype, low),
            *conv_to_blocks(dtype, stride, 2, low + 1),
            crop(dtype, SIDE + stride),
        ],
        "conv1x1 d2s": conv_to_blocks(dtype, stride, 1, low),
        "bilinear": [resize(dtype, low, SIDE)],
        "pad bilinear crop": [
            pad(dtype, low),
            resize(dtype, low + 2, SIDE + 2 * stride),
            crop(dtype, SIDE + 2 * stride),
        ],
        "bilinear mul": [
            resize(dtype, low, SIDE),
            op("MUL", dtype, (SIDE, SIDE, CLASSES), (SIDE, SIDE, CLASSES)),
        ],
        "chain": [resize(dtype, a, b) for a, b in pairwise(steps)],
        "nearest": [resize(dtype, low, SIDE, "RESIZE_NEAREST_NEIGHBOR")],
    }


# XNNPACK, one thread, 256x256x21 output, ms at strides 2, 8, 16 and 32; float32, then int8.
STRIDES = (2, 8, 16, 32)
MEASURED = {
    "transpose k=2s": ((8.16, 8.20, 8.41, 8.94), (13.84, 13.92, 14.06, 14.54)),
    "transpose k=s": ((1.63, 1.64, 1.66, 1.75), (8.98, 8.98, 8.90, 9.21)),
    "conv3x3 d2s": ((5.19, 4.59, 4.81, 7.18), (1.39, 0.89, 0.90, 0.95)),
    "pad conv2x2 d2s crop": ((2.88, 2.72, 3.07, 4.04), (1.01, 0.72, 0.77, 0.95)),
    "conv1x1 d2s": ((0.92, 0.80, 0.82, 0.91), (0.57, 0.34, 0.33, 0.34)),
    "bilinear": ((0.42, 0.42, 0.42, 0.42), (0.62, 0.62, 0.62, 0.62)),
    "pad bilinear crop": ((0.97, 0.84, 0.97, 1.03), (0.84, 0.79, 0.88, 1.06)),
    "bilinear mul": ((0.82, 0.83, 0.82, 0.80), (1.10, 1.11, 1.11, 1.12)),
    "chain": ((0.43, 0.55, 0.57, 0.63), (0.62, 0.81, 0.82, 0.83)),
    "nearest": ((0.92, 0.92, 0.92, 0.92), (0.89, 0.89, 0.89, 0.89)),
}


@pytest.mark.parametrize("stride", STRIDES)
@pytest.mark.parametrize("dtype", ["float32", "int8"])
def test_xnnpack_orders_forms_as_measured(dtype: str, stride: int) -> None:
    ops = forms(dtype, stride)
    column = STRIDES.index(stride)
    measured = {name: times[dtype == "int8"][column] for name, times in MEASURED.items()}
    predicted = {name: predicted_ms(ops[name], "xnnpack") for name in measured}
    for one, other in combinations(measured, 2):
        quick, slow = sorted((one, other), key=measured.__getitem__)
        if measured[slow] > CLEAR * measured[quick]:
            assert predicted[quick] < predicted[slow], (quick, slow)


def test_a_rate_set_of_another_name_is_refused_with_the_nearest() -> None:
    with pytest.raises(ConfigError, match="did you mean 'xnnpack'"):
        predicted_ms([], "xnpack")


def test_every_set_names_its_source_and_counts_every_operator() -> None:
    unknown = [op("TANH", dtype, (8, 8, 2), (8, 8, 2)) for dtype in ("float32", "int8")]
    for name, rates in rate_sets().items():
        assert rates.source
        if not rates.target:
            assert all(predicted_ms([one], name) > 0 for one in unknown)
