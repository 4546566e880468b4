"""Parameters and MACs, against counts made by hand and from Keras layers; hostile files."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import suppress
from math import prod
from pathlib import Path
from typing import Any

import flatbuffers
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgeseg import zoo
from edgeseg.cli import main
from edgeseg.complexity import complexity, layer_name
from edgeseg.errors import ModelError

DATA = Path(__file__).parent / "data"
INT8 = (DATA / "tiny-int8.tflite").read_bytes()


def test_two_small_convolutions_counted_by_hand() -> None:
    """3x3 convolutions of 3 channels in steps of 2 over 48x32; then the same over 24x16."""
    found = complexity(DATA / "tiny-float32.tflite")
    each = 3 * 3 * 3 * 3
    assert [cost.macs for cost in found.operators] == [24 * 16 * each, 12 * 8 * each]
    assert found.macs == 38_880
    assert found.parameters == 2 * (each + 3)
    assert found.input_shape == (1, 32, 48, 3)
    assert [cost.op for cost in found.operators] == ["CONV_2D"] * 2
    assert found.operators[1].shape == (1, 8, 12, 3)


def test_quantizing_changes_no_figure() -> None:
    exact = complexity(DATA / "tiny-float32.tflite")
    whole = complexity(DATA / "tiny-int8.tflite")
    assert (whole.macs, whole.parameters) == (exact.macs, exact.parameters)


def test_an_open_input_size_is_told() -> None:
    found = complexity(DATA / "tiny-open.tflite")
    assert found.is_open
    assert found.parameters == 168
    assert not complexity(DATA / "tiny-int8.tflite").is_open


@pytest.mark.parametrize(
    ("tensor", "layer"),
    [
        ("functional_1_1/functional_1/Conv1_relu_1/Relu6;functional_1/Conv1", "Conv1_relu"),
        ("functional_1/block_1_project_BN_1/batchnorm/add", "block_1_project_BN"),
        ("MobilenetV2/expanded_conv_3/project/Conv2D", "MobilenetV2/expanded_conv_3/project"),
        ("Identity", ""),
        ("", ""),
    ],
)
def test_layers_are_called_as_in_keras(tensor: str, layer: str) -> None:
    assert layer_name(tensor) == layer


def _keras_figures(model: Any) -> tuple[int, int]:
    """Count MACs and parameters from Keras layers: their kernels and output shapes.

    The converter folds batch normalization into the convolution before it: one bias a channel.
    """
    from keras import layers

    macs = parameters = 0
    for layer in model.layers:
        if not hasattr(layer, "kernel"):
            continue
        kernel = layer.kernel.shape
        if isinstance(layer, layers.DepthwiseConv2D):
            macs += prod(layer.output.shape[1:]) * kernel[0] * kernel[1]
        elif isinstance(layer, layers.Conv2DTranspose):
            macs += prod(layer.input.shape[1:3]) * prod(kernel)
        else:
            macs += prod(layer.output.shape[1:-1]) * prod(kernel)
        parameters += prod(kernel) + layer.output.shape[-1]
    return macs, parameters


@pytest.mark.convert
@pytest.mark.parametrize(("alpha", "millions"), [(1.0, 300), (0.35, 59)])
def test_the_count_from_keras_layers_gives_the_published_figures(
    alpha: float, millions: int
) -> None:
    """MobileNetV2's paper (Sandler et al. 2018), table 4, has 300 M; its authors' list 59 M."""
    import keras

    network = keras.applications.MobileNetV2((224, 224, 3), alpha=alpha, weights=None)
    assert _keras_figures(network)[0] / 1e6 == pytest.approx(millions, abs=1)


@pytest.mark.convert
@pytest.mark.parametrize("name", zoo.names())
def test_embedded_files_count_as_their_keras_models(name: str) -> None:
    import keras

    model = keras.models.load_model(zoo.resolve_keras(name))
    found = complexity(zoo.resolve_tflite(name))
    assert (found.macs, found.parameters) == _keras_figures(model)


@pytest.mark.convert
@pytest.mark.filterwarnings("ignore:Statistics for quantized inputs were expected:UserWarning")
def test_every_counted_operator_in_every_precision() -> None:
    model = _one_of_each()
    expected = _keras_figures(model)
    for precision, data in _converted(model).items():
        found = complexity(data)
        assert {cost.op for cost in found.operators} >= {
            "CONV_2D",
            "DEPTHWISE_CONV_2D",
            "TRANSPOSE_CONV",
            "FULLY_CONNECTED",
        }
        assert (found.macs, found.parameters) == expected, precision


def _one_of_each() -> Any:
    import keras

    layers = keras.layers
    rng = np.random.default_rng(0)
    # Many weights: dynamic quantization leaves small convolutions as they are.
    picture = keras.Input((12, 16, 32), batch_size=1)
    features = layers.Conv2D(64, 3, 2, "same")(picture)
    features = layers.BatchNormalization()(features)
    features = layers.DepthwiseConv2D(3, padding="same", activation="relu6")(features)
    features = layers.Conv2DTranspose(48, 4, 2, "same")(features)
    features = layers.GlobalAveragePooling2D()(features)
    model = keras.Model(picture, layers.Dense(40)(features))
    # Not two equal constants, which the converter would store as one.
    model.set_weights([rng.uniform(0.1, 1, w.shape) for w in model.get_weights()])
    return model


def _converted(model: Any) -> dict[str, bytes]:
    import tensorflow as tf

    def frames() -> Any:
        rng = np.random.default_rng(0)
        return ([rng.uniform(-1, 1, (1, 12, 16, 32)).astype(np.float32)] for _ in range(2))

    def converter(**options: Any) -> Any:
        made = tf.lite.TFLiteConverter.from_keras_model(model)
        for option, value in options.items():
            setattr(made, option, value)
        return made

    smaller = [tf.lite.Optimize.DEFAULT]
    made = {
        "float32": converter(),
        "dynamic": converter(optimizations=smaller),
        "int8": converter(optimizations=smaller, representative_dataset=frames),
        "float16": converter(optimizations=smaller),
    }
    made["float16"].target_spec.supported_types = [tf.float16]
    return {precision: bytes(each.convert()) for precision, each in made.items()}


def test_info_tells_the_cost(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["info", str(DATA / "tiny-int8.tflite"), "--json", "--layers"]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert (facts["parameters"], facts["macs"]) == (168, 38_880)
    first = facts["layers"][0]
    assert (first["op"], first["output"], first["macs"]) == ("CONV_2D", [1, 16, 24, 3], 31_104)
    assert main(["info", str(DATA / "tiny-open.tflite"), "--json", "--input-size", "32x32"]) == 0
    assert json.loads(capsys.readouterr().out)["macs"] is None
    assert main(["info", "--layers"]) == 2
    assert "type: edgeseg info fcn8 --layers" in capsys.readouterr().err


@pytest.mark.parametrize("columns", [40, 80, 120])
def test_the_table_of_layers_fits_the_terminal(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, columns: int
) -> None:
    from edgeseg.cli import _common

    monkeypatch.setenv("COLUMNS", str(columns))
    _common.console.cache_clear()
    assert main(["info", "fcn8", "--layers"]) == 0
    lines = capsys.readouterr().out.splitlines()
    _common.console.cache_clear()
    assert max(map(len, lines)) <= columns
    if columns >= 80:
        (row,) = (line for line in lines if "out_relu" in line)
        assert row.split()[:6] == ["out_relu", "CONV_2D", "11x15x1280", "23.7", "M", "11.7"]
        assert lines[-1].split() == ["all", "202", "M", "406", "k"]


@given(st.integers(0, len(INT8) - 1), st.integers(1, 255))
@settings(max_examples=300)
def test_a_changed_byte_is_counted_or_refused(position: int, change: int) -> None:
    data = bytearray(INT8)
    data[position] ^= change
    with suppress(ModelError):
        complexity(bytes(data))


@given(st.integers(0, len(INT8) // 4 - 1), st.sampled_from([0, 1, 2**31 - 1, 2**31, 2**32 - 1]))
@settings(max_examples=300)
def test_a_lying_word_is_counted_or_refused(word: int, value: int) -> None:
    data = bytearray(INT8)
    data[4 * word : 4 * word + 4] = value.to_bytes(4, "little")
    with suppress(ModelError):
        assert complexity(bytes(data)).macs <= 10**18


def test_figures_beyond_reason_are_refused() -> None:
    with pytest.raises(ModelError, match=r"more than 1e\+18 MACs"):
        complexity(_convolution((1, *(2**31 - 1,) * 3)))
    with pytest.raises(ModelError, match="damaged"):
        complexity(_convolution((2,) * 5000))
    with pytest.raises(ModelError, match="damaged"):
        complexity(_convolution((1, 4, 4, 2), weights=(3,)))
    assert complexity(_convolution((1, 4, 4, 2))).macs == 4 * 4 * 2 * 9 * 3


def test_an_operator_without_tensors_is_refused() -> None:
    with pytest.raises(ModelError, match="damaged"):
        complexity(_convolution((1, 4, 4, 2), inputs=()))


def _convolution(
    output: tuple[int, ...],
    weights: tuple[int, ...] = (2, 3, 3, 3),
    inputs: tuple[int, ...] = (0, 1),
) -> bytes:
    """A file with one CONV_2D of these shapes, and nothing in its buffers."""
    builder = flatbuffers.Builder(0)
    tensors = [_table(builder, {0: _vector(builder, s)}) for s in ((1, 8, 8, 3), weights, output)]
    operator = _table(builder, {1: _vector(builder, inputs), 2: _vector(builder, (2,))})
    graph = _table(
        builder,
        {
            0: _tables(builder, tensors),
            1: _vector(builder, (0,)),
            2: _vector(builder, (2,)),
            3: _tables(builder, [operator]),
        },
    )
    code = _table(builder, {}, code=3)
    buffer = _table(builder, {})
    parts = {1: _tables(builder, [code]), 2: _tables(builder, [graph])}
    builder.Finish(_table(builder, {**parts, 4: _tables(builder, [buffer])}), b"TFL3")
    return bytes(builder.Output())


def _table(builder: flatbuffers.Builder, parts: dict[int, int], code: int = 0) -> int:
    builder.StartObject(8)
    for field, part in parts.items():
        builder.PrependUOffsetTRelativeSlot(field, part, 0)
    builder.PrependInt32Slot(3, code, 0)
    return int(builder.EndObject())


def _vector(builder: flatbuffers.Builder, values: tuple[int, ...]) -> int:
    return _listed(builder, values, builder.PrependInt32)


def _tables(builder: flatbuffers.Builder, parts: list[int]) -> int:
    return _listed(builder, parts, builder.PrependUOffsetTRelative)


def _listed(builder: flatbuffers.Builder, values: Any, prepend: Callable[[int], None]) -> int:
    builder.StartVector(4, len(values), 4)
    for value in reversed(values):
        prepend(value)
    return int(builder.EndVector())
