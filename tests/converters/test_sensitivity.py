"""Errors of layers: a planted one is found where it was planted."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
import pytest

from edgeseg.converters.export import export
from edgeseg.converters.flatbuffer import pack, unpack
from edgeseg.converters.sensitivity import LayerError, describe, layer_errors, worst_first
from edgeseg.converters.tensors import match_layers, read_layers
from edgeseg.manifest import Size

pytestmark = pytest.mark.convert

layers = keras.layers
Frames = Sequence[Any]
SIZE = Size(48, 32)


@pytest.fixture(scope="module")
def frames() -> Frames:
    rng = np.random.default_rng(0)
    return [rng.uniform(-1, 1, (1, 32, 48, 3)).astype(np.float32) for _ in range(3)]


def build() -> Any:
    """A network with a skip sum whose inputs' ranges are 1 : 8."""
    keras.utils.set_random_seed(1)
    image = keras.Input((32, 48, 3))
    first = layers.Conv2D(8, 3, 2, "same", activation="relu", name="first")(image)
    second = layers.Conv2D(8, 3, 1, "same", name="second")(first)
    scaled = layers.Conv2D(8, 1, use_bias=False, name="scaled")
    third = scaled(second)
    scaled.set_weights([8 * np.eye(8, dtype=np.float32)[None, None]])
    return keras.Model(image, layers.Conv2D(5, 1, name="scores")(layers.Add()([second, third])))


@pytest.fixture(scope="module")
def pair(frames: Frames) -> tuple[bytes, bytes]:
    def samples() -> Any:
        return ([frame] for frame in frames)

    model = build()
    return (
        export(model, SIZE, "int8", "int8", samples),
        export(model, SIZE, "float32", "float32", samples),
    )


def test_every_layer_is_measured_in_order(pair: tuple[bytes, bytes], frames: Frames) -> None:
    found = layer_errors(*pair, frames)
    assert [layer.op for layer in found] == ["CONV_2D"] * 3 + ["ADD", "CONV_2D"]
    assert [layer.name for layer in found[:3]] == ["first", "second", "scaled"]
    assert all(20 < layer.snr_db < 60 for layer in found)
    assert found[0].low == 0
    assert found[0].high == pytest.approx(255 * found[0].scale, rel=0.05)
    assert found[3].ratio == pytest.approx(8, rel=0.01)
    assert all(layer.ratio is None for layer in found if layer.op != "ADD")


@pytest.mark.parametrize("number", range(3))
def test_a_planted_error_shows_where_it_was_planted(
    number: int, pair: tuple[bytes, bytes], frames: Frames
) -> None:
    healthy = layer_errors(*pair, frames)
    model = unpack(pair[0])
    graph = model.subgraphs[0]
    weights = graph.tensors[graph.operators[healthy[number].index].inputs[1]]
    weights.quantization.scale = [1.3 * scale for scale in weights.quantization.scale]
    damaged = layer_errors(pack(model), pair[1], frames)
    gap = [before.snr_db - after.snr_db for before, after in zip(healthy, damaged, strict=True)]
    assert max(gap[:number], default=0.0) == 0
    assert gap[number] > 10


def test_a_wide_channel_is_seen(frames: Frames) -> None:
    model = build()
    kernel, bias = model.get_layer("second").get_weights()
    kernel[..., 3] *= 100
    bias[3] *= 100
    model.get_layer("second").set_weights([kernel, bias])

    def samples() -> Any:
        return ([frame] for frame in frames)

    files = [
        export(model, SIZE, precision, precision, samples) for precision in ("int8", "float32")
    ]
    found = {layer.name: layer for layer in layer_errors(*files, frames)}
    assert found["second"].spread == pytest.approx(100, rel=0.6)
    assert "its widest channel" in describe(found["second"])
    assert "its widest channel" not in describe(found["first"])


def test_float_against_itself_has_no_error(pair: tuple[bytes, bytes], frames: Frames) -> None:
    assert not layer_errors(pair[1], pair[1], frames)  # nothing there is quantized


def test_layers_that_only_one_file_has_are_left_out(pair: tuple[bytes, bytes]) -> None:
    ours, theirs = (read_layers(file) for file in pair)
    matched = match_layers(ours, [*theirs[:2], *theirs[3:]])
    assert [(a.index, b.index) for a, b in matched] == [(0, 0), (1, 1), (3, 3), (4, 4)]


def error(name: str, snr_db: float, cost: float | None = None) -> LayerError:
    return LayerError(name, "CONV_2D", snr_db, -1.0, 1.0, 0.01, cost)


def test_measured_costs_go_before_ratios() -> None:
    given = [error("a", 10), error("b", 30, 0.02), error("c", 20, 0.0), error("d", 5, -0.01)]
    assert [layer.name for layer in worst_first(given)] == ["b", "a", "c", "d"]
