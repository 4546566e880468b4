"""MediaTek's NPUs through LiteRT's Neuron plugin."""

from __future__ import annotations

from edgeseg.converters.delegates.target import Rule, Target

from . import need
from .row import Rules, changed, each, never

_PLUGIN = (
    "LiteRT litert/vendors/mediatek/compiler/MediaTek_Neuro_Compiler.md (1551136) and "
    "compiler_plugin.cc (07d751e); the SDK may refuse more"
)
_SHUFFLE = "--swap subpixel-reshape"

_LISTED = """
CONV_2D DEPTHWISE_CONV_2D FULLY_CONNECTED SOFTMAX ADD SUB MUL DIV CONCATENATION PAD PADV2 SLICE
RESHAPE TRANSPOSE TILE MEAN AVERAGE_POOL_2D MAX_POOL_2D RELU HARD_SWISH LOGISTIC TANH LEAKY_RELU
PRELU GELU QUANTIZE DEQUANTIZE CAST UNPACK SPLIT MAXIMUM MINIMUM ABS SQRT RSQRT SUM REDUCE_MAX
"""

_RULES: Rules = {
    **each(_LISTED, Rule(_PLUGIN)),
    "TRANSPOSE_CONV": Rule(
        f"{_PLUGIN}; MediaTek's MDLA 2.0 guidelines: kernels up to 16, strides 1, 2, 3, 4, 8",
        limits=(
            need.OUTPUT_SHAPE,
            need.KERNEL,
            need.window_at_most(16),
            need.stride(1, 2, 3, 4, 8),
        ),
        remedy=_SHUFFLE,
    ),
    **each("RESIZE_BILINEAR RESIZE_NEAREST_NEIGHBOR", Rule(_PLUGIN, limits=(need.SIZE,))),
    "STRIDED_SLICE": Rule(_PLUGIN, limits=(need.no_masks("ellipsis", "new_axis"),)),
    **never("DEPTH_TO_SPACE", _PLUGIN, "the plugin's list lacks it", _SHUFFLE),
    **never("SPACE_TO_DEPTH", _PLUGIN, remedy="a convolution with stride"),
    **never("ARG_MAX", _PLUGIN, remedy="--head coarse or --head full"),
    **never("RELU6 RELU_N1_TO_1", _PLUGIN, remedy="an activation that fuses into the convolution"),
    **never("MIRROR_PAD", _PLUGIN, remedy="PAD with zeros"),
    **never("SHAPE PACK EXPAND_DIMS", _PLUGIN, remedy="edgeseg convert, which fixes every shape"),
}

MEDIATEK = Target(
    name="mediatek",
    title="MediaTek NPU, LiteRT's Neuron plugin",
    about=(
        "NPUs of Dimensity and Genio. The plugin's list decides what it is offered; what is not in "
        "it runs on the CPU. The limits on kernels are those of MDLA 2.0, the strictest."
    ),
    types=("float32", "int8", "uint8", "int16"),
    rules=changed(_RULES, unverified=True),
    listed=_PLUGIN,
)
TARGETS = (MEDIATEK,)
