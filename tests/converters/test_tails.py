"""Other people's tails: pixels in a row, class maps, and outputs larger than the input.

The networks are those of keras_segmentation (github.com/divamgupta/image-segmentation-keras,
keras_segmentation/models/{fcn,basic_models,mobilenet,model_utils}.py), with fewer channels.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import keras
import numpy as np
import pytest

from edgeseg.converters import ConvertOptions, convert
from edgeseg.converters.load import load
from edgeseg.converters.rewrite.head import auto_head
from edgeseg.converters.rewrite.unflatten import unflatten
from edgeseg.errors import ModelError
from edgeseg.manifest import Head, Size
from edgeseg.masks import read_image
from edgeseg.prepare import prepare
from edgeseg.runtimes import TensorSpec
from edgeseg.segmenter import Segmenter

layers, ops = keras.layers, keras.ops
CLASSES = 4
Features = tuple[Any, list[Any]]


def vanilla_encoder(height: int, width: int) -> Features:
    image = keras.Input((height, width, 3))
    x, levels = image, []
    for filters in (4, 6, 8, 8, 8):
        x = layers.ZeroPadding2D((1, 1))(x)
        x = layers.Conv2D(filters, (3, 3), padding="valid")(x)
        x = layers.BatchNormalization()(x)
        x = layers.Activation("relu")(x)
        x = layers.MaxPooling2D((2, 2))(x)
        levels.append(x)
    return image, levels


def mobilenet_encoder(height: int, width: int) -> Features:
    image = keras.Input((height, width, 3))
    x, levels = image, []
    for block, filters in enumerate((4, 6, 8, 8, 8)):
        x = layers.ZeroPadding2D((1, 1))(x)
        if block:
            x = layers.DepthwiseConv2D((3, 3), padding="valid", strides=2, use_bias=False)(x)
            x = layers.BatchNormalization()(x)
            x = layers.Activation("relu6")(x)
            x = layers.Conv2D(filters, (1, 1), padding="same", use_bias=False)(x)
        else:
            x = layers.Conv2D(filters, (3, 3), padding="valid", strides=2, use_bias=False)(x)
        x = layers.BatchNormalization()(x)
        x = layers.Activation("relu6")(x)
        levels.append(x)
    return image, levels


def cropped(one: Any, other: Any) -> tuple[Any, Any]:
    """Crop the larger of two maps at the bottom and the right, each axis for itself."""
    for axis in (1, 2):
        more = one.shape[axis] - other.shape[axis]
        cut = [(0, 0), (0, 0)]
        cut[axis - 1] = (0, abs(more))
        if more > 0:
            one = layers.Cropping2D(cut)(one)
        else:
            other = layers.Cropping2D(cut)(other)
    return one, other


def scores(features: Any) -> Any:
    return layers.Conv2D(CLASSES, (1, 1), kernel_initializer="he_normal")(features)


def upward(features: Any, stride: int) -> Any:
    return layers.Conv2DTranspose(CLASSES, kernel_size=2 * stride, strides=stride, use_bias=False)(
        features
    )


def head(features: Any) -> Any:
    x = layers.Conv2D(16, (7, 7), activation="relu", padding="same")(features)
    x = layers.Dropout(0.5)(x)
    x = layers.Conv2D(16, (1, 1), activation="relu", padding="same")(x)
    return scores(layers.Dropout(0.5)(x))


def fcn_8(encoder: Callable[[int, int], Features], height: int, width: int) -> Features:
    image, levels = encoder(height, width)
    x, skip = cropped(upward(head(levels[4]), 2), scores(levels[3]))
    x = layers.Add()([x, skip])
    skip, x = cropped(scores(levels[2]), upward(x, 2))
    x = layers.Add()([skip, x])
    return image, upward(x, 8)


def fcn_32(encoder: Callable[[int, int], Features], height: int, width: int) -> Features:
    image, levels = encoder(height, width)
    return image, upward(head(levels[4]), 32)


def segnet(encoder: Callable[[int, int], Features], height: int, width: int) -> Features:
    image, levels = encoder(height, width)
    x = levels[2]
    for filters in (8, 6):
        x = layers.UpSampling2D((2, 2))(x)
        x = layers.ZeroPadding2D((1, 1))(x)
        x = layers.Conv2D(filters, (3, 3), padding="valid")(x)
        x = layers.BatchNormalization()(x)
    return image, layers.Conv2D(CLASSES, (3, 3), padding="same")(x)


def in_a_row(image: Any, output: Any, *, softmax: bool = True) -> Any:
    """Close the network as get_segmentation_model does; older versions have the softmax."""
    _, height, width, _ = output.shape
    x = layers.Reshape((height * width, -1))(output)
    return keras.Model(image, layers.Activation("softmax")(x) if softmax else x)


def trained(model: Any) -> Any:
    """Give every weight a value under which all classes are seen."""
    rng = np.random.default_rng(5)
    for variable in model.weights:
        if "kernel" in variable.path:
            fan = np.prod(variable.shape[:-1])
            variable.assign(rng.normal(size=variable.shape) * np.sqrt(2 / fan))
    return model


NETWORKS: dict[str, tuple[Any, Any, Size, Head]] = {
    "fcn_8": (fcn_8, vanilla_encoder, Size(96, 64), Head(layout="span")),
    "fcn_8 of an odd size": (fcn_8, vanilla_encoder, Size(100, 70), Head(layout="span")),
    "fcn_32": (fcn_32, vanilla_encoder, Size(96, 64), Head(layout="span")),
    "fcn_8_mobilenet": (fcn_8, mobilenet_encoder, Size(64, 64), Head(layout="span")),
    "segnet": (segnet, vanilla_encoder, Size(96, 64), Head("logits", 2)),
}


@pytest.mark.parametrize("name", NETWORKS)
def test_networks_of_keras_segmentation_are_converted(
    name: str, pictures: Path, tmp_path: Path
) -> None:
    decoder, encoder, size, expected = NETWORKS[name]
    image, output = decoder(encoder, size.height, size.width)
    model = trained(in_a_row(image, output, softmax=name.startswith("fcn_8")))
    model.save(tmp_path / "m.keras")
    options = ConvertOptions(
        str(tmp_path / "m.keras"),
        tmp_path / "m.tflite",
        calibration=pictures,
        normalize="caffe",
        color="rgb",
    )
    report = convert(options)
    assert report.manifest.head == expected
    assert report.proof.agreement > 0.999
    assert any("'valid'" in note for note in report.notes) is (expected.layout == "span")
    assert any("cells and 4 classes again" in note for note in report.notes)
    _, height, width, _ = output.shape
    assert_same_classes(model, (height, width), report, pictures)


def assert_same_classes(model: Any, cells: tuple[int, int], report: Any, pictures: Path) -> None:
    """Compare the file with the original network, whose map is stretched over the picture.

    What a softmax gives has logarithms that differ from the logits by a number for each pixel,
    which neither interpolation nor argmax sees.
    """
    frame = read_image(min(pictures.iterdir()))
    preparation = report.manifest.preparation
    spec = TensorSpec((1, preparation.size.height, preparation.size.width, 3), "float32")
    answer = np.asarray(model(prepare(frame, preparation, spec), training=False))
    if model.layers[-1].name.startswith("activation"):
        answer = np.log(np.maximum(answer, 1e-30))
    size = frame.shape[1::-1]
    stretched = cv2.resize(answer.reshape(*cells, CLASSES), size, interpolation=cv2.INTER_LINEAR)
    expected = stretched.argmax(axis=-1)
    assert len(np.unique(expected)) > 1
    with Segmenter(report.path, threads=1) as segmenter:
        seen = segmenter.segment(frame).mask
    assert (seen == expected).mean() > 0.99


def small(*tail: Any, out: int = CLASSES, size: tuple[int, int] = (16, 24)) -> Any:
    """Return a network of one convolution with a tail."""
    image = keras.Input((*size, 3))
    x = layers.Conv2D(out, 3, padding="same")(image)
    for part in tail:
        x = part(x)
    return keras.Model(image, x)


FLAT: dict[str, Any] = {
    "reshape": [layers.Reshape((16 * 24, CLASSES))],
    "reshape and softmax layer": [layers.Reshape((-1, CLASSES)), layers.Softmax()],
    "softmax of axis 2": [layers.Reshape((-1, CLASSES)), layers.Softmax(axis=2)],
    "operations": [lambda x: ops.reshape(x, (-1, 16 * 24, CLASSES)), ops.softmax],
    "and back": [
        layers.Reshape((-1, CLASSES)),
        layers.Activation("softmax"),
        layers.Reshape((16, 24, CLASSES)),
    ],
    "softmax first": [layers.Softmax(), layers.Reshape((-1, CLASSES))],
    "permute that changes nothing": [layers.Permute((1, 2, 3)), layers.Reshape((-1, CLASSES))],
    "dropout": [layers.Reshape((-1, CLASSES)), layers.Dropout(0.1)],
    "argmax": [lambda x: ops.argmax(x, axis=-1)],
    "softmax and argmax": [layers.Softmax(), lambda x: ops.argmax(x, axis=3)],
    "argmax of one channel": [lambda x: ops.argmax(x, axis=-1, keepdims=True)],
    "argmax in another type": [
        lambda x: ops.cast(ops.expand_dims(ops.argmax(x, axis=-1), -1), "uint8")
    ],
    "argmax in a row": [
        layers.Reshape((-1, CLASSES)),
        lambda x: ops.reshape(ops.argmax(x, axis=-1), (-1, 16, 24)),
    ],
}


@pytest.mark.parametrize("tail", FLAT)
def test_the_map_behind_a_tail_is_found(tail: str) -> None:
    model = small(*FLAT[tail])
    found = unflatten(model)
    assert found.model.output_shape == (None, 16, 24, CLASSES)
    assert len(found.notes) == 1
    assert "removed" in found.notes[0]
    image = np.random.default_rng(0).normal(size=(1, 16, 24, 3)).astype(np.float32)
    old, new = (np.asarray(one(image, training=False)) for one in (model, found.model))
    if old.size != new.size:
        np.testing.assert_array_equal(old.ravel(), new.argmax(axis=-1).ravel())
    else:
        np.testing.assert_array_equal(
            old.reshape(-1, CLASSES).argmax(-1), new.reshape(-1, CLASSES).argmax(-1)
        )


def test_nested_models_are_looked_into() -> None:
    inner = small(layers.Reshape((-1, CLASSES)))
    image = keras.Input((16, 24, 3))
    outer = keras.Model(image, layers.Softmax()(inner(image)))
    assert unflatten(outer).model.output_shape == (None, 16, 24, CLASSES)
    plain = keras.Sequential([small(), layers.Reshape((-1, CLASSES)), layers.Softmax()])
    assert unflatten(plain).model.output_shape == (None, 16, 24, CLASSES)


def test_a_map_is_left_as_it_is() -> None:
    for tail in ([], [layers.Softmax()], [layers.Reshape((16, 24, CLASSES))]):
        model = small(*tail)
        assert unflatten(model).model.output_shape == model.output_shape


BAD: dict[str, tuple[Any, str]] = {
    "classes first": (
        [layers.Reshape((-1, 16 * 24)), layers.Permute((2, 1))],
        "moves axes",
    ),
    "mixed": ([layers.Reshape((-1, 16 * 24))], "mixes pixels and classes"),
    "flat": ([layers.Flatten()], "(Flatten)"),
    "pooled": ([layers.GlobalAveragePooling2D(keepdims=False)], "(GlobalAveragePooling2D)"),
    "argmax over rows": ([lambda x: ops.argmax(x, axis=1)], "(Argmax)"),
}


@pytest.mark.parametrize("case", BAD)
def test_what_is_no_map_is_told(case: str, tmp_path: Path) -> None:
    tail, reason = BAD[case]
    small(*tail).save(tmp_path / "m.keras")
    with pytest.raises(ModelError, match="cannot be converted") as refusal:
        load(ConvertOptions(str(tmp_path / "m.keras"), tmp_path / "m.tflite"))
    assert reason in str(refusal.value)
    assert "\n" not in str(refusal.value)


def test_another_input_size_is_taken_once_the_row_is_a_map(tmp_path: Path) -> None:
    small(layers.Reshape((16 * 24, CLASSES))).save(tmp_path / "m.keras")
    options = ConvertOptions(str(tmp_path / "m.keras"), tmp_path / "m.tflite")
    network = load(replace(options, input_size=Size(48, 32)))
    assert network.model.output_shape == (None, 32, 48, CLASSES)
    assert network.notes[0].startswith("reshape")
    assert "24x16 cells and 4 classes" in network.notes[0]


def test_an_output_far_beyond_the_input_is_refused() -> None:
    image = keras.Input((16, 16, 3))
    model = keras.Model(image, layers.Conv2DTranspose(3, 4, strides=2)(image))
    with pytest.raises(ModelError, match="not larger than the input"):
        auto_head(model)
