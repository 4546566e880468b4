"""Arm Ethos-U55, U65 and U85, as Vela 5.2.0 compiles for them."""

from __future__ import annotations

from edgeseg.converters.delegates.target import Rule, Target

from . import need
from .row import Rules, each, never

_VELA = "Vela 5.2.0 (2026), --supported-ops-report; each row compiled, 2026-11"
_SEEN = "Vela 5.2.0, compiled 2026-11; its report says less"
_FLOAT = "--int8: Ethos-U computes integers only"
_SUBPIXEL = "--swap subpixel-reshape"

_MAPS = ("int8", "uint8", "int16")
_POOL_55 = need.either(need.stride_at_most(3), need.ADDS_NO_PADDING)

_BOTH: Rules = {
    **each("ADD SUB MUL MINIMUM MAXIMUM", Rule(_VELA)),
    "CONCATENATION": Rule(_VELA),
    **each("PAD PADV2", Rule(_VELA, limits=(need.PADDING,))),
    "MIRROR_PAD": Rule(_VELA, limits=(need.PADDING,)),
    **each("STRIDED_SLICE SLICE", Rule(_VELA, limits=(need.ALL_CONSTANT,))),
    **each("RESHAPE EXPAND_DIMS SQUEEZE", Rule(_VELA)),
    "TRANSPOSE": Rule(_VELA, limits=(need.PERMUTATION, need.rank_at_most(8))),
    "TILE": Rule(_VELA),
    "SOFTMAX": Rule(
        f"{_SEEN}: it accepts 65536 pixels, the report asks for fewer",
        limits=(need.pixels_at_most(65536),),
        remedy="--head coarse or --head full: neither needs a SOFTMAX",
    ),
    "MEAN": Rule(
        _VELA,
        limits=(need.AXES, need.BATCH_OF_ONE, need.NOT_OVER_CHANNELS),
        remedy="a 1x1 convolution for a mean over channels",
    ),
    "FULLY_CONNECTED": Rule(_VELA, limits=(need.BIAS,)),
    **each(
        "RELU RELU6 RELU_N1_TO_1 RELU_0_TO_1 LOGISTIC TANH LEAKY_RELU PRELU ABS",
        Rule(_VELA),
    ),
    "HARD_SWISH": Rule(
        f"{_VELA}; a float one fails the whole file", types=("int8", "uint8"), remedy=_FLOAT
    ),
    **each("PACK UNPACK SPLIT SPLIT_V", Rule(_VELA)),
    "QUANTIZE": Rule(
        _VELA,
        remedy="--io int8: the camera's pixels are turned into int8 before the network at no cost",
    ),
    **never("DEQUANTIZE", _VELA, remedy="--io int8: edgeseg decodes int8 logits"),
    **never("DEPTH_TO_SPACE", _VELA, remedy=_SUBPIXEL),
    **never("SPACE_TO_DEPTH", _VELA, remedy="a convolution with stride"),
    **never("SHAPE", _VELA, remedy="edgeseg convert, which fixes every shape"),
}

_U55: Rules = {
    **_BOTH,
    "CONV_2D": Rule(
        f"{_SEEN}: stride above 3 also with 'same' padding that adds nothing",
        limits=(
            need.BIAS,
            need.either(need.stride_at_most(3), need.both(need.ADDS_NO_PADDING, need.NO_DILATION)),
        ),
        remedy="two convolutions with a smaller stride",
    ),
    "DEPTHWISE_CONV_2D": Rule(
        _VELA,
        limits=(need.BIAS, need.stride_at_most(3)),
        remedy="two convolutions with a smaller stride",
    ),
    "TRANSPOSE_CONV": Rule(
        f"{_VELA}; sum of absolute weights at most 8323072",
        limits=(need.constant(3, "bias"), need.stride(1, 2)),
        remedy=_SUBPIXEL,
    ),
    "RESIZE_BILINEAR": Rule(
        _VELA,
        limits=(
            need.either(
                need.FROM_ONE_PIXEL,
                need.both(need.NOT_HALF_PIXEL, need.factor(2, 4, 8)),
                need.factor(1, 2),
            ),
        ),
        remedy="--swap bilinear-chain or --swap transpose",
    ),
    "RESIZE_NEAREST_NEIGHBOR": Rule(
        _VELA,
        limits=(need.either(need.FROM_ONE_PIXEL, need.factor(1, 2, 4, 8)),),
        remedy="--swap nearest-chain",
    ),
    "ARG_MAX": Rule(
        f"{_VELA}; a float or int16 ARG_MAX fails the whole file",
        types=("int8", "uint8"),
        limits=(need.OVER_CHANNELS, need.channels_at_most(127)),
        remedy="--head coarse",
    ),
    "AVERAGE_POOL_2D": Rule(
        _VELA,
        limits=(need.either(need.ADDS_NO_PADDING, need.window_at_most(8)), _POOL_55),
        remedy="padding 'valid', or MEAN for a whole picture",
    ),
    "MAX_POOL_2D": Rule(_VELA, limits=(need.window_at_most(256), _POOL_55)),
    **never("DIV", _VELA, remedy="MUL by the reciprocal"),
    **never("CAST", _VELA, remedy="--head coarse: the class map is made behind the network"),
}

_U85: Rules = {
    **_BOTH,
    **each("CONV_2D DEPTHWISE_CONV_2D", Rule(_VELA, limits=(need.BIAS,))),
    "TRANSPOSE_CONV": Rule(
        f"{_VELA}; any stride, but its time grows with its square: 951 ms at 32",
        limits=(need.constant(3, "bias"),),
        remedy=_SUBPIXEL,
    ),
    "RESIZE_BILINEAR": Rule(
        _VELA,
        limits=(need.powers_of_two(1024), need.NOT_BOTH_FLAGS),
        remedy="--swap bilinear-chain or --swap transpose",
    ),
    "RESIZE_NEAREST_NEIGHBOR": Rule(
        _VELA,
        limits=(need.factors_at_most(1024), need.NOT_BOTH_FLAGS),
        remedy="--swap nearest-chain",
    ),
    "ARG_MAX": Rule(
        f"{_VELA}; a float or int16 ARG_MAX fails the whole file",
        types=("int8", "uint8"),
        remedy="--head coarse",
    ),
    "AVERAGE_POOL_2D": Rule(
        _VELA,
        limits=(need.either(need.ADDS_NO_PADDING, need.window_at_most(8)),),
        remedy="padding 'valid', or MEAN for a whole picture",
    ),
    "MAX_POOL_2D": Rule(_VELA, limits=(need.window_at_most(256),)),
    **each("DIV CAST", Rule(_VELA)),
}

_FAMILIES = (
    ("ethos-u55", "Arm Ethos-U55", (32, 64, 128, 256), _U55),
    ("ethos-u65", "Arm Ethos-U65", (256, 512), _U55),
    ("ethos-u85", "Arm Ethos-U85", (128, 256, 512, 1024, 2048), _U85),
)


def _target(family: str, title: str, macs: int, rules: Rules) -> Target:
    name = f"{family}-{macs}"
    return Target(
        name=name,
        title=f"{title}, {macs} MACs a cycle",
        about=(
            "An NPU for microcontrollers and small Linux systems. It takes integer files, which "
            "Vela compiles; what Vela leaves out runs on the CPU beside it, many times slower, and "
            "Vela still ends with code 0: count its CPU operators."
        ),
        types=_MAPS,
        rules=rules,
        listed=_VELA,
        compiler="vela",
        accelerator=name,
        rates=family,
    )


TARGETS = tuple(
    _target(family, title, macs, rules)
    for family, title, sizes, rules in _FAMILIES
    for macs in sizes
)
