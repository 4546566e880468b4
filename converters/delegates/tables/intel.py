"""Intel's NPU through LiteRT's OpenVINO plugin."""

from __future__ import annotations

from edgeseg.converters.delegates.target import Rule, Target

from .row import Rules, changed, each, never

_PLUGIN = (
    "LiteRT litert/vendors/intel_openvino/compiler/openvino_compiler_plugin.cc (00d9cae), "
    "kSupportedOps"
)
_RUN = f"{_PLUGIN}; an FCN-8 partitioned with LiteRT 2.3.0, 2026-11: 64 of 64 operators"

_LISTED = """
CONV_2D DEPTHWISE_CONV_2D TRANSPOSE_CONV FULLY_CONNECTED RESIZE_BILINEAR RESIZE_NEAREST_NEIGHBOR
DEPTH_TO_SPACE SOFTMAX ARG_MAX ADD SUB MUL DIV CONCATENATION PAD PADV2 MIRROR_PAD STRIDED_SLICE
SLICE RESHAPE TRANSPOSE MEAN AVERAGE_POOL_2D MAX_POOL_2D RELU HARD_SWISH LOGISTIC TANH LEAKY_RELU
PRELU GELU QUANTIZE DEQUANTIZE CAST PACK EXPAND_DIMS SPLIT MAXIMUM MINIMUM EXP LOG ABS SQRT RSQRT
SUM REDUCE_MAX
"""

_RULES: Rules = {
    **each(_LISTED, Rule(_RUN)),
    **never("SPACE_TO_DEPTH", _RUN, remedy="a convolution with stride"),
    "TILE": Rule(f"{_PLUGIN} in its version of 2026-08 (f674577)", unverified=True),
    **changed(
        never("RELU6", _RUN, remedy="an activation that fuses into the convolution"),
        unverified=True,
    ),
    **never("SHAPE", _RUN, remedy="edgeseg convert, which fixes every shape"),
}

INTEL = Target(
    name="intel-npu",
    title="Intel NPU, LiteRT's OpenVINO plugin",
    about=(
        "NPUs of Core Ultra. The plugin takes what its list names, without a look at shapes; "
        "OpenVINO compiles it. On CPUs with AMX, OpenVINO computes in bfloat16 unless told "
        "otherwise."
    ),
    types=("float32", "int8", "uint8", "int16"),
    rules=_RULES,
    listed=_RUN,
    compiler="intel",
)
TARGETS = (INTEL,)
