"""Layers kept in float32: the grafted file, the search, and the whole conversion with a budget."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from edgeseg.converters import ConvertOptions, ConvertReport, convert
from edgeseg.converters.export import export
from edgeseg.converters.flatbuffer import check_flatbuffer, operator_names
from edgeseg.converters.mixed.surgery import Surgeon
from edgeseg.converters.tensors import PlainNetwork, read_layers
from edgeseg.errors import ConfigError, GateError
from edgeseg.manifest import Size
from edgeseg.modelfile import read_manifest
from edgeseg.runtimes import open_runtime

pytestmark = pytest.mark.convert

layers = keras.layers
Frames = Sequence[Any]
SIZE = Size(48, 32)


@pytest.fixture(scope="module")
def frames() -> Frames:
    rng = np.random.default_rng(0)
    return [rng.uniform(-1, 1, (1, 32, 48, 3)).astype(np.float32) for _ in range(3)]


def build() -> Any:
    """Every kind of layer that our decoders have, and a concatenation."""
    keras.utils.set_random_seed(2)
    image = keras.Input((32, 48, 3))
    first = layers.Conv2D(8, 3, 2, "same", activation="relu6")(image)
    deep = layers.DepthwiseConv2D(3, 2, "same")(first)
    joined = layers.Concatenate()([layers.Conv2D(8, 1)(deep), deep])
    scores = layers.Conv2DTranspose(5, 4, 2, "same")(layers.Conv2D(5, 1)(joined))
    total = layers.Add()([scores, layers.Conv2D(5, 1)(first)])
    return keras.Model(image, layers.UpSampling2D(2, interpolation="nearest")(total))


@pytest.fixture(scope="module")
def pair(frames: Frames) -> tuple[bytes, bytes]:
    def samples() -> Any:
        return ([frame] for frame in frames)

    model = build()
    return (
        export(model, SIZE, "int8", "int8", samples),
        export(model, SIZE, "float32", "float32", samples),
    )


def output(tflite: bytes, frame: Any) -> Any:
    network = PlainNetwork(tflite)
    network.run(frame)
    return network.value(network._output["index"])


def test_all_layers_kept_are_the_float_file(pair: tuple[bytes, bytes], frames: Frames) -> None:
    surgeon = Surgeon(*pair, float_output=True)
    whole = surgeon.keep([layer.index for layer in surgeon.layers])
    assert operator_names(whole) == ["DEQUANTIZE", *operator_names(pair[1])]
    step = 2 / 255  # of the int8 input
    exact = np.rint((frames[0] + 1) / step) * step - 1
    np.testing.assert_allclose(output(whole, frames[0]), output(pair[1], exact), atol=0.02)


@pytest.mark.parametrize("seed", range(6))
def test_any_choice_of_layers_gives_a_sound_file(
    seed: int, pair: tuple[bytes, bytes], frames: Frames
) -> None:
    rng = np.random.default_rng(seed)
    surgeon = Surgeon(*pair, float_output=bool(seed % 2))
    kept = [layer.index for layer in surgeon.layers if rng.random() < 0.4]
    made = surgeon.keep(kept)
    check_flatbuffer(made)
    expected = output(pair[1], frames[0])
    error = np.abs(output(made, frames[0]) - expected).max()
    assert error < 0.1 * np.abs(expected).max()
    runtime = open_runtime(made, threads=1)
    stored = np.zeros(runtime.inputs.shape, runtime.inputs.dtype)
    assert np.isfinite(runtime.infer(stored)[0].astype(float)).all()
    runtime.close()


def test_nothing_kept_is_the_int8_file(pair: tuple[bytes, bytes], frames: Frames) -> None:
    made = Surgeon(*pair).keep([])
    assert operator_names(made) == operator_names(pair[0])
    np.testing.assert_array_equal(output(made, frames[0]), output(pair[0], frames[0]))


def test_kept_neighbours_hand_floats_on(pair: tuple[bytes, bytes]) -> None:
    surgeon = Surgeon(*pair)
    (second,) = (layer for layer in surgeon.layers if layer.op == "DEPTHWISE_CONV_2D")
    names = operator_names(surgeon.keep([surgeon.layers[0].index, second.index]))
    # The first layer is read by the second, which takes its floats, and by a skip, which does not.
    assert names.count("DEQUANTIZE") == 1
    assert names.count("QUANTIZE") == 2


def test_layers_that_only_move_numbers_join_their_neighbours(pair: tuple[bytes, bytes]) -> None:
    surgeon = Surgeon(*pair)
    by_op = {layer.op: layer.index for layer in surgeon.layers}
    joint = by_op["CONCATENATION"]
    (reader,) = (layer for layer in read_layers(pair[0]) if joint_output(pair[0]) in layer.inputs)
    makers = [
        layer.index
        for layer in surgeon.layers
        if layer.output in next(each.inputs for each in surgeon.layers if each.index == joint)
    ]
    assert surgeon.joined(makers) == frozenset(makers)
    assert surgeon.joined([*makers, reader.index]) == {*makers, reader.index, joint}


def joint_output(tflite: bytes) -> int:
    return next(layer.output for layer in read_layers(tflite) if layer.op == "CONCATENATION")


def test_weights_out_of_use_are_gone(pair: tuple[bytes, bytes]) -> None:
    surgeon = Surgeon(*pair)
    made = surgeon.keep([layer.index for layer in surgeon.layers])
    assert len(made) < len(pair[1]) + 4096
    assert len(surgeon.keep([])) <= len(pair[0]) + 1024


def loud_net(color_net: Any) -> Any:
    """The colour network with a layer inside whose first channel is 100 times the others."""
    base = color_net()
    *_, scores, _ = base.layers
    loud, quiet = layers.Conv2D(3, 1, name="loud"), layers.Conv2D(3, 1, name="undo")
    features = quiet(loud(scores.input))
    factors = np.array([100, 1, 1], np.float32)
    loud.set_weights([np.diag(factors)[None, None], np.zeros(3, np.float32)])
    quiet.set_weights([np.diag(1 / factors)[None, None], np.zeros(3, np.float32)])
    return keras.Model(
        base.input, layers.UpSampling2D(8, interpolation="bilinear")(scores(features))
    )


@pytest.fixture(scope="module")
def options(
    color_net: Any, pictures: Path, tmp_path_factory: pytest.TempPathFactory
) -> ConvertOptions:
    folder = tmp_path_factory.mktemp("loud")
    loud_net(color_net).save(folder / "loud.keras")
    return ConvertOptions(
        str(folder / "loud.keras"), folder / "loud.tflite", "int8", calibration=pictures, threads=1
    )


@pytest.fixture(scope="module")
def mixed(options: ConvertOptions) -> ConvertReport:
    return convert(replace(options, max_drop=1.0))


def test_a_hostile_layer_is_named_where_the_file_is_refused(options: ConvertOptions) -> None:
    with pytest.raises(GateError) as refusal:
        convert(replace(options, min_agreement=0.97))
    text = str(refusal.value)
    assert "lose most are loud CONV_2D" in text
    assert "its widest channel" in text
    assert "--max-drop POINTS keeps such layers in float32" in text
    assert not options.output.exists()


def test_a_hostile_layer_stays_in_float32(mixed: ConvertReport) -> None:
    assert mixed.proof.drop <= 1.0
    names = {layer.name for layer in mixed.kept}
    assert "loud" in names
    assert names <= {"loud", "undo"}
    assert max(layer.gain for layer in mixed.kept) > 0.01
    assert all(np.isfinite(layer.cost_ms) for layer in mixed.kept)
    assert worst_cost(mixed) == "loud"


def worst_cost(report: ConvertReport) -> str:
    return max(report.layers, key=lambda layer: layer.cost or 0.0).name


def test_the_file_says_what_is_in_float32(mixed: ConvertReport) -> None:
    manifest = read_manifest(mixed.path.read_bytes())
    assert manifest is not None
    assert manifest.precision == "int8"
    assert set(manifest.float_layers) == {layer.name for layer in mixed.kept}
    assert any("float32" in note for note in mixed.notes)


def test_what_already_holds_is_left_alone(
    options: ConvertOptions, color_file: Path, tmp_path: Path
) -> None:
    report = convert(
        replace(options, source=str(color_file), output=tmp_path / "c.tflite", max_drop=3.0)
    )
    assert report.kept == ()
    assert report.layers == ()
    assert report.manifest.float_layers == ()


def test_what_cannot_be_reached_is_refused(options: ConvertOptions) -> None:
    """The output has to be int8, and its steps alone cost more than that."""
    with pytest.raises(GateError, match="no set of layers in float32 was found"):
        convert(replace(options, io="int8", max_drop=1e-4))


def test_sensitivity_has_a_cost_for_every_layer(options: ConvertOptions, color_file: Path) -> None:
    report = convert(replace(options, source=str(color_file), sensitivity=True))
    assert [layer.op for layer in report.layers] == ["CONV_2D"] * 4
    assert all(layer.cost is not None for layer in report.layers)
    assert report.kept == ()


def test_only_int8_has_layers_to_tell_apart(options: ConvertOptions) -> None:
    with pytest.raises(ConfigError) as refusal:
        convert(replace(options, precision="float32", max_drop=-1.0, sensitivity=True))
    for reason in ("--sensitivity needs --int8", "points above 0"):
        assert reason in str(refusal.value)


@pytest.mark.slow
def test_a_hostile_layer_in_the_zoo_model(tmp_path: Path) -> None:
    """One of eight channels is 100 times as wide, and the next layer undoes it."""
    from edgeseg import zoo
    from edgeseg.fcn import read_card, save_model

    source = zoo.resolve_keras("fcn8")
    model, card = keras.models.load_model(source, compile=False), read_card(source)
    assert card is not None
    loud, undo = model.get_layer("expanded_conv_project_BN"), model.get_layer("block_1_expand")
    gamma, beta, *rest = loud.get_weights()
    gamma[0] *= 100
    beta[0] *= 100
    loud.set_weights([gamma, beta, *rest])
    (kernel,) = undo.get_weights()
    kernel[:, :, 0] /= 100
    undo.set_weights([kernel])
    save_model(model, card, tmp_path / "hostile.keras")

    asked = ConvertOptions(
        str(tmp_path / "hostile.keras"),
        tmp_path / "hostile.tflite",
        "int8",
        input_size=Size(240, 176),
        frames=16,
    )
    with pytest.raises(GateError, match=r"lose most are expanded_conv_project_BN CONV_2D"):
        convert(replace(asked, min_agreement=0.97))
    report = convert(replace(asked, min_agreement=0.97, max_drop=5.0))
    assert report.proof.agreement >= 0.97
    assert "expanded_conv_project_BN" in {layer.name for layer in report.kept}
    assert len(report.kept) < 10
