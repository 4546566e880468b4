"""Opening models: what is taken, and every reason why not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import pytest

from edgeseg.converters.load import load
from edgeseg.converters.options import ConvertOptions
from edgeseg.converters.quiet import quiet_tensorflow
from edgeseg.errors import ModelError
from edgeseg.fcn import ModelCard, build_fcn, save_model
from edgeseg.fcn.encoder import encoder_spec
from edgeseg.labels import STREET
from edgeseg.manifest import Size

pytestmark = pytest.mark.convert
layers = keras.layers


def asked(source: Path | str, **more: Any) -> ConvertOptions:
    return ConvertOptions(str(source), Path("o.tflite"), **more)


@pytest.fixture(scope="module")
def fcn_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    size = Size(64, 32)
    model = build_fcn("fcn8", "mobilenetv2-0.35", "bilinear", 11, size)
    preparation = encoder_spec("mobilenetv2-0.35").preparation(size)
    card = ModelCard(
        "fcn8", "mobilenetv2-0.35", "bilinear", STREET.names, STREET.palette, preparation
    )
    path = tmp_path_factory.mktemp("fcn") / "street.keras"
    save_model(model, card, path)
    return path


def test_a_card_leaves_nothing_to_guess(fcn_file: Path) -> None:
    network = load(asked(fcn_file))
    assert network.guesses == ()
    assert network.manifest.labels == STREET.names
    assert (network.manifest.decoder, network.manifest.upsampling) == ("fcn8", "bilinear")
    assert network.size_bytes == fcn_file.stat().st_size
    assert len(network.manifest.source_sha256) == 64


def test_our_own_networks_are_rebuilt_for_size_and_upsampling(fcn_file: Path) -> None:
    network = load(asked(f"{fcn_file}:transpose", input_size=Size(96, 64)))
    assert network.model.input_shape == (None, 64, 96, 3)
    assert network.manifest.upsampling == "transpose"
    assert network.preparation.size == Size(96, 64)
    assert type(network.model.get_layer("logits_up")).__name__ == "Conv2DTranspose"


def test_h5_files_are_taken(color_net: Any, tmp_path: Path) -> None:
    path = tmp_path / "colors.h5"
    with quiet_tensorflow():
        color_net().save(path)
    assert load(asked(path)).model.output_shape == (None, 64, 64, 3)


@pytest.mark.parametrize(
    ("scaling", "mean"),
    [
        (layers.Rescaling(1 / 127.5, offset=-1), 0.0),
        (layers.Rescaling(2.0, offset=-1), 0.0),
        (layers.Normalization(mean=[120, 118, 100], variance=[1, 1, 1]), 0.0),
        (None, 127.5),
    ],
)
def test_a_network_without_card_is_guessed_and_each_guess_names_its_flag(
    tmp_path: Path, scaling: Any, mean: float
) -> None:
    image = keras.Input((32, 32, 3))
    inner = keras.Sequential([keras.Input((32, 32, 3)), scaling or layers.ReLU()])
    model = keras.Model(image, layers.Conv2D(4, 3, padding="same")(inner(image)))
    model.save(tmp_path / "m.keras")
    network = load(asked(tmp_path / "m.keras"))
    assert network.preparation.mean == (mean,) * 3
    text = " ".join(network.guesses)
    assert all(flag in text for flag in ("--normalize", "--color", "--resize", "--labels"))


def test_flags_overrule_and_are_no_guesses(color_file: Path, tmp_path: Path) -> None:
    names = tmp_path / "names.txt"
    names.write_text("red\ngreen\n\nblue\n")
    network = load(asked(color_file, normalize="caffe", resize="letterbox", labels=names))
    assert network.guesses == ()
    assert network.manifest.labels == ("red", "green", "blue")
    assert network.preparation.color == "bgr"
    assert network.preparation.mean == (103.939, 116.779, 123.68)
    turned = load(asked(color_file, normalize="caffe", color="rgb")).preparation
    assert turned.mean == (123.68, 116.779, 103.939)
    names.write_text("red\ngreen\n")
    with pytest.raises(ModelError, match="2 classes, the model has 3"):
        load(asked(color_file, labels=names))


def test_python_code_in_a_file_is_not_run(tmp_path: Path) -> None:
    @keras.saving.register_keras_serializable("test", name="Secret")
    class Secret(layers.Layer):  # type: ignore[misc]
        def call(self, inputs: Any) -> Any:
            return inputs * 1.0

    for name, layer in (("lambda", layers.Lambda(lambda x: x * 2)), ("custom", Secret())):
        image = keras.Input((16, 16, 3))
        keras.Model(image, layers.Conv2D(3, 1)(layer(image))).save(tmp_path / f"{name}.keras")
    del keras.saving.get_custom_objects()["test>Secret"]
    with pytest.raises(ModelError, match="holds a Lambda layer"):
        load(asked(tmp_path / "lambda.keras"))
    with pytest.raises(ModelError, match="needs the custom class Secret"):
        load(asked(tmp_path / "custom.keras"))


def test_all_reasons_come_at_once(tmp_path: Path) -> None:
    first, second = keras.Input((16, 16, 1)), keras.Input((16, 16, 1))
    flat = layers.Flatten()(layers.Add()([first, second]))
    keras.Model([first, second], [flat, flat]).save(tmp_path / "m.keras")
    with pytest.raises(ModelError) as refusal:
        load(asked(tmp_path / "m.keras"))
    for reason in ("2 inputs", "2 outputs", "[any, 16, 16, 1]", "[any, 256]"):
        assert reason in str(refusal.value)


def test_an_open_size_needs_one(color_net: Any, tmp_path: Path) -> None:
    color_net(size=(None, None)).save(tmp_path / "m.keras")
    with pytest.raises(ModelError, match="--input-size WxH"):
        load(asked(tmp_path / "m.keras"))
    assert load(asked(tmp_path / "m.keras", input_size=Size(64, 48))).preparation.size == (64, 48)


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("missing.keras", "no model"),
        ("damaged.keras", "damaged or no .keras file"),
        ("damaged.h5", "cannot load"),
        ("model.onnx", "not a Keras model"),
        ("model.tflite", "TFLite file already"),
        ("folder", "without saved_model.pb"),
        ("fcn9", "no model 'fcn9' in the zoo"),
    ],
)
def test_what_is_no_model_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, reason: str
) -> None:
    monkeypatch.chdir(tmp_path)
    for file in ("damaged.keras", "damaged.h5", "model.onnx", "model.tflite"):
        (tmp_path / file).write_bytes(b"nothing")
    (tmp_path / "folder").mkdir()
    with pytest.raises(ModelError, match=reason):
        load(asked(name))


def test_saved_models_are_taken_as_they_are(color_net: Any, tmp_path: Path) -> None:
    with quiet_tensorflow():
        color_net("nearest").export(str(tmp_path / "saved"))
    network = load(asked(tmp_path / "saved"))
    assert network.model.output_shape == (1, 64, 64, 3)
    with pytest.raises(ModelError, match="fixed to 64x64 pixels"):
        load(asked(tmp_path / "saved", input_size=Size(96, 80)))
