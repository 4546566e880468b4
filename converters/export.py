"""Keras model to TFLite bytes, in one conversion per precision."""

from __future__ import annotations

from typing import Any

from edgeseg.errors import EdgesegError, ModelError
from edgeseg.manifest import Size

from .calibrate import Samples
from .freeze import freeze
from .options import Io, Precision
from .quiet import quiet_tensorflow
from .rewrite.static_batch import static_batch
from .saved_model import SavedNetwork


def export(model: Any, size: Size, precision: Precision, io: Io, samples: Samples) -> bytes:
    """Convert a float network to a .tflite file.

    Args:
        model: functional keras.Model or SavedNetwork.
        size: of its input.
        precision: of weights and activations.
        io: type of the input and output tensors; class indices stay uint8.
        samples: calibration tensors, for int8 and int16x8.

    Raises:
        ModelError: TensorFlow Lite has no form for some layer in this precision.
    """
    with quiet_tensorflow():
        converter = _converter(model, size)
        _set_precision(converter, precision, io, samples)
        try:
            return bytes(converter.convert())
        except EdgesegError:
            raise  # from the calibration frames
        except Exception as error:
            raise ModelError(_why(error, precision)) from error


def _converter(model: Any, size: Size) -> Any:
    import tensorflow as tf

    if isinstance(model, SavedNetwork):
        function = model.function
    else:
        static = static_batch(model, size)
        function = freeze(lambda image: static(image, training=False), static.input_shape)
    return tf.lite.TFLiteConverter.from_concrete_functions([function])


def _set_precision(converter: Any, precision: Precision, io: Io, samples: Samples) -> None:
    import tensorflow as tf

    if precision == "float32":
        return
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    if precision == "float16":
        converter.target_spec.supported_types = [tf.float16]
    if precision in ("int8", "int16x8"):
        converter.representative_dataset = samples
        converter.target_spec.supported_ops = [_integer_operators(precision)]
        converter.inference_input_type = tf.dtypes.as_dtype(io)
        converter.inference_output_type = tf.dtypes.as_dtype(io)


def _integer_operators(precision: Precision) -> Any:
    import tensorflow as tf

    if precision == "int8":
        return tf.lite.OpsSet.TFLITE_BUILTINS_INT8
    return tf.lite.OpsSet.EXPERIMENTAL_TFLITE_BUILTINS_ACTIVATIONS_INT16_WEIGHTS_INT8


def _why(error: Exception, precision: Precision) -> str:
    """Take the lines that name the operators out of the converter's pages of text."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    telling = [line for line in lines if "ops:" in line or "not supported" in line.lower()]
    reason = "; ".join(telling[:2] or lines[:1] or [repr(error)])[:400]
    return (
        f"TensorFlow Lite cannot convert this model to {precision}: {reason}; replace the layer, "
        "or take another precision or --head"
    )
