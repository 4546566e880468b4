"""A function by itself as a .tflite file, to read what operators TensorFlow makes of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgeseg.converters.freeze import freeze
from edgeseg.converters.quiet import quiet_tensorflow


def convert_alone(function: Callable[[Any], Any], shape: Sequence[int], dtype: str) -> bytes:
    """Return the .tflite file of `function`, from one tensor to another or to several.

    Args:
        function: of TensorFlow or Keras operations.
        shape: of its input.
        dtype: of all activations: float32, int8 or int16; ranges are those on random numbers.
    """
    import tensorflow as tf

    with quiet_tensorflow():
        frozen = freeze(function, shape)
        converter = tf.lite.TFLiteConverter.from_concrete_functions([frozen])
        if dtype != "float32":
            sets = tf.lite.OpsSet
            few = {
                "int8": sets.TFLITE_BUILTINS_INT8,
                "int16": sets.EXPERIMENTAL_TFLITE_BUILTINS_ACTIVATIONS_INT16_WEIGHTS_INT8,
            }[dtype]
            converter.optimizations = [tf.lite.Optimize.DEFAULT]
            converter.target_spec.supported_ops = [few]
            converter.representative_dataset = lambda: _noise(shape)
            converter.inference_input_type = tf.dtypes.as_dtype(dtype)
            converter.inference_output_type = tf.dtypes.as_dtype(dtype)
        return bytes(converter.convert())


def _noise(shape: Sequence[int]) -> Iterator[list[NDArray[np.float32]]]:
    rng = np.random.default_rng(0)
    for _ in range(2):
        yield [rng.standard_normal(shape).astype(np.float32)]
