"""Google's Edge TPU (Coral), compiler 16."""

from __future__ import annotations

from edgeseg.converters.delegates.target import Rule, Target

from . import need
from .row import Rules, changed, each, never

_TABLE = "coral.ai/docs/edgetpu/models-intro, Supported operations (2021)"
_OLD = f"{_TABLE}; read in an older copy (dgist-datalab/Datalab_Intern 6b78cf3)"
_ISSUES = "github.com/google-coral/edgetpu"
_VERSION = f"{_OLD}; {_ISSUES}/issues/420, 396: version 3 is 'Operation version not supported'"
_SIZE = need.custom(
    "new sides of at most 256 (above, the compiler may leave it out for precision)",
    lambda op: max(op.output.shape[1:3]) <= 256,
)

_RULES: Rules = {
    "CONV_2D": Rule(_TABLE, limits=(need.KERNEL, need.BIAS, need.SAME_DILATION)),
    "DEPTHWISE_CONV_2D": Rule(_TABLE, limits=(need.KERNEL, need.BIAS, need.SAME_DILATION)),
    "FULLY_CONNECTED": Rule(_TABLE, limits=(need.KERNEL, need.BIAS)),
    "TRANSPOSE_CONV": Rule(
        f"{_TABLE}: from runtime 13; {_ISSUES}/issues/64, 684, 686: some are left out without a "
        "reason",
        versions=(1, 3),
        limits=(need.OUTPUT_SHAPE, need.KERNEL),
        remedy="--swap bilinear-legacy",
    ),
    "RESIZE_BILINEAR": Rule(
        f"{_VERSION}; issues/31: 128 maps, 512 does not",
        versions=(1, 2),
        limits=(need.SIZE, _SIZE),
        remedy="--swap bilinear-legacy, or --head coarse where it is the last layer",
    ),
    "RESIZE_NEAREST_NEIGHBOR": Rule(
        _VERSION,
        versions=(1, 2),
        limits=(need.SIZE, _SIZE),
        remedy="--swap nearest-legacy",
    ),
    **never("DEPTH_TO_SPACE", _TABLE, remedy="--swap keep or --swap bilinear-legacy"),
    "SPACE_TO_DEPTH": Rule(_TABLE),
    "SOFTMAX": Rule(
        _OLD,
        limits=(
            need.custom(
                "a single vector of at most 16000 numbers",
                lambda op: op.input is None or op.input.elements == op.input.shape[-1] <= 16000,
            ),
        ),
        remedy="--head coarse or --head full",
    ),
    **never("ARG_MAX", _TABLE, remedy="--head coarse"),
    **each("ADD SUB MUL MAXIMUM MINIMUM", Rule(_OLD)),
    **never("DIV", _TABLE, remedy="MUL by the reciprocal"),
    "CONCATENATION": Rule(_OLD, limits=(need.FUSED_NOTHING,)),
    "PAD": Rule(_OLD, limits=(need.PADDING, need.PADS_PIXELS_ONLY)),
    **never("PADV2 MIRROR_PAD", _TABLE, remedy="PAD with zeros"),
    "STRIDED_SLICE": Rule(_OLD, limits=(need.STEPS_OF_ONE, need.no_masks("ellipsis", "new_axis"))),
    "SLICE": Rule(_OLD),
    "RESHAPE": Rule(f"{_TABLE}; large ones may be left out"),
    "TRANSPOSE": Rule(
        f"{_ISSUES}/issues/242: not supported by compiler 14; issues/433: by 16, not always"
    ),
    **never("TILE", _TABLE, remedy="--swap nearest-legacy"),
    "MEAN": Rule(_OLD, limits=(need.AXES, need.OVER_PIXELS)),
    **each("AVERAGE_POOL_2D MAX_POOL_2D", Rule(_OLD, limits=(need.FUSED_NOTHING,))),
    **each("RELU RELU6 RELU_N1_TO_1 LOGISTIC TANH", Rule(_OLD)),
    **never("HARD_SWISH", _TABLE, remedy="an encoder with ReLU6 (MobileNetV2)"),
    **never("LEAKY_RELU", _TABLE, remedy="ReLU6"),
    "QUANTIZE": Rule(f"{_TABLE}: from runtime 13", remedy="--io int8"),
    **never("DEQUANTIZE", f"{_ISSUES}/issues/659", remedy="--io int8"),
    **never("CAST SHAPE", _TABLE),
    **each("PACK EXPAND_DIMS SQUEEZE SPLIT PRELU", Rule(_TABLE)),
}

EDGETPU = Target(
    name="edgetpu",
    title="Google Edge TPU (Coral)",
    about=(
        "An accelerator for 8-bit files, compiled by edgetpu_compiler. The first operator that it "
        "does not take ends its part: all behind it runs on the CPU. The compiler is closed; this "
        "table is its documentation and its issues."
    ),
    types=("int8", "uint8"),
    rules=changed(_RULES, unverified=True),
    listed=_TABLE,
    limits=(need.inner_dimensions(3),),
)
TARGETS = (EDGETPU,)
