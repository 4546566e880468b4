"""Samsung's Exynos NPUs through LiteRT's plugin."""

from __future__ import annotations

from edgeseg.converters.delegates.target import Rule, Target

from . import need
from .row import Rules, changed, each, never

_PLUGIN = (
    "LiteRT litert/vendors/samsung/compiler/create_model.cc (08d678d); "
    "ai.google.dev/edge/litert/inference, Supported operators, Samsung NPU"
)
_NEWER = "LiteRT litert/vendors/samsung/compiler/builders/, files of 2026; "
_SHUFFLE = "--swap subpixel-reshape"

_LISTED = """
CONV_2D DEPTHWISE_CONV_2D FULLY_CONNECTED SPACE_TO_DEPTH SOFTMAX ADD SUB MUL DIV CONCATENATION PAD
PADV2 MIRROR_PAD STRIDED_SLICE SLICE RESHAPE TRANSPOSE MEAN AVERAGE_POOL_2D MAX_POOL_2D RELU
HARD_SWISH LOGISTIC CAST SPLIT MAXIMUM MINIMUM EXP ABS SQRT RSQRT SUM REDUCE_MAX REDUCE_MIN
"""
_IN_NEWER = """
RESIZE_NEAREST_NEIGHBOR ARG_MAX QUANTIZE DEQUANTIZE TANH LEAKY_RELU RELU6 RELU_N1_TO_1 GELU
"""

_RULES: Rules = {
    **each(_LISTED, Rule(_PLUGIN)),
    "TRANSPOSE_CONV": Rule(_PLUGIN, limits=(need.OUTPUT_SHAPE, need.KERNEL), remedy=_SHUFFLE),
    "RESIZE_BILINEAR": Rule(_PLUGIN, limits=(need.SIZE,)),
    **each(
        _IN_NEWER,
        Rule(f"{_NEWER}{_PLUGIN}: not in older plugins"),
    ),
    **never("DEPTH_TO_SPACE", _PLUGIN, "there is a builder for SPACE_TO_DEPTH only", _SHUFFLE),
    **never("TILE", _PLUGIN, remedy="--swap nearest-resize"),
    **never("SHAPE PACK EXPAND_DIMS", _PLUGIN, remedy="edgeseg convert, which fixes every shape"),
}

SAMSUNG = Target(
    name="samsung",
    title="Samsung Exynos NPU, LiteRT's plugin",
    about=(
        "NPUs of Exynos. The plugin offers the whole graph to the SDK (compiler_plugin.cc, "
        "01d971c): an operator without a builder fails the compilation, not only itself."
    ),
    types=("float32", "int8", "uint8", "int16"),
    rules=changed(_RULES, unverified=True),
    listed=_PLUGIN,
    fallback="fails",
)
TARGETS = (SAMSUNG,)
