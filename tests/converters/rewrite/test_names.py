"""A network keeps its layers' names, whatever forms they take."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest

from edgeseg.converters.rewrite.calls import Call, replace_calls
from edgeseg.converters.rewrite.forms import form
from edgeseg.converters.rewrite.sites import site_of
from edgeseg.manifest import Size

layers = keras.layers
SIZE = Size(6, 8)


def swapped(model: Any, name: str = "subpixel", keeps: str = "") -> Any:
    """Return the model with its sites in another form, but for the call named `keeps`."""

    def replace(call: Call) -> Any:
        site = site_of(call)
        if site is None or call.name == keeps:
            return None
        return form(name).build(site, call.inputs[0])

    return replace_calls(model, SIZE, replace)


def up(name: str) -> Any:
    return layers.Conv2DTranspose(3, 4, strides=2, padding="same", name=name)


def test_the_layer_that_does_the_work_has_the_old_name() -> None:
    image = keras.Input((None, None, 3))
    new = swapped(keras.Model(image, up("scores_up")(image)))
    assert type(new.get_layer("scores_up")).__name__ == "Conv2D"
    assert "scores_up_shuffle" in [layer.name for layer in new.layers]


@pytest.mark.parametrize("keeps", ["", "twice", "twice#2"])
def test_a_layer_called_twice_becomes_two(keeps: str) -> None:
    image = keras.Input((None, None, 3))
    layer = up("twice")
    model = keras.Model(image, layer(layer(image)))
    check(model, swapped(model, keeps=keeps))


def test_names_that_other_layers_have_are_left_to_them() -> None:
    image = keras.Input((None, None, 3))
    x = layers.Conv2D(3, 1, name="a_shuffle")(image)
    x = up("a")(x)
    x = layers.Conv2D(3, 1, name="a_crop")(x)
    model = keras.Model(image, x)
    new = swapped(model)
    check(model, new)
    assert new.get_layer("a_shuffle") is model.get_layer("a_shuffle")
    assert new.get_layer("a_crop") is model.get_layer("a_crop")


def test_nested_models_may_use_a_name_again() -> None:
    def stage(name: str) -> Any:
        image = keras.Input((None, None, 3))
        return keras.Model(image, up("up")(image), name=name)

    image = keras.Input((None, None, 3))
    model = keras.Model(image, stage("second")(stage("first")(image)))
    check(model, swapped(model))


def check(model: Any, new: Any) -> None:
    names = [layer.name for layer in new.layers]
    assert len(set(names)) == len(names)
    features = np.random.default_rng(0).standard_normal((1, SIZE.height, SIZE.width, 3))
    want, got = (np.asarray(each(features.astype(np.float32))) for each in (model, new))
    np.testing.assert_allclose(got, want, atol=1e-5 * np.abs(want).max())
