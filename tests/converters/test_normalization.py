"""Frames normalized in another way than in training are told from BatchNorm's statistics."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from edgeseg.converters.calibrate import float_tensor
from edgeseg.converters.load import Network, load
from edgeseg.converters.normalization import normalization_warnings
from edgeseg.converters.options import ConvertOptions
from edgeseg.converters.rewrite.static_batch import with_input_size
from edgeseg.labels import palette_for
from edgeseg.manifest import Head, Manifest, Preparation, Size
from edgeseg.masks import read_image
from edgeseg.modelfile import NORMALIZATIONS, normalization
from edgeseg.prepare import prepare
from edgeseg.sources.street import render_street
from edgeseg.zoo import resolve_keras

pytestmark = pytest.mark.convert
layers = keras.layers
SIZE = Size(48, 32)
STREETS = [render_street(seed, 3.0, Size(96, 64))[0] for seed in range(4)]
OTHERS = [render_street(seed, 9.0, Size(96, 64))[0] for seed in range(50, 54)]


def prepared_as(name: str) -> Preparation:
    mean, std, color = normalization(name)
    return Preparation(SIZE, color, mean, std)


def tensors(preparation: Preparation, pictures: list[Any]) -> list[Any]:
    spec = float_tensor(preparation)
    return [prepare(picture, preparation, spec) for picture in pictures]


def stem(image: Any) -> Any:
    return layers.BatchNormalization(name="bn")(
        layers.Conv2D(16, 3, strides=2, use_bias=False)(layers.ZeroPadding2D(1)(image))
    )


def trained_on(trained: str, preparation: Preparation, *, form: str = "flat") -> Network:
    """Return a network whose BatchNorm saw streets prepared as `trained`."""
    keras.utils.set_random_seed(5)
    image = keras.Input((SIZE.height, SIZE.width, 3))
    features = stem(image)
    if form == "nested":
        inner = keras.Input((SIZE.height, SIZE.width, 3))
        features = keras.Model(inner, stem(inner))(layers.Activation("linear")(image))
    model = keras.Model(image, layers.Conv2D(3, 1)(features))
    holder = model.layers[2] if form == "nested" else model
    norm = holder.get_layer("bn")
    before = keras.Model(holder.inputs[0], norm.input)
    seen = before.predict(np.concatenate(tensors(prepared_as(trained), STREETS)), verbose=0)
    start = norm.get_weights()[:2]
    norm.set_weights([*start, seen.mean(axis=(0, 1, 2)), seen.var(axis=(0, 1, 2))])
    if form == "resized":
        model = with_input_size(model, Size(64, 48))
        preparation = replace(preparation, size=Size(64, 48))
    manifest = Manifest(("a", "b", "c"), palette_for(3), preparation, Head())
    return Network("net", model, manifest, (), 0)


def said(network: Network) -> tuple[str, ...]:
    return normalization_warnings(network, tensors(network.preparation, OTHERS))


@pytest.mark.parametrize("name", NORMALIZATIONS)
def test_the_right_normalization_passes(name: str) -> None:
    assert said(trained_on(name, prepared_as(name))) == ()


@pytest.mark.parametrize("form", ["flat", "nested", "resized"])
@pytest.mark.parametrize(
    ("trained", "taken"),
    [("-1..1", "0..1"), ("0..1", "-1..1"), ("-1..1", "none"), ("none", "-1..1"), ("caffe", "0..1")],
)
def test_a_wrong_one_is_told_and_the_right_one_named(trained: str, taken: str, form: str) -> None:
    (warning,) = said(trained_on(trained, prepared_as(taken), form=form))
    assert f"take --normalize {trained} if it was trained so" in warning


def test_frames_that_fit_nothing_are_told() -> None:
    network = trained_on("-1..1", prepared_as("-1..1"))
    norm = network.model.get_layer("bn")
    gamma, beta, mean, variance = norm.get_weights()
    norm.set_weights([gamma, beta, mean + 1e4, variance])
    (warning,) = said(network)
    assert "no --normalize comes near" in warning
    assert "bn and those behind it" in warning


def test_networks_without_statistics_pass(color_net: Any) -> None:
    preparation = prepared_as("none")
    network = trained_on("-1..1", preparation)
    norm = network.model.get_layer("bn")
    norm.set_weights([*norm.get_weights()[:2], np.zeros(16), np.ones(16)])
    assert said(network) == ()
    plain = color_net(size=(SIZE.height, SIZE.width))
    assert said(replace(network, model=plain)) == ()
    assert normalization_warnings(trained_on("-1..1", preparation), ()) == ()


def test_a_batchnorm_on_the_pixels_themselves_counts_too() -> None:
    image = keras.Input((SIZE.height, SIZE.width, 3))
    norm = layers.BatchNormalization()
    model = keras.Model(image, layers.Conv2D(3, 1)(norm(image)))
    seen = np.concatenate(tensors(prepared_as("0..1"), STREETS))
    norm.set_weights([*norm.get_weights()[:2], seen.mean(axis=(0, 1, 2)), seen.var(axis=(0, 1, 2))])
    manifest = Manifest(("a", "b", "c"), palette_for(3), prepared_as("-1..1"), Head())
    (warning,) = said(Network("net", model, manifest, (), 0))
    assert "take --normalize 0..1" in warning


@pytest.mark.parametrize("normalize", ["-1..1", "0..1", "none", "imagenet"])
def test_the_zoo_on_camvid(normalize: str, shared_data: Path) -> None:
    options = ConvertOptions(str(resolve_keras("fcn8")), Path("o.tflite"), normalize=normalize)
    network = load(options)
    files = sorted((shared_data / "camvid" / "train").glob("*.png"))[20::100]
    spec = float_tensor(network.preparation)
    frames = [prepare(read_image(file), network.preparation, spec) for file in files]
    warnings = normalization_warnings(network, frames)
    assert bool(warnings) == (normalize != "-1..1")
    assert all("take --normalize -1..1" in warning for warning in warnings)
