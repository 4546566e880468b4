"""What is checked on the converted file itself."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import keras
import pytest
import tensorflow as tf

from edgeseg.converters.export import export
from edgeseg.converters.flatbuffer import check_flatbuffer, operator_names
from edgeseg.converters.quiet import quiet_tensorflow
from edgeseg.errors import ModelError
from edgeseg.manifest import Size

pytestmark = pytest.mark.convert


def nothing() -> Iterator[Any]:
    return iter(())


def convert_untouched(model: Any, *, flex: bool = False) -> bytes:
    with quiet_tensorflow():
        converter = tf.lite.TFLiteConverter.from_keras_model(model)
        if flex:
            converter.target_spec.supported_ops = [tf.lite.OpsSet.SELECT_TF_OPS]
        return bytes(converter.convert())


def test_an_open_batch_is_refused_and_a_static_one_has_one_transposed_convolution(
    color_net: Any,
) -> None:
    model = color_net("transpose")
    with pytest.raises(ModelError, match="computes its output shape at run time"):
        check_flatbuffer(convert_untouched(model))
    static = export(model, Size(64, 64), "float32", "float32", nothing)
    check_flatbuffer(static)
    assert operator_names(static) == ["CONV_2D"] * 4 + ["TRANSPOSE_CONV"]


def test_operators_that_plain_runtimes_lack_are_refused() -> None:
    image = keras.Input((8, 8, 3), batch_size=1)
    model = keras.Model(image, keras.layers.Conv2D(3, 1)(image))
    with pytest.raises(ModelError, match="FlexConv2D is not a TFLite builtin"):
        check_flatbuffer(convert_untouched(model, flex=True))


def test_a_layer_without_a_tflite_form_is_named() -> None:
    image = keras.Input((8, 8, 3))
    model = keras.Model(image, keras.ops.argmax(image, axis=-1, keepdims=True))
    with pytest.raises(ModelError, match=r"cannot convert this model to float32: .*BitwiseAnd"):
        export(model, Size(8, 8), "float32", "float32", nothing)
