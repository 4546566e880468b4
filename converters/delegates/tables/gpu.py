"""GPUs through LiteRT: ML Drift in the CompiledModel, and the older delegate of TensorFlow Lite."""

from __future__ import annotations

from edgeseg.converters.delegates.op import Op
from edgeseg.converters.delegates.target import Rule, Target

from . import need
from .row import Rules, each, never

_GPU = (
    "LiteRT 2.3.0, libLiteRtWebGpuAccelerator: each row run on SwiftShader, numbers compared, "
    "2026-11; tflite/tools/versioning/gpu_compatibility.cc (0072264)"
)
_PADDED = (
    "LiteRT 2.3.0 on SwiftShader, 2026-11: 500 shapes; the cause stands in LiteRT "
    "tflite/delegates/gpu/common/operations.cc (174e47d), CalculateSamePadding of "
    "ConvolutionTransposedAttributes: it counts as for a convolution of the input"
)
_SUBPIXEL = "--swap subpixel"
_TEXTURE = 8192


def _is_padded_right(op: Op) -> bool:
    """Whether the delegate's 'same' padding of a transposed convolution is the right one.

    It takes the padding that a convolution with this kernel and stride would have on the *input*,
    max(k - r, 0) with r = (side - 1) mod s + 1, where max(k - s, 0) is right; half of it goes
    before. Where the halves differ, all of the output is shifted, and nothing is said.
    """
    if op.input is None or op.option("padding") != "same":
        return True
    sides = zip(op.input.shape[1:3], need.kernel(op), need.strides(op), strict=True)
    return all(max(k - ((side - 1) % s + 1), 0) // 2 == max(k - s, 0) // 2 for side, k, s in sides)


def _fits_texture(op: Op) -> bool:
    """Weights lie in a texture of kh * kw * ceil(Cin / 4) rows; WebGPU grants 8192."""
    weights = need.tensor(op, 1)
    if weights is None:
        return True
    _, height, width, channels = weights.shape
    return height * width * -(-channels // 4) <= _TEXTURE


_PADDED_RIGHT = need.custom(
    "an input side that is a multiple of the stride, or one less with k - s even "
    "(else its output is silently shifted)",
    _is_padded_right,
)
_TEXTURE_ROWS = need.custom(
    f"kh * kw * ceil(Cin / 4) of at most {_TEXTURE} (else its output is silently garbage)",
    _fits_texture,
)
_TANH = need.fused(*need.RELUS, "tanh")
_PADS = (need.PADDING, need.rank(3, 4))

_RULES: Rules = {
    **each("CONV_2D DEPTHWISE_CONV_2D", Rule(_GPU, limits=(_TANH,))),
    "FULLY_CONNECTED": Rule(_GPU, types=("float32", "int8")),
    "TRANSPOSE_CONV": Rule(
        _PADDED,
        versions=(1, 3),
        limits=(need.OUTPUT_SHAPE, _PADDED_RIGHT, _TEXTURE_ROWS),
        remedy=_SUBPIXEL,
    ),
    "RESIZE_BILINEAR": Rule(_GPU, versions=(1, 3), limits=(need.SIZE, need.NOT_BOTH_FLAGS)),
    "RESIZE_NEAREST_NEIGHBOR": Rule(_GPU, versions=(1, 3), limits=(need.SIZE,)),
    **each("DEPTH_TO_SPACE SPACE_TO_DEPTH", Rule(_GPU, limits=(need.BLOCK_ABOVE_ONE,))),
    "SOFTMAX": Rule(_GPU, limits=(need.BETA_OF_ONE,)),
    "ARG_MAX": Rule(f"{_GPU}, which lacks it: the older delegate has none", limits=(need.AXES,)),
    **each("ADD SUB MUL DIV MAXIMUM MINIMUM", Rule(_GPU)),
    "CONCATENATION": Rule(_GPU),
    **each("PAD PADV2", Rule(_GPU, limits=_PADS)),
    "MIRROR_PAD": Rule(_GPU, limits=(*_PADS, need.REFLECTS)),
    "STRIDED_SLICE": Rule(_GPU, limits=(need.rank(3, 4), need.PLAIN_MASKS)),
    "SLICE": Rule(_GPU, limits=(need.rank(3, 4),)),
    "RESHAPE": Rule(_GPU, limits=(need.NEW_SHAPE,)),
    "TRANSPOSE": Rule(_GPU, limits=(need.PERMUTATION,)),
    "TILE": Rule(_GPU, remedy="--swap nearest-resize"),
    "MEAN": Rule(_GPU, limits=(need.AXES,)),
    **each("AVERAGE_POOL_2D MAX_POOL_2D", Rule(_GPU, limits=(_TANH,))),
    **each("RELU RELU6 RELU_N1_TO_1 HARD_SWISH LOGISTIC TANH LEAKY_RELU PRELU ELU", Rule(_GPU)),
    **each("ABS EXP GELU LOG NEG RSQRT SQRT SUM REDUCE_MAX SPLIT", Rule(_GPU)),
    **each("QUANTIZE DEQUANTIZE", Rule(_GPU)),
    "CAST": Rule(
        f"{_GPU}; int8 becomes its real value, not its integer", types=("float32", "int32")
    ),
    **never("SHAPE", _GPU, remedy="edgeseg convert, which fixes every shape"),
    "PACK": Rule(_GPU),
}

GPU = Target(
    name="gpu",
    title="GPU, LiteRT's ML Drift",
    about=(
        "Phones and PCs with OpenCL, Metal, Vulkan or WebGPU. It computes in floats; int8 files "
        "run, at no gain. It can be silently wrong while is_fully_accelerated() is True: compare "
        "its numbers, as `edgeseg check` does."
    ),
    types=("float32", "int8", "uint8"),
    rules=_RULES,
    listed=_GPU,
    limits=(need.rank_at_most(4),),
    compiler="gpu",
)
TARGETS = (GPU,)
