"""Heads: the coarse one is exact or refused, whatever the graph around it."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest
from numpy.typing import NDArray

from edgeseg.converters.rewrite.head import argmax_head, auto_head, coarse_head, full_head
from edgeseg.converters.rewrite.tail import bilinear_plane
from edgeseg.decode import Grid, decode
from edgeseg.errors import ModelError
from edgeseg.fcn import build_fcn
from edgeseg.manifest import Head, Size

pytestmark = pytest.mark.convert
layers = keras.layers


def random_image(model: Any, seed: int = 0) -> NDArray[np.float32]:
    height, width = model.inputs[0].shape[1:3]
    return np.random.default_rng(seed).normal(size=(1, height, width, 3)).astype(np.float32)


def run(model: Any, image: NDArray[np.float32]) -> NDArray[Any]:
    return np.asarray(model(image, training=False))[0]


def agreement_with_full(model: Any, headed: Any) -> float:
    image = random_image(model)
    size = Size(model.inputs[0].shape[2], model.inputs[0].shape[1])
    grid = Grid(1 / headed.head.stride, 1 / headed.head.stride)
    found = decode(run(headed.model, image), size, grid, headed.head.to_frame)
    return float((found == run(model, image).argmax(axis=-1)).mean())


@pytest.mark.parametrize("up", ["bilinear", "nearest", "resizing", "transpose"])
def test_a_coarse_head_decodes_to_the_full_networks_classes(color_net: Any, up: str) -> None:
    model = color_net(up)
    headed = auto_head(model)
    to_frame = "nearest" if up == "nearest" else "bilinear"
    assert headed.head == Head("logits", 8, to_frame)
    assert headed.model.output_shape == (None, 8, 8, 3)
    assert not headed.notes
    assert agreement_with_full(model, headed) > 0.9995


@pytest.mark.parametrize("upsampling", ["transpose", "bilinear", "nearest"])
@pytest.mark.parametrize(("decoder", "stride"), [("fcn32", 32), ("fcn8", 8)])
def test_a_padded_fcn_is_cut_at_its_stride(decoder: Any, stride: int, upsampling: Any) -> None:
    keras.utils.set_random_seed(1)
    model = build_fcn(decoder, "mobilenetv2-0.35", upsampling, 5, Size(70, 50))
    headed = coarse_head(model)
    assert headed.head.stride == stride
    assert headed.model.output_shape[1:3] == (64 // stride, 96 // stride)
    assert agreement_with_full(model, headed) > 0.999


@pytest.mark.parametrize("stride", [2, 3, 4, 5])
def test_a_transposed_convolution_with_the_bilinear_kernel_is_a_resize(stride: int) -> None:
    taps = 2 * stride if stride % 2 == 0 else 2 * stride - 1
    plane = bilinear_plane(taps, stride)
    assert plane is not None
    image = keras.Input((6 * stride, 7 * stride, 3))
    cells = layers.Conv2D(4, stride, strides=stride)(image)
    layer = layers.Conv2DTranspose(4, taps, strides=stride, padding="same")
    model = keras.Model(image, layer(cells))
    layer.set_weights([0.3 * plane[..., None, None] * np.eye(4), np.full(4, 0.7)])
    headed = coarse_head(model)
    assert headed.head.stride == stride
    # Cells in steps of 1/2048: a few pixels on a boundary may fall to the other side.
    assert agreement_with_full(model, headed) > 0.995


TAILS: dict[str, Any] = {
    "softmax": layers.Softmax(),
    "activation in another dtype": layers.Activation("softmax", dtype="float32"),
    "dropout and softmax": lambda x: layers.Softmax()(layers.Dropout(0.5)(x)),
    "softmax operation": keras.ops.softmax,
    "slice that takes all": lambda x: x[:, :64, :64],
    "permute that changes nothing": layers.Permute((1, 2, 3)),
    "reshape that changes nothing": layers.Reshape((64, 64, 3)),
}


@pytest.mark.parametrize("tail", TAILS)
def test_tails_that_keep_the_winner_are_passed(color_net: Any, tail: str) -> None:
    model = color_net(tail=TAILS[tail])
    headed = coarse_head(model)
    assert headed.head == Head("logits", 8, "bilinear")
    assert agreement_with_full(model, headed) > 0.9995


def valid_and_cropped(stride: int, crop: Any) -> Any:
    """Return a network that ends in a 'valid' bilinear transposed convolution and a crop."""
    taps = 2 * stride - stride % 2
    plane = bilinear_plane(taps, stride)
    assert plane is not None
    image = keras.Input((6 * stride, 7 * stride, 3))
    cells = layers.Conv2D(4, stride, strides=stride)(image)
    layer = layers.Conv2DTranspose(4, taps, strides=stride, use_bias=False)
    model = keras.Model(image, crop(layer(cells)))
    layer.set_weights([plane[..., None, None] * np.eye(4)])
    return model


@pytest.mark.parametrize("stride", [2, 3, 8])
@pytest.mark.parametrize("written", ["layer", "slice", "layer behind a softmax"])
def test_a_crop_makes_a_valid_transposed_convolution_a_same_one(stride: int, written: str) -> None:
    before = stride // 2
    crops: dict[str, Any] = {
        "layer": layers.Cropping2D(before),
        "slice": lambda x: x[:, before:-before, before:-before],
        "layer behind a softmax": lambda x: layers.Cropping2D(before)(layers.Softmax()(x)),
    }
    model = valid_and_cropped(stride, crops[written])
    headed = coarse_head(model)
    assert headed.head.stride == stride
    assert headed.model.output_shape[1:3] == (6, 7)
    assert agreement_with_full(model, headed) > 0.995


def test_any_other_crop_at_the_top_is_refused() -> None:
    for crop in (
        layers.Cropping2D(((1, 3), (2, 2))),
        lambda x: x[:, 2:-2, :-4],
        layers.Cropping2D(((0, 4), (0, 4))),
    ):
        model = valid_and_cropped(4, crop)
        with pytest.raises(ModelError, match=r"a crop behind it|padding other than 'same'"):
            coarse_head(model)
    same = build_same_and_cropped()
    with pytest.raises(ModelError, match="a crop behind it"):
        coarse_head(same)


def build_same_and_cropped() -> Any:
    image = keras.Input((12, 12, 3))
    cells = layers.Conv2D(2, 2, strides=2)(image)
    layer = layers.Conv2DTranspose(2, 4, strides=2, padding="same", use_bias=False)
    model = keras.Model(image, layers.Cropping2D(1)(layer(cells)))
    plane = bilinear_plane(4, 2)
    assert plane is not None
    layer.set_weights([plane[..., None, None] * np.eye(2)])
    return model


REFUSED: dict[str, tuple[Any, str]] = {
    "learned kernel": (lambda net: net("learned"), "not bilinear"),
    "unknown tail": (lambda net: net(tail=lambda x: x * 2.0), "ends in multiply"),
    "convolution last": (lambda net: net(tail=layers.Conv2D(3, 3, padding="same")), "(Conv2D)"),
    "padding and a crop at the top": (
        lambda net: net(
            tail=lambda x: layers.Cropping2D(((2, 0), (0, 0)))(
                layers.ZeroPadding2D(((2, 0), (0, 0)))(x)
            )
        ),
        "Cropping2D",
    ),
    "softmax over rows": (lambda net: net(tail=layers.Softmax(axis=1)), "Softmax"),
    "bicubic": (
        lambda net: net(
            tail=lambda x: layers.UpSampling2D(2, interpolation="bicubic")(x[:, :32, :32])
        ),
        "bicubic",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_not_exact_is_refused_or_falls_back_with_the_reason(
    color_net: Any, case: str
) -> None:
    build, reason = REFUSED[case]
    model = build(color_net)
    with pytest.raises(ModelError, match="take --head full") as refusal:
        coarse_head(model)
    assert reason in str(refusal.value)
    fallen_back = auto_head(model)
    assert fallen_back.head.stride == 1
    assert any(reason in note for note in fallen_back.notes)


def test_a_bias_counts_only_where_it_differs_by_class() -> None:
    for bias, is_exact in (([0.5, 0.5], True), ([0.5, 0.1], False)):
        image = keras.Input((8, 8, 3))
        layer = layers.Conv2DTranspose(2, 4, strides=2, padding="same")
        model = keras.Model(image, layer(layers.Conv2D(2, 2, strides=2)(image)))
        plane = bilinear_plane(4, 2)
        assert plane is not None
        layer.set_weights([plane[..., None, None] * np.eye(2), np.array(bias)])
        assert (auto_head(model).head.stride == 2) is is_exact


def test_nested_models_are_cut_inside() -> None:
    inner = keras.Input((16, 16, 4))
    decoder = keras.Model(
        inner,
        layers.Softmax()(
            layers.UpSampling2D(2, interpolation="bilinear")(layers.Conv2D(3, 1)(inner))
        ),
    )
    outer = keras.Input((32, 32, 3))
    model = keras.Model(outer, decoder(layers.Conv2D(4, 3, strides=2, padding="same")(outer)))
    headed = coarse_head(model)
    assert headed.head.stride == 2
    assert agreement_with_full(model, headed) > 0.999
    assert full_head(model).notes[0].startswith("softmax")


def test_a_full_head_gives_logits(color_net: Any) -> None:
    image = keras.Input((16, 16, 3))
    built_in = keras.Model(image, layers.Conv2D(3, 1, activation="softmax")(image))
    for model in (color_net(tail=layers.Softmax()), built_in):
        headed = full_head(model)
        probabilities, logits = (run(m, random_image(model)) for m in (model, headed.model))
        assert headed.head.kind == "logits"
        assert len(headed.notes) == 1
        np.testing.assert_allclose(keras.ops.softmax(logits), probabilities, atol=1e-5)
    assert run(built_in, random_image(built_in)).max() <= 1  # the model itself is as it was


def test_a_probability_that_cannot_be_removed_is_named(color_net: Any) -> None:
    model = color_net(tail=lambda x: layers.Softmax()(x)[:, :64, :64])
    assert full_head(model).head.kind == "probability"


def test_an_argmax_head_gives_the_classes(color_net: Any) -> None:
    model = color_net()
    headed = argmax_head(model)
    assert headed.head == Head("class_map", 1, "nearest")
    image = random_image(model)
    np.testing.assert_array_equal(run(headed.model, image), run(model, image).argmax(axis=-1))


def test_a_network_without_upsampling_is_coarse_as_it_is() -> None:
    image = keras.Input((64, 64, 3))
    model = keras.Model(image, layers.Conv2D(3, 3, strides=4, padding="same")(image))
    assert auto_head(model).head == Head("logits", 4, "bilinear")


def test_an_output_larger_than_the_input_is_refused() -> None:
    image = keras.Input((16, 16, 3))
    model = keras.Model(image, layers.UpSampling2D(2)(layers.Conv2D(3, 1)(image)))
    with pytest.raises(ModelError, match="not larger than the input"):
        auto_head(model)
