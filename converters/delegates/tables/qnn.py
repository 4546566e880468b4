"""Qualcomm's HTP (Hexagon NPU) through LiteRT's QNN plugin."""

from __future__ import annotations

from edgeseg.converters.delegates.target import Rule, Target

from . import need
from .row import Rules, each, never

_LIST = (
    "ai.google.dev/edge/litert/inference, Supported operators, Qualcomm NPU; LiteRT "
    "litert/vendors/qualcomm/compiler/qnn_compose_graph.cc (8c7e6a8); the SDK's own is closed"
)

_LISTED = """
CONV_2D DEPTHWISE_CONV_2D FULLY_CONNECTED RESIZE_BILINEAR RESIZE_NEAREST_NEIGHBOR DEPTH_TO_SPACE
SPACE_TO_DEPTH SOFTMAX ARG_MAX ADD SUB MUL DIV CONCATENATION PAD PADV2 MIRROR_PAD STRIDED_SLICE
SLICE RESHAPE TRANSPOSE TILE MEAN AVERAGE_POOL_2D MAX_POOL_2D RELU RELU6 RELU_N1_TO_1 HARD_SWISH
LOGISTIC TANH LEAKY_RELU PRELU ELU GELU QUANTIZE DEQUANTIZE CAST PACK UNPACK SPLIT MAXIMUM MINIMUM
EXP LOG NEG ABS SQRT RSQRT SUM REDUCE_MAX REDUCE_MIN
"""

_RULES: Rules = {
    **each(_LISTED, Rule(_LIST, unverified=True)),
    "TRANSPOSE_CONV": Rule(
        "LiteRT litert/vendors/qualcomm/core/builders/transpose_conv_op_builder.cc: the bias is "
        "forced to one scale; github.com/tensorflow/tensorflow/issues/76624: with one scale for "
        "the kernel it fell to the CPU",
        limits=(need.OUTPUT_SHAPE, need.KERNEL),
        remedy="--swap subpixel",
        unverified=True,
    ),
    **never("SHAPE EXPAND_DIMS SQUEEZE", _LIST, remedy="edgeseg convert, which fixes every shape"),
}

QNN = Target(
    name="qnn",
    title="Qualcomm HTP, LiteRT's QNN plugin",
    about=(
        "NPUs of Snapdragon. LiteRT's plugin knows nearly every operator; whether the HTP takes a "
        "certain shape or type, Qualcomm's SDK decides when it compiles."
    ),
    types=("float32", "int8", "uint8", "int16"),
    rules=_RULES,
    listed=_LIST,
)
TARGETS = (QNN,)
