"""Bias correction: it finds a planted shift in any layer, and keeps its hands off what fits."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
import pytest

from edgeseg.converters.bias import _layers, _shift, correct_biases
from edgeseg.converters.export import export
from edgeseg.converters.rewrite.head import argmax_head
from edgeseg.manifest import Size

pytestmark = pytest.mark.convert

SIZE = Size(48, 32)
Frames = Sequence[Any]


@pytest.fixture(scope="module")
def frames() -> Frames:
    rng = np.random.default_rng(0)
    return [rng.uniform(-1, 1, (1, 32, 48, 3)).astype(np.float32) for _ in range(4)]


def build(head: str = "conv", seed: int = 1) -> Any:
    keras.utils.set_random_seed(seed)
    layers = keras.layers
    image = keras.Input((32, 48, 3))
    features = layers.Conv2D(16, 3, 2, activation="relu6", bias_initializer="uniform")(image)
    features = layers.DepthwiseConv2D(3, padding="same", bias_initializer="uniform")(features)
    features = layers.Conv2D(12, 1, activation="relu", bias_initializer="uniform")(features)
    if head == "transpose":
        up = layers.Conv2DTranspose(5, 4, 2, "same", bias_initializer="uniform")
        return keras.Model(image, up(features))
    return keras.Model(image, layers.Conv2D(5, 1, bias_initializer="uniform")(features))


def files(model: Any, frames: Frames) -> tuple[bytes, bytes]:
    def samples() -> Any:
        return ([frame] for frame in frames)

    exact = export(model, SIZE, "float32", "float32", samples)
    return export(model, SIZE, "int8", "int8", samples), exact


@pytest.fixture(scope="module")
def pair(frames: Frames) -> tuple[bytes, bytes]:
    return files(build(), frames)


@pytest.mark.parametrize("number", range(4))
def test_a_planted_shift_is_taken_out(
    number: int, pair: tuple[bytes, bytes], frames: Frames
) -> None:
    """Small enough not to saturate the layer, in one layer after the other."""
    damaged = bytearray(pair[0])
    layer = _layers(pair[0])[number]
    _shift(damaged, layer, np.linspace(-0.15, 0.15, layer.scales.size))
    found = correct_biases(bytes(damaged), pair[1], frames)
    healthy = correct_biases(*pair, frames)
    assert found is not None
    assert healthy is not None
    lost, left = healthy.before - found.before, healthy.before - found.after
    assert lost > 0.02
    # What a ReLU cuts off at zero does not come back.
    assert left < (0.5 * lost if number in (0, 2) else 0.01)


def test_a_file_is_never_made_worse(pair: tuple[bytes, bytes], frames: Frames) -> None:
    found = correct_biases(*pair, frames)
    assert found is not None
    assert found.after >= found.before or found.tflite == pair[0]
    assert len(found.tflite) == len(pair[0])


def test_transposed_convolutions_are_corrected(frames: Frames) -> None:
    int8, exact = files(build("transpose"), frames)
    assert [layer.scales.size for layer in _layers(int8)] == [16, 16, 12, 5]
    assert correct_biases(int8, exact, frames) is not None


def test_a_class_map_is_corrected_as_well(frames: Frames) -> None:
    int8, exact = files(argmax_head(build()).model, frames)
    damaged = bytearray(int8)
    layer = _layers(int8)[3]
    _shift(damaged, layer, np.linspace(-0.15, 0.15, layer.scales.size))
    found = correct_biases(bytes(damaged), exact, frames)
    assert found is not None
    assert found.after > max(0.97, found.before)


def test_other_layers_are_left_alone(pair: tuple[bytes, bytes], frames: Frames) -> None:
    image = keras.Input((32, 48, 3))
    other = keras.Model(image, keras.layers.Conv2D(5, 3, 2, "same")(image))
    assert correct_biases(pair[0], files(other, frames)[1], frames) is None
