"""VeriSilicon's NPUs (NXP i.MX8M Plus, Amlogic A311D) through the VX delegate."""

from __future__ import annotations

from edgeseg.converters.delegates.op import Op
from edgeseg.converters.delegates.target import Rule, Target

from . import need
from .row import Rules, each, never

_MAP = "VeriSilicon/tflite-vx-delegate op_map.cc (469adc0)"
_STATUS = f"{_MAP}, op_status.md (10085b3)"
_STATIC = "edgeseg convert, which fixes every shape"

_PLAIN = """
FULLY_CONNECTED SOFTMAX CONCATENATION SPACE_TO_DEPTH ADD SUB MUL DIV MAXIMUM MINIMUM PAD SLICE
RESHAPE TRANSPOSE MEAN AVERAGE_POOL_2D MAX_POOL_2D RELU RELU6 RELU_N1_TO_1 HARD_SWISH LOGISTIC TANH
LEAKY_RELU PRELU ELU EXP LOG NEG ABS SQRT RSQRT SUM REDUCE_MAX REDUCE_MIN SPLIT SQUEEZE EXPAND_DIMS
QUANTIZE DEQUANTIZE PACK UNPACK SHAPE DEPTH_TO_SPACE
"""


def _is_of_one_type(op: Op) -> bool:
    weights = need.tensor(op, 1)
    return weights is None or op.input is None or weights.dtype == op.input.dtype


_CONV = Rule(_MAP, limits=(need.custom("a kernel of the activations' type", _is_of_one_type),))
_RULES: Rules = {
    **each(_PLAIN, Rule(_MAP)),
    **each("CONV_2D DEPTHWISE_CONV_2D", _CONV),
    "TRANSPOSE_CONV": Rule(_MAP, limits=(need.OUTPUT_SHAPE,), remedy=_STATIC),
    **each("RESIZE_BILINEAR RESIZE_NEAREST_NEIGHBOR", Rule(_MAP, limits=(need.SIZE,))),
    "STRIDED_SLICE": Rule(_MAP, limits=(need.ALL_CONSTANT, need.no_masks("ellipsis", "new_axis"))),
    "ARG_MAX": Rule(
        f"{_MAP}: 'I8 input/I32 output is not supported'",
        types=("float32", "uint8"),
        remedy="--head coarse or --head full",
    ),
    **never("TILE", _STATUS, remedy="--swap nearest-resize"),
    **never("PADV2 MIRROR_PAD", _STATUS, remedy="PAD with zeros"),
    **never("CAST", _STATUS, remedy="--head coarse"),
}

VX = Target(
    name="vx",
    title="VeriSilicon NPU, VX delegate",
    about=(
        "NPUs of NXP i.MX8M Plus, Amlogic and others, through TIM-VX. They are made for 8-bit "
        "files; floats run in 16 bits and slowly."
    ),
    types=("int8", "uint8", "float32"),
    rules=_RULES,
    listed=_STATUS,
    limits=(need.rank_at_most(6),),
)
TARGETS = (VX,)
