"""Input shapes: one fixed batch, and other sizes where the graph allows them."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest

from edgeseg.converters.rewrite.static_batch import static_batch, with_input_size
from edgeseg.errors import ModelError
from edgeseg.manifest import Size

pytestmark = pytest.mark.convert
layers = keras.layers


def test_a_static_batch_shares_the_weights(color_net: Any) -> None:
    model = color_net()
    static = static_batch(model, Size(64, 64))
    assert static.input_shape == (1, 64, 64, 3)
    assert static.output_shape == (1, 64, 64, 3)
    assert static.layers[-1].weights[0] is model.weights[0]


@pytest.mark.parametrize("up", ["bilinear", "transpose", "learned"])
def test_another_size_gives_what_a_network_built_for_it_gives(color_net: Any, up: str) -> None:
    model, built = color_net(up), color_net(up, size=(80, 96))
    built.set_weights(model.get_weights())
    resized = with_input_size(model, Size(96, 80))
    image = np.random.default_rng(0).normal(size=(1, 80, 96, 3)).astype(np.float32)
    np.testing.assert_allclose(resized(image), built(image), atol=1e-6)


def test_an_open_size_is_fixed(color_net: Any) -> None:
    model = color_net(size=(None, None))
    assert with_input_size(model, Size(96, 80)).output_shape == (None, 80, 96, 3)


def test_nested_models_take_another_size() -> None:
    inner = keras.Input((32, 32, 3))
    encoder = keras.Model(inner, layers.Conv2D(4, 3, strides=2, padding="same")(inner))
    outer = keras.Input((32, 32, 3))
    decoder = keras.Sequential([keras.Input((16, 16, 4)), layers.UpSampling2D(2)])
    model = keras.Model(outer, decoder(encoder(outer)))
    assert with_input_size(model, Size(64, 48)).output_shape == (None, 48, 64, 4)


def test_a_layer_with_a_size_of_its_own_is_refused(color_net: Any) -> None:
    with pytest.raises(ModelError, match="its output stays 64x64"):
        with_input_size(color_net("resizing"), Size(96, 80))


def test_weights_that_depend_on_the_size_are_refused() -> None:
    stack = [layers.Flatten(), layers.Dense(12), layers.Reshape((2, 2, 3))]
    model = keras.Sequential([keras.Input((8, 8, 3)), *stack])
    with pytest.raises(ModelError, match="does not take 16x16 pictures"):
        with_input_size(model, Size(16, 16))
