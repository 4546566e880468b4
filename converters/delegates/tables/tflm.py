"""Microcontrollers: TensorFlow Lite Micro, and its kernels from CMSIS-NN."""

from __future__ import annotations

from dataclasses import replace

from edgeseg.converters.delegates.target import Rule, Target

from .row import Rules, each, never

_TFLM = (
    "tflite-micro 2026-10-23, each row run on x86, 2026-11; micro_mutable_op_resolver.h (90b983c)"
)
_CMSIS = "tflite-micro tensorflow/lite/micro/kernels/cmsis_nn/ (90b983c), CMSIS-NN (99f736a)"
_NO_INT16 = ("float32", "int8")

_ANY = """
CONV_2D DEPTHWISE_CONV_2D TRANSPOSE_CONV FULLY_CONNECTED RESIZE_NEAREST_NEIGHBOR SOFTMAX ADD SUB MUL
CONCATENATION PAD PADV2 STRIDED_SLICE SLICE TRANSPOSE MEAN AVERAGE_POOL_2D MAX_POOL_2D RELU
RELU6 LOGISTIC TANH LEAKY_RELU QUANTIZE CAST PACK
"""
_LISTED = "PRELU ELU EXP LOG NEG ABS SQRT RSQRT MAXIMUM MINIMUM REDUCE_MAX SQUEEZE UNPACK SPLIT"

_RULES: Rules = {
    **each(_ANY, Rule(_TFLM)),
    "RESIZE_BILINEAR": Rule(_TFLM, types=_NO_INT16, remedy="--int8"),
    **each("DEPTH_TO_SPACE SPACE_TO_DEPTH ARG_MAX DIV", Rule(_TFLM, types=_NO_INT16)),
    "MIRROR_PAD": Rule(_TFLM, types=_NO_INT16, remedy="PAD with zeros"),
    "HARD_SWISH": Rule(_TFLM, types=_NO_INT16, remedy="an encoder with ReLU6 (MobileNetV2)"),
    **each("RESHAPE DEQUANTIZE SHAPE", Rule(_TFLM, types=("float32", "int8", "uint8", "int16"))),
    **never(
        "TILE", _TFLM, "it is not registered: the model does not load", "--swap nearest-resize"
    ),
    **each(_LISTED, Rule("tflite-micro micro_mutable_op_resolver.h (90b983c)", unverified=True)),
}

TFLM = Target(
    name="tflm",
    title="TensorFlow Lite Micro",
    about=(
        "Microcontrollers, with the reference kernels: right to the last bit in int8, and slow. "
        "An operator that is not registered fails the whole model."
    ),
    types=("float32", "int8", "int16"),
    rules=_RULES,
    listed=_TFLM,
    fallback="fails",
    compiler="tflm",
    rates="builtin",
)

_KERNELS = """
CONV_2D DEPTHWISE_CONV_2D TRANSPOSE_CONV FULLY_CONNECTED SOFTMAX ADD MUL AVERAGE_POOL_2D MAX_POOL_2D
PAD TRANSPOSE MINIMUM MAXIMUM
"""


def _cmsis(name: str, rule: Rule) -> Rule:
    if not rule.runs:
        return rule
    words = "a kernel of CMSIS-NN" if name in _KERNELS.split() else "the reference kernel, slow"
    return replace(rule, source=f"{_CMSIS}: {words}; {rule.source}")


CMSIS_NN = replace(
    TFLM,
    name="cmsis-nn",
    title="TensorFlow Lite Micro with CMSIS-NN",
    about=(
        "Cortex-M with Arm's kernels, bit-exact to the reference. Convolutions, transposed ones "
        "too, are quick; resizes and DEPTH_TO_SPACE keep their slow reference kernels, and a "
        "transposed convolution needs a buffer of the reversed kernel besides."
    ),
    types=("int8", "int16", "float32"),
    rules={name: _cmsis(name, rule) for name, rule in _RULES.items()},
)
TARGETS = (TFLM, CMSIS_NN)
