"""Google Tensor's TPU (Pixel) through LiteRT's plugin."""

from __future__ import annotations

from edgeseg.converters.delegates.target import Rule, Target

from .row import Rules, each, never

_PLUGIN = (
    "LiteRT litert/vendors/google_tensor/compiler/compiler_plugin.cc (067f39f), kUnSupportedOps"
)

_NOT_EXCLUDED = """
CONV_2D DEPTHWISE_CONV_2D TRANSPOSE_CONV FULLY_CONNECTED RESIZE_BILINEAR RESIZE_NEAREST_NEIGHBOR
DEPTH_TO_SPACE SPACE_TO_DEPTH SOFTMAX ARG_MAX ADD SUB MUL DIV CONCATENATION PAD PADV2 MIRROR_PAD
STRIDED_SLICE SLICE RESHAPE TRANSPOSE TILE MEAN AVERAGE_POOL_2D MAX_POOL_2D RELU RELU6 RELU_N1_TO_1
HARD_SWISH LOGISTIC TANH LEAKY_RELU PRELU ELU GELU QUANTIZE DEQUANTIZE CAST PACK UNPACK EXPAND_DIMS
SQUEEZE SPLIT MAXIMUM MINIMUM EXP LOG NEG ABS SQRT RSQRT SUM REDUCE_MAX REDUCE_MIN
"""

_RULES: Rules = {
    **each(_NOT_EXCLUDED, Rule(f"{_PLUGIN}: not among them", unverified=True)),
    **never("SHAPE", _PLUGIN, remedy="edgeseg convert, which fixes every shape"),
}

GOOGLE_TENSOR = Target(
    name="google-tensor",
    title="Google Tensor TPU, LiteRT's plugin",
    about=(
        "Pixel phones from Tensor G3 on. The plugin names only what it refuses; what the closed "
        "compiler makes of the rest is not published. SHAPE is refused, so an open batch breaks it."
    ),
    types=("float32", "int8", "uint8", "int16"),
    rules=_RULES,
    listed=f"{_PLUGIN}: operators that edgeseg does not know are left out here",
)
TARGETS = (GOOGLE_TENSOR,)
