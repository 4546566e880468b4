"""NXP's eIQ Neutron (i.MX95, i.MX943, i.MX RT700, MCX N)."""

from __future__ import annotations

from edgeseg.converters.delegates.target import Rule, Target

from . import need
from .row import Rules, changed, each, never

_FOLDER = (
    "pytorch/executorch backends/nxp/backend/ir/converter/node_converters/ops_converters/ "
    "(144ce1b): NXP's own list for the same compiler"
)
_SHUFFLE = "--swap subpixel-reshape or --swap bilinear-chain"

_RULES: Rules = {
    **each("CONV_2D DEPTHWISE_CONV_2D", Rule(_FOLDER, limits=(need.KERNEL, need.BATCH_OF_ONE))),
    "FULLY_CONNECTED": Rule(_FOLDER),
    **never(
        "TRANSPOSE_CONV",
        f"{_FOLDER}, convolution_converter.py; executorch PR 20807 (2026-07) adds it",
        "only the newest converter takes transposed convolutions",
        _SHUFFLE,
    ),
    "RESIZE_BILINEAR": Rule(
        f"{_FOLDER}, upsample_bilinear2d_converter.py",
        limits=(need.SIZE, need.factors_in(1, 2, 4, 8), need.NOT_BOTH_FLAGS),
        remedy="--swap bilinear-chain",
    ),
    "RESIZE_NEAREST_NEIGHBOR": Rule(
        f"{_FOLDER}, upsample_nearest2d_converter.py",
        limits=(need.SIZE, need.factors_in(1, 2, 4, 8), need.NOT_BOTH_FLAGS),
        remedy="--swap nearest-chain",
    ),
    **never("DEPTH_TO_SPACE SPACE_TO_DEPTH", _FOLDER, "no converter is known", _SHUFFLE),
    **never("ARG_MAX", _FOLDER, remedy="--head coarse or --head full"),
    **each("ADD SUB MUL MAXIMUM MINIMUM", Rule(_FOLDER)),
    "CONCATENATION": Rule(_FOLDER),
    "PAD": Rule(_FOLDER, limits=(need.PADDING,)),
    **each("STRIDED_SLICE SLICE", Rule(_FOLDER, limits=(need.ALL_CONSTANT,))),
    **each("RESHAPE TRANSPOSE", Rule(_FOLDER)),
    "SOFTMAX": Rule(_FOLDER, remedy="--head coarse or --head full"),
    "MEAN": Rule(_FOLDER, limits=(need.AXES,)),
    **each("AVERAGE_POOL_2D MAX_POOL_2D", Rule(_FOLDER)),
    **each(
        "RELU RELU6 RELU_N1_TO_1 HARD_SWISH LOGISTIC TANH LEAKY_RELU PRELU ABS EXP LOG NEG RSQRT",
        Rule(_FOLDER),
    ),
    **each("QUANTIZE DEQUANTIZE", Rule(_FOLDER, remedy="--io int8")),
    **never("TILE", _FOLDER, remedy="--swap nearest-resize or --swap nearest-chain"),
    **never("DIV", _FOLDER, remedy="MUL by the reciprocal"),
    **never("CAST SHAPE PACK PADV2 MIRROR_PAD", _FOLDER),
}

NEUTRON = Target(
    name="neutron",
    title="NXP eIQ Neutron",
    about=(
        "NPUs of i.MX95, i.MX943, i.MX RT700 and MCX N. The neutron-converter makes NeutronGraph "
        "operators out of an int8 file before it goes to the board, and leaves the rest to the "
        "CPU; large pictures can make it leave more (community.toradex.com/t/29531)."
    ),
    types=("int8", "uint8"),
    rules=changed(_RULES, unverified=True),
    listed=_FOLDER,
)
TARGETS = (NEUTRON,)
