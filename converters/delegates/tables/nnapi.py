"""Android's NNAPI delegate, by the Android API level of the device."""

from __future__ import annotations

from edgeseg.converters.delegates.target import Rule, Target

from . import need
from .row import FLOAT, Rules, each, never

_NNAPI = "LiteRT tflite/delegates/nnapi/nnapi_delegate.cc, Validate (5c8a6d4)"
_TYPES = ("float32", "int8", "uint8")
_FOUR = (need.rank_at_most(4),)


def _rules(level: int) -> Rules:
    flags = () if level > 29 else (need.LEGACY,)
    size = (need.SIZE, *flags)
    return {
        "CONV_2D": Rule(
            _NNAPI,
            versions=(1, 5),
            limits=(need.custom("a bias", lambda op: len(op.inputs) == 3),),
        ),
        "DEPTHWISE_CONV_2D": Rule(_NNAPI, versions=(1, 3)),
        "FULLY_CONNECTED": Rule(_NNAPI, versions=(1, 5)),
        "TRANSPOSE_CONV": Rule(
            _NNAPI,
            versions=(1, 4),
            limits=(need.OUTPUT_SHAPE, need.KERNEL),
            remedy="--swap subpixel",
        ),
        "RESIZE_BILINEAR": Rule(
            _NNAPI,
            versions=(1, 3),
            limits=(need.rank(4), *size),
            remedy="--swap transpose (exact inside), or --swap bilinear-legacy",
        ),
        "RESIZE_NEAREST_NEIGHBOR": Rule(
            _NNAPI, versions=(1, 3), limits=size, remedy="--swap nearest-legacy"
        ),
        "DEPTH_TO_SPACE": Rule(_NNAPI),
        "SPACE_TO_DEPTH": Rule(_NNAPI, versions=(1, 2)),
        "SOFTMAX": Rule(_NNAPI, versions=(1, 2), limits=_FOUR),
        "ARG_MAX": Rule(
            _NNAPI,
            versions=(1, 2),
            limits=(
                need.AXES,
                need.custom("class indices of int32", lambda op: op.output.dtype == "int32"),
            ),
        ),
        **each("ADD MUL", Rule(_NNAPI, versions=(1, 2), limits=_FOUR)),
        "SUB": Rule(_NNAPI, versions=(1, 3), limits=_FOUR),
        "DIV": Rule(
            _NNAPI, versions=(1, 1), types=FLOAT, limits=_FOUR, remedy="MUL by the reciprocal"
        ),
        "CONCATENATION": Rule(_NNAPI, versions=(1, 2), limits=(need.FUSED_NOTHING, *_FOUR)),
        **each("PAD PADV2", Rule(_NNAPI, versions=(1, 2))),
        **never(
            "MIRROR_PAD", _NNAPI, "it needs NNAPI feature level 7, later than 30", "PAD with zeros"
        ),
        "STRIDED_SLICE": Rule(_NNAPI, versions=(1, 2)),
        "SLICE": Rule(_NNAPI, versions=(1, 2)),
        "RESHAPE": Rule(_NNAPI, versions=(1, 1), limits=(need.NEW_SHAPE, *_FOUR)),
        "TRANSPOSE": Rule(_NNAPI, versions=(1, 2), limits=(need.PERMUTATION,)),
        "TILE": Rule(_NNAPI, versions=(1, 1), remedy="--swap nearest-legacy"),
        "MEAN": Rule(_NNAPI, versions=(1, 2), limits=_FOUR),
        "AVERAGE_POOL_2D": Rule(
            f"{_NNAPI}; quantized windows above 256 pixels only where an accelerator is named",
            versions=(1, 2),
            limits=(need.window_at_most(16),),
        ),
        "MAX_POOL_2D": Rule(_NNAPI, versions=(1, 2)),
        **each("RELU RELU6 RELU_N1_TO_1 LOGISTIC TANH", Rule(_NNAPI, versions=(1, 2))),
        "HARD_SWISH": Rule(_NNAPI),
        **each("LEAKY_RELU PRELU", Rule(_NNAPI, versions=(1, 1), remedy="ReLU6")),
        "QUANTIZE": _quantize(level),
        "DEQUANTIZE": _dequantize(level),
        "CAST": Rule(_NNAPI, versions=(1, 1), types=() if level > 29 else ("float32", "uint8")),
        **never("SHAPE", _NNAPI, remedy="edgeseg convert, which fixes every shape"),
        "PACK": _pack(level),
    }


def _quantize(level: int) -> Rule:
    if level > 29:
        return Rule(_NNAPI, versions=(1, 2))
    unsigned = need.custom("a result of uint8", lambda op: op.output.dtype == "uint8")
    return Rule(_NNAPI, versions=(1, 2), limits=(unsigned,), remedy="--io int8 or --io uint8")


def _dequantize(level: int) -> Rule:
    if level > 29:
        return Rule(_NNAPI, versions=(1, 2), types=("int8", "uint8"))
    return Rule(
        f"{_NNAPI}: int8 only with a zero point of 0",
        versions=(1, 2),
        types=("uint8",),
        remedy="--io int8",
    )


def _pack(level: int) -> Rule:
    if level > 29:
        return Rule(_NNAPI, versions=(1, 2), types=("float32", "int8"))
    return Rule(_NNAPI, runs=False, why="it needs Android API level 30")


def _target(level: int, android: int) -> Target:
    return Target(
        name=f"nnapi-{level}",
        title=f"Android NNAPI, API level {level} (Android {android})",
        about=(
            "Drivers of phone makers behind Android's NNAPI, deprecated since Android 15. The "
            "delegate refuses by these rules; a driver may refuse more, or run an operator on the "
            "CPU."
        ),
        types=_TYPES,
        rules=_rules(level),
        listed=_NNAPI,
    )


TARGETS = (_target(29, 10), _target(30, 11))
