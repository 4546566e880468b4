"""The CPU: LiteRT with XNNPACK, and LiteRT's own kernels alone."""

from __future__ import annotations

from edgeseg.converters.delegates.target import Rule, Target
from . import need
from .row import each

_DELEGATE = (
    "LiteRT tflite/delegates/xnnpack/xnnpack_delegate.cc (9320c26); LiteRT 2.3.0 run 2026-11"
)
_KERNELS = "LiteRT 2.3.0, builtin kernels run 2026-11"
_FLOAT = ("float32",)
_TYPES = ("float32", "int8", "uint8")

_CONV = Rule(
    _DELEGATE, limits=(need.CONSTANT_WEIGHTS, need.constant(2, "the bias"), need.FUSES_RELU)
)
_ELEMENTWISE = Rule(_DELEGATE, limits=(need.FUSES_RELU,))

_XNNPACK = {
    **each("CONV_2D DEPTHWISE_CONV_2D FULLY_CONNECTED", _CONV),
    "TRANSPOSE_CONV": Rule(
        _DELEGATE,
        limits=(
            need.CONSTANT_SHAPE,
            need.CONSTANT_WEIGHTS,
            need.constant(3, "the bias"),
            need.FUSES_RELU,
        ),
        remedy="subpixel",
    ),
    "RESIZE_BILINEAR": Rule(_DELEGATE, limits=(need.rank_is(4), need.CONSTANT_SIZE)),
    "RESIZE_NEAREST_NEIGHBOR": Rule(
        _DELEGATE, runs=False, why="XNNPACK's delegate has no nearest resize", remedy="bilinear"
    ),
    "DEPTH_TO_SPACE": Rule(_DELEGATE, limits=(need.BLOCK_ABOVE_ONE,)),
    "SPACE_TO_DEPTH": Rule(_DELEGATE, types=_FLOAT, limits=(need.BLOCK_ABOVE_ONE,)),
    "SOFTMAX": Rule(_DELEGATE, types=_FLOAT, limits=(need.BETA_OF_ONE,), remedy="--head full"),
    "ARG_MAX": Rule(_DELEGATE, runs=False, remedy="--head coarse"),
    **each("ADD SUB MUL", _ELEMENTWISE),
    "DIV": Rule(_DELEGATE, types=_FLOAT, limits=(need.FUSES_RELU,)),
    "CONCATENATION": Rule(_DELEGATE, limits=(need.inputs_at_most(5),)),
    "PAD": Rule(_DELEGATE, limits=(need.CONSTANT_PADDING, need.PADDING_NOT_NEGATIVE)),
    "STRIDED_SLICE": Rule(
        _DELEGATE, limits=(need.CONSTANT_SLICE, need.STEP_OF_ONE, need.PLAIN_MASKS)
    ),
    "SLICE": Rule(_DELEGATE, limits=(need.CONSTANT_SLICE,)),
    "RESHAPE": Rule(_DELEGATE),
    "TRANSPOSE": Rule(_DELEGATE, limits=(need.CONSTANT_PERMUTATION,)),
    "MEAN": Rule(_DELEGATE, limits=(need.CONSTANT_AXES,)),
    "AVERAGE_POOL_2D": Rule(
        _DELEGATE, types=_FLOAT, limits=(need.FUSES_RELU, need.NOT_1X1_WITH_STRIDE)
    ),
    "MAX_POOL_2D": Rule(_DELEGATE, limits=(need.FUSES_RELU, need.NOT_1X1_WITH_STRIDE)),
    **each("RELU RELU6 RELU_N1_TO_1 HARD_SWISH", Rule(_DELEGATE, types=_FLOAT)),
    **each("LOGISTIC TANH LEAKY_RELU ELU", Rule(_DELEGATE)),
    "QUANTIZE": Rule(_DELEGATE),
    "DEQUANTIZE": Rule(_DELEGATE),
}

_EVERY = """
CONV_2D DEPTHWISE_CONV_2D TRANSPOSE_CONV FULLY_CONNECTED RESIZE_BILINEAR RESIZE_NEAREST_NEIGHBOR
DEPTH_TO_SPACE SPACE_TO_DEPTH SOFTMAX ARG_MAX ADD SUB MUL DIV CONCATENATION PAD PADV2 MIRROR_PAD
STRIDED_SLICE SLICE RESHAPE TRANSPOSE TILE MEAN AVERAGE_POOL_2D MAX_POOL_2D RELU RELU6 RELU_N1_TO_1
HARD_SWISH LOGISTIC TANH LEAKY_RELU ELU PRELU QUANTIZE DEQUANTIZE CAST SHAPE PACK UNPACK EXPAND_DIMS
SQUEEZE SPLIT MAXIMUM MINIMUM EXP LOG SQRT RSQRT NEG ABS SUM REDUCE_MAX GELU
"""

CPU = Target(
    name="cpu",
    title="CPU, LiteRT with XNNPACK",
    about=(
        "The default of LiteRT and TensorFlow Lite on Arm and x86. What XNNPACK does not take runs "
        "in LiteRT's own kernels, which are slower and partly on one thread."
    ),
    types=_TYPES,
    rules=_XNNPACK,
    listed=_DELEGATE,
    compiler="xnnpack",
    rates="xnnpack",
)
REFERENCE = Target(
    name="cpu-reference",
    title="CPU, LiteRT without XNNPACK",
    about="LiteRT's own kernels, the yardstick of every other target's numbers.",
    types=("float32", "int8", "uint8", "int16", "int32", "int64", "bool"),
    rules=each(_EVERY, Rule(_KERNELS)),
    listed=_KERNELS,
    fallback="fails",
    rates="reference",
)
TARGETS = (CPU, REFERENCE)
