"""Activation ranges: set anew they change steps only, and narrowed they are worth it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
import pytest

from edgeseg.converters.clip import clip_ranges, least_error
from edgeseg.converters.export import export
from edgeseg.converters.ranges import Range, range_groups, set_ranges
from edgeseg.converters.tensors import PlainNetwork, output_classes, read_layers
from edgeseg.converters.yardstick import Yardstick
from edgeseg.manifest import Size

pytestmark = pytest.mark.convert

layers = keras.layers
Frames = Sequence[Any]
SIZE = Size(48, 32)


@pytest.fixture(scope="module")
def frames() -> Frames:
    rng = np.random.default_rng(0)
    return [rng.uniform(-1, 1, (1, 32, 48, 3)).astype(np.float32) for _ in range(4)]


def build() -> Any:
    """A small FCN: an encoder, two scores, a resize, a skip sum, a nearest resize."""
    keras.utils.set_random_seed(3)
    image = keras.Input((32, 48, 3))
    first = layers.Conv2D(8, 3, 2, "same", activation="relu", bias_initializer="uniform")(image)
    deep = layers.DepthwiseConv2D(3, 2, "same", bias_initializer="uniform")(first)
    scores = layers.Conv2D(5, 1, bias_initializer="uniform")(deep)
    up = layers.UpSampling2D(2, interpolation="bilinear")(scores)
    total = layers.Add()([up, layers.Conv2D(5, 1, bias_initializer="uniform")(first)])
    return keras.Model(image, layers.UpSampling2D(2, interpolation="nearest")(total))


def files(io: str, frames: Frames) -> tuple[bytes, bytes]:
    def samples() -> Any:
        return ([frame] for frame in frames)

    model = build()
    return export(model, SIZE, "int8", io, samples), export(
        model, SIZE, "float32", "float32", samples
    )


@pytest.fixture(scope="module")
def pair(frames: Frames) -> tuple[bytes, bytes]:
    return files("int8", frames)


def output(tflite: bytes, frame: Any) -> Any:
    network = PlainNetwork(tflite)
    network.run(frame)
    return network.value(network._output["index"])


@pytest.mark.parametrize("io", ["int8", "uint8", "float32"])
def test_wider_ranges_cost_steps_and_nothing_else(io: str, frames: Frames) -> None:
    """Each in turn: a bias or a tied tensor that did not follow would shift the output."""
    int8, exact = files(io, frames)
    expected = output(exact, frames[0])
    size = np.abs(expected).max()
    groups = range_groups(int8)
    assert len(groups) >= 5
    for group in groups:
        wider = Range(1.5 * group.range.low, 1.7 * group.range.high)
        found = output(set_ranges(int8, {group: wider}), frames[0])
        assert np.abs(found - expected).max() < 0.08 * size
        assert abs((found - expected).mean()) < 0.01 * size


def test_all_at_once(pair: tuple[bytes, bytes], frames: Frames) -> None:
    ranges = {g: Range(1.3 * g.range.low, 1.2 * g.range.high) for g in range_groups(pair[0])}
    expected = output(pair[1], frames[0])
    found = output(set_ranges(pair[0], ranges), frames[0])
    assert np.abs(found - expected).max() < 0.1 * np.abs(expected).max()


def test_the_same_ranges_are_the_same_file(pair: tuple[bytes, bytes], frames: Frames) -> None:
    same = set_ranges(pair[0], {group: group.range for group in range_groups(pair[0])})
    step = max(layer.scale for layer in read_layers(pair[0]))
    assert np.abs(output(same, frames[0]) - output(pair[0], frames[0])).max() <= 1.01 * step


def test_scores_are_told_from_features(pair: tuple[bytes, bytes]) -> None:
    deciding = {t for group in range_groups(pair[0]) if group.decides for t in group.tensors}
    shapes = {layer.output: layer.shape[-1] for layer in read_layers(pair[0])}
    assert {shapes[tensor] for tensor in deciding} == {5}
    assert {tensor for tensor, channels in shapes.items() if channels == 5} == deciding


def test_the_input_keeps_its_range(pair: tuple[bytes, bytes]) -> None:
    (source,) = read_layers(pair[0])[0].inputs
    assert all(source not in group.tensors for group in range_groups(pair[0]))


def test_rare_values_are_clipped_and_common_ones_are_not() -> None:
    rng = np.random.default_rng(0)
    uniform = rng.uniform(-2, 3, 20000).astype(np.float32)
    assert least_error(uniform, Range(-2, 3)) == Range(-2, 3)
    normal = rng.normal(0, 1, 20000).astype(np.float32)
    found = least_error(normal, Range(-5, 30))
    assert 3 < found.high < 10
    assert -5 <= found.low < -3
    many = np.append(normal, np.full(200, 30.0, np.float32))
    assert least_error(many, Range(-5, 30)).high > 25
    relu = np.maximum(normal, 0)
    assert least_error(relu, Range(0, 30)).low == 0


def test_a_range_that_one_odd_frame_set_is_narrowed(frames: Frames) -> None:
    odd = [*frames, 40 * frames[0]]
    int8, exact = files("int8", odd)
    yardstick = Yardstick(exact, frames, lambda out: output_classes(out)[0].astype(np.uint8), 1)
    made = clip_ranges(int8, exact, frames, yardstick)
    assert yardstick.lost(made) < 0.7 * yardstick.lost(int8)


def test_a_file_is_never_made_worse(pair: tuple[bytes, bytes], frames: Frames) -> None:
    yardstick = Yardstick(pair[1], frames, lambda out: output_classes(out)[0].astype(np.uint8), 1)
    made = clip_ranges(*pair, frames, yardstick)
    assert yardstick.lost(made) < yardstick.lost(pair[0]) or made == pair[0]
