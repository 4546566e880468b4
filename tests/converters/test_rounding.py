"""Rounding with inputs in view: less error than the nearest steps, in any convolution."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
import pytest

from edgeseg.converters.export import export
from edgeseg.converters.flatbuffer import unpack
from edgeseg.converters.rounding import round_rows, round_weights
from edgeseg.converters.tensors import PlainNetwork, read_layers
from edgeseg.manifest import Size

pytestmark = pytest.mark.convert

layers = keras.layers
Frames = Sequence[Any]
SIZE = Size(33, 30)


def smooth(seed: int) -> Any:
    """A frame whose pixels are alike: what a layer reads is correlated, as in pictures."""
    rng = np.random.default_rng(seed)
    coarse = rng.uniform(-1, 1, (1, 5, 6, 3))
    return np.repeat(np.repeat(coarse, 6, axis=1), 6, axis=2)[:, :30, :33].astype(np.float32)


@pytest.fixture(scope="module")
def frames() -> Frames:
    return [smooth(seed) for seed in range(6)]


def files(layer: Any, frames: Frames) -> tuple[bytes, bytes]:
    keras.utils.set_random_seed(4)
    image = keras.Input((30, 33, 3))
    features = layers.Conv2D(12, 3, padding="same", activation="relu")(image)
    model = keras.Model(image, layer(features))

    def samples() -> Any:
        return ([frame] for frame in frames)

    return export(model, SIZE, "int8", "int8", samples), export(
        model, SIZE, "float32", "float32", samples
    )


def error(tflite: bytes, exact: bytes, frame: Any, number: int) -> Any:
    """Return the difference of a layer's outputs [h, w, channels] in real units."""
    values = []
    for file in (tflite, exact):
        network = PlainNetwork(file)
        network.run(frame)
        values.append(network.value(read_layers(file)[number].output))
    return values[0] - values[1]


KINDS = {
    "pointwise": lambda: layers.Conv2D(8, 1),
    "square": lambda: layers.Conv2D(8, 3, padding="same"),
    "stride": lambda: layers.Conv2D(8, (3, 2), strides=2, padding="same"),
    "valid": lambda: layers.Conv2D(8, (2, 3), strides=(2, 1)),
    "dilated": lambda: layers.Conv2D(8, 3, dilation_rate=2, padding="same"),
    "depthwise": lambda: layers.DepthwiseConv2D(3, 2, padding="same"),
}


@pytest.mark.parametrize("kind", KINDS)
def test_a_layer_errs_less_on_other_frames(kind: str, frames: Frames) -> None:
    """The weights of the layer are made coarse first, so that rounding is what it errs by."""
    int8, exact = coarse(*files(KINDS[kind](), frames))
    other = smooth(99)
    before, after = (
        np.sqrt(np.square(error(file, exact, other, 1)).mean())
        for file in (nearest(int8, exact), round_weights(int8, exact, frames))
    )
    assert after < 0.9 * before


def coarse(int8: bytes, exact: bytes) -> tuple[bytes, bytes]:
    """Return the files with the last layer's weights in steps eight times as wide."""
    from edgeseg.converters.flatbuffer import pack

    model = unpack(int8)
    graph = model.subgraphs[0]
    operator = graph.operators[read_layers(int8)[1].index]
    weights, bias = (graph.tensors[operator.inputs[place]] for place in (1, 2))
    for tensor in (weights, bias):
        tensor.quantization.scale = 8 * np.asarray(tensor.quantization.scale, np.float32)
    data = np.asarray(model.buffers[bias.buffer].data, np.uint8).tobytes()
    steps = np.rint(np.frombuffer(data, np.int32) / 8).astype(np.int32)
    model.buffers[bias.buffer].data = np.frombuffer(steps.tobytes(), np.uint8)
    return pack(model), exact


def nearest(int8: bytes, exact: bytes) -> bytes:
    """Return a file whose weights are rounded to the nearest steps: inputs that never vary."""
    return round_weights(int8, exact, [np.zeros_like(smooth(0))])


def test_files_keep_their_size_and_scales(frames: Frames) -> None:
    int8, exact = files(layers.Conv2D(8, 1), frames)
    made = round_weights(int8, exact, frames)
    scales = [layer.scale for layer in read_layers(int8)]
    assert [layer.scale for layer in read_layers(made)] == scales
    assert len(made) == pytest.approx(len(int8), abs=1024)


def test_other_layers_are_left_alone(frames: Frames) -> None:
    int8, exact = files(layers.Conv2DTranspose(4, 4, 2, padding="same"), frames)
    made = round_weights(int8, exact, frames)
    last = read_layers(int8)[-1].index
    kept = [
        np.asarray(model.buffers[graph.tensors[graph.operators[last].inputs[1]].buffer].data)
        for model in (unpack(int8), unpack(made))
        for graph in (model.subgraphs[0],)
    ]
    np.testing.assert_array_equal(*kept)


def test_rows_beat_the_nearest_steps_where_inputs_are_correlated() -> None:
    rng = np.random.default_rng(0)
    inputs = rng.normal(size=(2000, 4)) @ rng.normal(size=(4, 24)) + 0.1 * rng.normal(
        size=(2000, 24)
    )
    rows, scales = rng.normal(size=(1, 7, 24)), np.full((1, 7), 0.05)
    found = round_rows(rows, scales, np.cov(inputs.T, bias=True)[None])
    assert np.abs(found).max() <= 127
    assert (found == np.rint(found)).all()
    plain = np.rint(rows / scales[..., None])
    errors = [((steps * 0.05 - rows)[0] @ inputs.T).std() for steps in (plain, found)]
    assert errors[1] < 0.4 * errors[0]


def test_rows_without_any_correlation_are_the_nearest_steps() -> None:
    rng = np.random.default_rng(0)
    rows, scales = rng.normal(size=(3, 5, 9)), np.full((3, 5), 0.02)
    found = round_rows(rows, scales, np.broadcast_to(np.eye(9), (3, 9, 9)))
    np.testing.assert_array_equal(found, np.rint(rows / 0.02))
