"""The CPU: LiteRT with XNNPACK, and LiteRT's own kernels alone."""

from __future__ import annotations

from edgeseg.converters.delegates.target import Rule, Target

from . import need
from .row import FLOAT, each, never

_XNNPACK = (
    "LiteRT tflite/delegates/xnnpack/README.md (3a653aa) and xnnpack_delegate.cc (9320c26); "
    "each row run in LiteRT 2.3.0 on x86, 2026-11"
)
_RESERVED = (
    f"{_XNNPACK}; it reserves 8 bytes for each output pixel and kernel tap, 8.6 GB for an FCN-32 "
    "at 512x512: where the system does not grant that, the file does not load (run in 2026-11)"
)
_KERNELS = "LiteRT 2.3.0: each row run with the builtin kernels alone on x86, 2026-11"
_STATIC = "edgeseg convert, which fixes the batch at 1, so that the output shape is a constant"

_CONV = Rule(_XNNPACK, limits=(need.KERNEL, need.BIAS, need.FUSED_RELU))
_RULES = {
    **each("CONV_2D DEPTHWISE_CONV_2D FULLY_CONNECTED", _CONV),
    "TRANSPOSE_CONV": Rule(
        _RESERVED,
        limits=(need.OUTPUT_SHAPE, need.KERNEL, need.constant(3, "bias"), need.FUSED_RELU),
        remedy=_STATIC,
    ),
    "RESIZE_BILINEAR": Rule(_XNNPACK, limits=(need.rank(4), need.SIZE)),
    **never(
        "RESIZE_NEAREST_NEIGHBOR", _XNNPACK, remedy="--head coarse or --swap keep: it is cheap"
    ),
    **each("DEPTH_TO_SPACE SPACE_TO_DEPTH", Rule(_XNNPACK, limits=(need.BLOCK_ABOVE_ONE,))),
    "SOFTMAX": Rule(_XNNPACK, types=FLOAT, limits=(need.BETA_OF_ONE,), remedy="--head full"),
    **never("ARG_MAX", _XNNPACK, remedy="--head coarse"),
    **each("ADD SUB MUL", Rule(_XNNPACK, limits=(need.FUSED_RELU,))),
    "DIV": Rule(_XNNPACK, types=FLOAT, limits=(need.FUSED_RELU,), remedy="MUL by the reciprocal"),
    "CONCATENATION": Rule(
        _XNNPACK, limits=(need.inputs_at_most(5),), remedy="two CONCATENATIONs, one after the other"
    ),
    "PAD": Rule(_XNNPACK, limits=(need.PADDING, need.PADDING_NOT_NEGATIVE)),
    **never("PADV2 MIRROR_PAD", _XNNPACK, remedy="PAD with zeros"),
    "STRIDED_SLICE": Rule(
        _XNNPACK, limits=(need.ALL_CONSTANT, need.STEPS_OF_ONE, need.PLAIN_MASKS)
    ),
    "SLICE": Rule(_XNNPACK, limits=(need.ALL_CONSTANT,)),
    "RESHAPE": Rule(_XNNPACK, limits=(need.NEW_SHAPE,)),
    "TRANSPOSE": Rule(_XNNPACK, limits=(need.PERMUTATION,)),
    **never("TILE", _XNNPACK, remedy="--swap nearest-resize or --swap bilinear"),
    "MEAN": Rule(_XNNPACK, limits=(need.AXES,)),
    "AVERAGE_POOL_2D": Rule(
        _XNNPACK,
        types=FLOAT,
        limits=(need.FUSED_RELU, need.NO_STRIDE_FOR_1X1),
        remedy="MEAN for a whole picture, DEPTHWISE_CONV_2D for a window",
    ),
    "MAX_POOL_2D": Rule(_XNNPACK, limits=(need.FUSED_RELU, need.NO_STRIDE_FOR_1X1)),
    **each(
        "RELU RELU6 RELU_N1_TO_1",
        Rule(_XNNPACK, types=FLOAT, remedy="an activation that fuses into the layer before"),
    ),
    "HARD_SWISH": Rule(_XNNPACK, types=FLOAT, remedy="an encoder with ReLU6 (MobileNetV2)"),
    **each("LOGISTIC TANH LEAKY_RELU", Rule(_XNNPACK)),
    **each("ABS EXP GELU MAXIMUM MINIMUM NEG PRELU RSQRT SQRT", Rule(_XNNPACK, types=FLOAT)),
    **each("QUANTIZE DEQUANTIZE", Rule(_XNNPACK)),
    **never("CAST SHAPE PACK", _XNNPACK),
}

_ALL = """
CONV_2D DEPTHWISE_CONV_2D TRANSPOSE_CONV FULLY_CONNECTED RESIZE_BILINEAR RESIZE_NEAREST_NEIGHBOR
SOFTMAX ADD SUB MUL DIV CONCATENATION PAD PADV2 MIRROR_PAD STRIDED_SLICE SLICE RESHAPE TRANSPOSE
TILE MEAN AVERAGE_POOL_2D MAX_POOL_2D RELU RELU6 RELU_N1_TO_1 LOGISTIC TANH LEAKY_RELU ELU PRELU
QUANTIZE DEQUANTIZE CAST SHAPE PACK UNPACK EXPAND_DIMS SQUEEZE SPLIT MAXIMUM MINIMUM EXP LOG SQRT
RSQRT NEG ABS SUM REDUCE_MAX REDUCE_MIN GELU GATHER
"""
_NOT_INT16 = "DEPTH_TO_SPACE SPACE_TO_DEPTH ARG_MAX HARD_SWISH"

CPU = Target(
    name="cpu",
    title="CPU, LiteRT with XNNPACK",
    about=(
        "The default of LiteRT and TensorFlow Lite on Arm and x86. What XNNPACK does not take runs "
        "in LiteRT's own kernels on the same cores: right, but slower, and some on one thread."
    ),
    types=("float32", "int8", "uint8"),
    rules=_RULES,
    listed=_XNNPACK,
    compiler="xnnpack",
    rates="xnnpack",
)
REFERENCE = Target(
    name="cpu-reference",
    title="CPU, LiteRT without XNNPACK",
    about="LiteRT's own kernels alone: slow, and the yardstick of every other target's numbers.",
    types=("float32", "int8", "uint8", "int16", "int32", "int64", "bool"),
    rules={
        **each(_ALL, Rule(_KERNELS)),
        **each(_NOT_INT16, Rule(_KERNELS, types=("float32", "int8", "uint8", "int32"))),
    },
    listed=_KERNELS,
    fallback="fails",
    rates="builtin",
)
TARGETS = (CPU, REFERENCE)
