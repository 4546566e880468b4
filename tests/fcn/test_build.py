"""The FCN family: shapes, starts and structure of every decoder, upsampling and encoder."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgeseg.errors import ConfigError, ModelError
from edgeseg.fcn import (
    DECODERS,
    ENCODERS,
    UPSAMPLINGS,
    ModelCard,
    bilinear_kernel,
    build_fcn,
    read_card,
    rebuild,
    save_model,
)
from edgeseg.fcn.encoder import encoder_spec
from edgeseg.labels import palette_for
from edgeseg.manifest import Size

pytestmark = pytest.mark.convert

SMALL = "mobilenetv2-0.35"
SQUARE = Size(64, 64)


def _image(size: Size, seed: int = 0) -> Any:
    shape = (1, size.height, size.width, 3)
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


def _card(decoder: Any = "fcn8", upsampling: Any = "bilinear", size: Size = SQUARE) -> ModelCard:
    return ModelCard(
        decoder=decoder,
        encoder=SMALL,
        upsampling=upsampling,
        labels=("road", "sky", "car"),
        palette=palette_for(3),
        preparation=encoder_spec(SMALL).preparation(size),
        trained={"seed": 1},
    )


@pytest.mark.parametrize("size", [Size(64, 64), Size(97, 70), Size(33, 1)])
@pytest.mark.parametrize("decoder", DECODERS)
def test_logits_have_exactly_the_input_size(decoder: Any, size: Size) -> None:
    model = build_fcn(decoder, SMALL, "bilinear", 5, size)
    assert model.output_shape == (None, size.height, size.width, 5)
    assert np.isfinite(model(_image(size))).all()


@pytest.mark.parametrize("encoder", ENCODERS)
def test_every_encoder_gives_features_at_stride_8(encoder: str) -> None:
    model = build_fcn("fcn8", encoder, "nearest", 4, Size(64, 96), head="coarse")
    assert model.output_shape == (None, 12, 8, 4)


def test_vgg16_is_scored_behind_pool3_and_pool4_as_in_the_paper() -> None:
    model = build_fcn("fcn8", "vgg16", "transpose", 4, Size(64, 64), scores="paper")
    skips = [model.get_layer(f"scores_{stride}").input.shape[-1] for stride in (8, 16)]
    assert skips == [256, 512]
    assert model.get_layer("fc6").kernel.shape == (7, 7, 512, 4096)


def test_wider_decoder_starts_as_the_narrower_one() -> None:
    """Skip scores start at zero, so FCN-8 rebuilt from FCN-32 is FCN-32 through smaller steps."""
    card = _card("fcn32")
    narrow = build_fcn("fcn32", SMALL, "bilinear", 3, Size(64, 64))
    wide, changed = rebuild(narrow, card, decoder="fcn8")
    assert changed.decoder == "fcn8"
    image = _image(Size(64, 64))
    coarse = build_fcn("fcn32", SMALL, "bilinear", 3, Size(64, 64), head="coarse")
    coarse.set_weights(narrow.get_weights())
    assert np.allclose(wide.get_layer("scores_8").get_weights()[0], 0)
    assert np.argmax(wide(image), -1).shape == (1, 64, 64)
    assert np.abs(np.asarray(wide(image))).max() <= np.abs(np.asarray(coarse(image))).max() + 1e-5


@pytest.mark.parametrize("stride", [2, 4, 8])
def test_transposed_convolution_starts_bilinear(stride: int) -> None:
    """Inside, it equals a half-pixel-centre resize; s/2 rows and columns at the border fade."""
    import keras

    scores = np.random.default_rng(1).standard_normal((1, 6, 7, 3)).astype(np.float32)
    layer = keras.layers.Conv2DTranspose(3, 2 * stride, stride, padding="same", use_bias=False)
    layer.build(scores.shape)
    layer.set_weights([bilinear_kernel(stride, 3)])
    resized = keras.layers.UpSampling2D(stride, interpolation="bilinear")(scores)
    inside = (slice(None), slice(stride // 2, -stride // 2), slice(stride // 2, -stride // 2))
    difference = np.abs(np.asarray(layer(scores)) - np.asarray(resized))
    assert difference[inside].max() < 1e-5
    assert difference.max() > 0.01


@pytest.mark.parametrize("upsampling", UPSAMPLINGS)
def test_saved_model_loads_with_plain_keras(upsampling: Any, tmp_path: Path) -> None:
    import keras

    path = tmp_path / "model.keras"
    model = build_fcn("fcn8", SMALL, upsampling, 3, Size(70, 50))
    card = _card(upsampling=upsampling, size=Size(70, 50))
    save_model(model, card, path)
    loaded = keras.models.load_model(path)  # safe mode is the default
    image = _image(Size(70, 50))
    assert np.array_equal(loaded(image), model(image))
    assert read_card(path) == card
    assert not list(tmp_path.glob(".*"))


def test_rebuild_keeps_weights_over_size_and_upsampling() -> None:
    model = build_fcn("fcn8", SMALL, "bilinear", 3, Size(64, 64))
    rng = np.random.default_rng(2)
    for stride in (8, 16):
        layer = model.get_layer(f"scores_{stride}")
        layer.set_weights([rng.standard_normal(w.shape) for w in layer.get_weights()])
    other, _ = rebuild(model, _card(), input_size=Size(128, 96))
    twin, card = rebuild(other, _card(size=Size(128, 96)), upsampling="transpose")
    assert card.upsampling == "transpose"
    image = _image(Size(128, 96))
    inside = (0, slice(32, -32), slice(32, -32))
    expected, found = np.asarray(other(image))[inside], np.asarray(twin(image))[inside]
    # The 2x transposed convolutions fade at the border before the skip addition.
    assert (expected.argmax(-1) == found.argmax(-1)).mean() > 0.98


def test_rebuild_refuses_another_network() -> None:
    model = build_fcn("fcn8", "mobilenetv2-0.5", "bilinear", 3, Size(64, 64))
    with pytest.raises(ModelError, match="does not match its card"):
        rebuild(model, _card(), upsampling="nearest")


def test_file_without_card_reads_as_none(tmp_path: Path) -> None:
    assert read_card(tmp_path / "missing.keras") is None
    path = tmp_path / "plain.keras"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("config.json", "{}")
    assert read_card(path) is None


def test_damaged_card_is_named(tmp_path: Path) -> None:
    path = tmp_path / "odd.keras"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("edgeseg.json", '{"decoder": "fcn8"}')
    with pytest.raises(ModelError, match="card"):
        read_card(path)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("fcn4", SMALL, "bilinear", 3, Size(64, 64)), "no decoder 'fcn4'"),
        (("fcn8", "alexnet", "bilinear", 3, Size(64, 64)), "no encoder 'alexnet'"),
        (("fcn8", SMALL, "cubic", 3, Size(64, 64)), "no upsampling 'cubic'"),
        (("fcn8", SMALL, "bilinear", 1, Size(64, 0)), "1 classes.*64x0"),
    ],
)
def test_wrong_arguments_are_named(arguments: Any, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        build_fcn(*arguments)


def test_paper_scores_belong_to_vgg16() -> None:
    with pytest.raises(ConfigError, match="vgg16"):
        build_fcn("fcn8", SMALL, "bilinear", 3, Size(64, 64), scores="paper")


def test_weights_file_is_loaded_and_a_wrong_one_is_refused(tmp_path: Path) -> None:
    import keras

    donor = keras.applications.MobileNetV2(
        include_top=False, weights=None, alpha=0.35, input_shape=(96, 96, 3)
    )
    path = tmp_path / "donor.weights.h5"
    donor.save_weights(path)
    model = build_fcn("fcn32", SMALL, "bilinear", 3, Size(70, 64), weights=path)
    expected = donor.get_layer("Conv_1").get_weights()[0]
    assert np.array_equal(model.get_layer("Conv_1").get_weights()[0], expected)
    with pytest.raises(ModelError, match="cannot load"):
        build_fcn("fcn32", "resnet50", "bilinear", 3, Size(64, 64), weights=path)
    with pytest.raises(ModelError, match="cannot load"):
        build_fcn("fcn32", SMALL, "bilinear", 3, Size(64, 64), weights=tmp_path / "none.h5")


def test_last_transposed_convolution_is_fixed_unless_asked() -> None:
    fixed = build_fcn("fcn8", SMALL, "transpose", 3, Size(64, 64))
    free = build_fcn("fcn8", SMALL, "transpose", 3, Size(64, 64), train_last_upsampling=True)
    assert not fixed.get_layer("logits_up").trainable
    assert fixed.get_layer("scores_up_8").trainable
    assert free.get_layer("logits_up").trainable
