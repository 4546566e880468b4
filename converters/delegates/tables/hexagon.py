"""Qualcomm's old Hexagon DSPs (660 to 690) through the Hexagon delegate."""

from __future__ import annotations

from edgeseg.converters.delegates.target import Rule, Target

from . import need
from .row import Rules, each, never

_CODE = "LiteRT tflite/delegates/hexagon/utils.cc (0ee43ba)"
_README = "LiteRT tflite/delegates/hexagon/README.md (7d88950)"
_TWO = (1, 2)

_ONE_KERNEL_SCALE = need.custom(
    "one scale for all of the kernel",
    lambda op: (need.tensor(op, 1) or op.output).scales <= 1,
)
_TALL = need.custom("a kernel at least 2 high", lambda op: need.kernel(op)[0] >= 2)
_UNDILATED = need.either(need.NO_DILATION, need.stride(1))

_RULES: Rules = {
    "CONV_2D": Rule(
        _CODE,
        versions=(1, 3),
        limits=(need.stride_at_most(3), need.NO_DILATION, need.FUSED_RELU),
    ),
    "DEPTHWISE_CONV_2D": Rule(
        _CODE,
        versions=(1, 3),
        limits=(need.stride_at_most(3), _UNDILATED, _TALL, need.FUSED_RELU),
    ),
    "FULLY_CONNECTED": Rule(
        _CODE, versions=(1, 4), limits=(need.BIAS, _ONE_KERNEL_SCALE, need.FUSED_RELU)
    ),
    "TRANSPOSE_CONV": Rule(
        f"{_CODE}, {_README}",
        versions=(1, 3),
        limits=(need.OUTPUT_SHAPE, need.stride_at_most(3)),
        remedy="--swap subpixel",
    ),
    "RESIZE_BILINEAR": Rule(
        f"{_README}: requested size at most 65 (b/143105433); {_CODE} does not check it",
        versions=(1, 3),
        limits=(need.SIZE, need.new_sides_at_most(65)),
        remedy="--head coarse where it is the last layer",
    ),
    "RESIZE_NEAREST_NEIGHBOR": Rule(_CODE, versions=(1, 3), limits=(need.SIZE,)),
    **each("DEPTH_TO_SPACE SPACE_TO_DEPTH", Rule(_CODE, versions=_TWO)),
    "SOFTMAX": Rule(_CODE, versions=_TWO),
    "ARG_MAX": Rule(_CODE, versions=_TWO),
    **each("ADD SUB MUL", Rule(_CODE, versions=_TWO, limits=(need.FUSED_RELU,))),
    **each("MAXIMUM MINIMUM CONCATENATION PACK", Rule(_CODE, versions=_TWO)),
    "PAD": Rule(_CODE, versions=_TWO, limits=(need.PADDING,)),
    "MIRROR_PAD": Rule(_CODE, versions=_TWO, limits=(need.PADDING,)),
    "STRIDED_SLICE": Rule(
        _CODE,
        versions=_TWO,
        limits=(need.ALL_CONSTANT, need.no_masks("ellipsis", "new_axis")),
    ),
    "SLICE": Rule(_CODE, versions=_TWO, limits=(need.ALL_CONSTANT,)),
    "RESHAPE": Rule(_CODE, versions=(1, 1)),
    "TRANSPOSE": Rule(_CODE, versions=_TWO),
    "MEAN": Rule(_CODE, versions=_TWO, limits=(need.AXES,)),
    "AVERAGE_POOL_2D": Rule(_CODE, versions=_TWO, limits=(need.FUSED_NOTHING,)),
    "MAX_POOL_2D": Rule(
        _CODE,
        versions=_TWO,
        limits=(need.FUSED_NOTHING, need.either(need.ADDS_NO_PADDING, need.window_at_most(12))),
    ),
    "RELU": Rule(_CODE, versions=(2, 2)),
    **each("RELU6 LOGISTIC TANH", Rule(_CODE, versions=_TWO)),
    "HARD_SWISH": Rule(_CODE, versions=(1, 1)),
    "QUANTIZE": Rule(_CODE, versions=_TWO, remedy="--io int8"),
    **never("DEQUANTIZE", _CODE, remedy="--io int8"),
    **never("TILE", _CODE, remedy="--swap nearest-resize"),
    **never("DIV", _CODE, remedy="MUL by the reciprocal"),
    **never("PADV2 LEAKY_RELU RELU_N1_TO_1 CAST SHAPE", _CODE),
}

HEXAGON = Target(
    name="hexagon",
    title="Qualcomm Hexagon, the old delegate",
    about=(
        "DSPs of Snapdragon before the HTP. Quantized files only; the delegate is no longer "
        "developed, newer chips take `qnn`."
    ),
    types=("int8", "uint8"),
    rules=_RULES,
    listed=f"{_CODE}, {_README}",
    limits=(need.rank_at_most(4),),
)
TARGETS = (HEXAGON,)
