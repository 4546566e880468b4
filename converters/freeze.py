"""A network as one function of constants, which is what TFLite's converter reads fastest."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

INPUT = "image"  # the input's name in signatures


def freeze(function: Callable[[Any], Any], shape: Sequence[int], dtype: Any = "float32") -> Any:
    """Return `function` for one input shape, as a TensorFlow concrete function without variables.

    With variables TFLite would keep READ_VARIABLE operators; `TFLiteConverter.from_keras_model`
    removes them too, but by way of a SavedModel on disk: the same file, bit for bit in its results,
    in three times the time.
    """
    import tensorflow as tf
    from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

    spec = tf.TensorSpec(shape, dtype, name=INPUT)
    return convert_variables_to_constants_v2(tf.function(function).get_concrete_function(spec))
