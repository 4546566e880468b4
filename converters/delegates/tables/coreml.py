"""Apple's Core ML, through the delegate of TensorFlow Lite."""

from __future__ import annotations

from edgeseg.converters.delegates.target import Rule, Target

from . import need
from .row import Rules, each, never

_DELEGATE = "LiteRT tflite/delegates/coreml/coreml_delegate.mm (470f4da)"
_BUILDERS = "LiteRT tflite/delegates/coreml/builders"
_CONV = f"{_BUILDERS}/convolution_op_builder.cc (40f384c)"
_ONCE = (1, 1)

_RULES: Rules = {
    "CONV_2D": Rule(
        _CONV, versions=_ONCE, limits=(need.KERNEL, need.BIAS, need.window_at_most(16384))
    ),
    "DEPTHWISE_CONV_2D": Rule(_CONV, versions=(1, 2), limits=(need.KERNEL, need.BIAS)),
    "TRANSPOSE_CONV": Rule(
        f"{_CONV}: three inputs, so no bias",
        versions=_ONCE,
        limits=(
            need.OUTPUT_SHAPE,
            need.KERNEL,
            need.window_at_most(16384),
            need.custom("no bias", lambda op: len(op.inputs) == 3),
        ),
        remedy="a Conv2DTranspose without bias",
    ),
    "FULLY_CONNECTED": Rule(_DELEGATE, versions=(1, 6), limits=(need.KERNEL,)),
    "RESIZE_BILINEAR": Rule(
        f"{_BUILDERS}/resize_bilinear_op_builder.cc (7d88950): it never reads half_pixel_centers",
        versions=_ONCE,
        limits=(need.SIZE, need.NOT_HALF_PIXEL),
        remedy="--swap transpose (exact inside), or --swap bilinear-legacy",
    ),
    **never("RESIZE_NEAREST_NEIGHBOR", _DELEGATE, remedy="--swap transpose"),
    **never("DEPTH_TO_SPACE SPACE_TO_DEPTH", _DELEGATE, remedy="--swap keep"),
    **never("ARG_MAX", _DELEGATE, remedy="--head coarse or --head full"),
    "SOFTMAX": Rule(_DELEGATE, versions=_ONCE, limits=(need.BETA_OF_ONE,)),
    **each(
        "ADD MUL",
        Rule(f"{_BUILDERS}/util.cc (1464fed)", versions=_ONCE, limits=(need.rank_at_most(4),)),
    ),
    **never("SUB", _DELEGATE, remedy="ADD of the negative"),
    **never("DIV", _DELEGATE, remedy="MUL by the reciprocal"),
    "CONCATENATION": Rule(
        f"{_BUILDERS}/concatenation_op_builder.cc (7d88950)",
        versions=_ONCE,
        limits=(need.rank(3, 4), need.JOINS_CHANNELS, need.FUSED_NOTHING),
    ),
    **each(
        "PAD PADV2",
        Rule(
            f"{_BUILDERS}/pad_op_builder.cc (63b449e)",
            versions=_ONCE,
            limits=(need.PADDING, need.PADS_PIXELS_ONLY),
        ),
    ),
    "MIRROR_PAD": Rule(
        f"{_BUILDERS}/pad_op_builder.cc (63b449e)",
        versions=_ONCE,
        limits=(need.PADDING, need.PADS_PIXELS_ONLY, need.REFLECTS),
    ),
    **never(
        "RESHAPE",
        f"{_BUILDERS}/reshape_op_builder.cc (7d88950)",
        "it has no RESHAPE with coreml_version 3, the default",
    ),
    **never("STRIDED_SLICE SLICE", _DELEGATE, remedy="a form without a crop: --swap keep"),
    **never("TRANSPOSE", _DELEGATE),
    **never("TILE", _DELEGATE, remedy="--swap transpose"),
    "MEAN": Rule(
        f"{_BUILDERS}/pooling_layer_builder.cc (2836dc7)",
        versions=_ONCE,
        limits=(need.OVER_PIXELS, need.KEEPS_DIMENSIONS),
        remedy="GlobalAveragePooling2D(keepdims=True)",
    ),
    **each(
        "AVERAGE_POOL_2D MAX_POOL_2D",
        Rule(_DELEGATE, versions=_ONCE, limits=(need.FUSED_NOTHING,)),
    ),
    **each("RELU RELU_N1_TO_1 RELU6 HARD_SWISH LOGISTIC TANH", Rule(_DELEGATE, versions=_ONCE)),
    **never("LEAKY_RELU", _DELEGATE, remedy="ReLU"),
    **never("QUANTIZE DEQUANTIZE", _DELEGATE, "it takes float files only", "--float32 or --fp16"),
    **never("CAST SHAPE PACK", _DELEGATE),
}

COREML = Target(
    name="coreml",
    title="Apple Core ML delegate",
    about=(
        "iPhones and iPads with a Neural Engine. It takes version 1 of most operators, so float "
        "files alone, and it refuses the half-pixel resize that Keras makes, while it takes the "
        "transposed convolution."
    ),
    types=("float32",),
    rules=_RULES,
    listed=_DELEGATE,
)
TARGETS = (COREML,)
