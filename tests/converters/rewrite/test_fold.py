"""Folding is exact, takes in what it may and nothing else, and reaches the file."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from edgeseg.converters.delegates.op import read_ops
from edgeseg.converters.export import export
from edgeseg.converters.quiet import quiet_tensorflow
from edgeseg.converters.rewrite.calls import replace_calls
from edgeseg.converters.rewrite.fold import fold
from edgeseg.converters.rewrite.forms import form
from edgeseg.converters.rewrite.sites import site_of
from edgeseg.manifest import Size

layers = keras.layers
SIZE = Size(10, 6)


def network(*parts: Any, seed: int = 0) -> Any:
    """Return a network of these layers whose weights are all random, variances positive."""
    image = keras.Input((SIZE.height, SIZE.width, 3))
    tensor = image
    for part in parts:
        tensor = part(tensor)
    model = keras.Model(image, tensor)
    rng = np.random.default_rng(seed)
    for variable in model.weights:
        values = rng.normal(size=variable.shape)
        variable.assign(np.abs(values) + 0.05 if "variance" in variable.path else values)
    return model


def answer(model: Any, seed: int = 0) -> NDArray[np.float32]:
    image = np.random.default_rng(seed).normal(size=(1, SIZE.height, SIZE.width, 3))
    return np.asarray(model(image.astype(np.float32), training=False))


def kinds(model: Any) -> list[str]:
    return [type(layer).__name__ for layer in model.layers[1:]]


def assert_folded(model: Any) -> Any:
    """See that only transposed convolutions are left, and that they compute the same."""
    before = answer(model)
    folded, notes = fold(model, SIZE)
    assert set(kinds(folded)) == {"Conv2DTranspose"}
    assert len(notes) == len(folded.layers) - 1
    assert np.abs(answer(folded) - before).max() < 1e-5 * np.abs(before).max()
    np.testing.assert_array_equal(answer(model), before)
    return folded


@settings(max_examples=15)
@given(
    kernel=st.integers(1, 6),
    stride=st.integers(1, 4),
    padding=st.sampled_from(["same", "valid"]),
    bias=st.booleans(),
    scale=st.booleans(),
    center=st.booleans(),
    seed=st.integers(0, 99),
)
def test_batch_normalization_and_relu_are_folded_exactly(
    kernel: int, stride: int, padding: str, bias: bool, scale: bool, center: bool, seed: int
) -> None:
    layer = layers.Conv2DTranspose(4, kernel, strides=stride, padding=padding, use_bias=bias)
    norm = layers.BatchNormalization(scale=scale, center=center, epsilon=1e-2)
    folded = assert_folded(network(layer, norm, layers.ReLU(), seed=seed))
    assert folded.layers[-1].activation is keras.activations.relu


def upward(**more: Any) -> Any:
    return layers.Conv2DTranspose(4, 4, strides=2, padding="same", **more)


RELUS: dict[str, tuple[Any, str]] = {
    "ReLU": (layers.ReLU(), "relu"),
    "ReLU of 6": (layers.ReLU(max_value=6), "relu6"),
    "Activation": (layers.Activation("relu"), "relu"),
    "relu6": (layers.Activation("relu6"), "relu6"),
    "operation": (keras.ops.relu, "relu"),
    "operation of 6": (keras.ops.relu6, "relu6"),
    "function of 6": (lambda x: keras.activations.relu(x, max_value=6), "relu6"),
}


@pytest.mark.parametrize("relu", RELUS)
def test_every_way_to_write_a_relu_is_taken_in(relu: str) -> None:
    part, name = RELUS[relu]
    folded = assert_folded(network(upward(), layers.BatchNormalization(), part))
    assert folded.layers[-1].activation.__name__ == name


def test_dropout_between_and_nested_models_are_no_obstacle() -> None:
    block = keras.Sequential(
        [upward(), layers.BatchNormalization(), layers.Dropout(0.5), layers.ReLU()], name="block"
    )
    model = network(block, upward(name="last"), layers.BatchNormalization(name="norm"))
    assert_folded(model)
    assert fold(model, SIZE)[1][1] == "norm folded into last"


LEFT: dict[str, Any] = {
    "leaky": layers.LeakyReLU(),
    "relu with a slope": layers.ReLU(negative_slope=0.1),
    "relu of 4": layers.ReLU(max_value=4),
    "softmax": layers.Softmax(),
    "norm over rows": layers.BatchNormalization(axis=1),
    "two users": lambda x: layers.ReLU()(x) + x,
    "norm of the batch": lambda x: layers.BatchNormalization()(x, training=True),
    "nothing": lambda x: x,
}


@pytest.mark.parametrize("case", LEFT)
def test_what_cannot_be_folded_stays(case: str) -> None:
    model = network(upward(), LEFT[case])
    assert fold(model, SIZE) == (model, ())


def test_an_activation_of_its_own_comes_before_what_follows() -> None:
    model = network(upward(activation="relu"), layers.BatchNormalization())
    assert fold(model, SIZE) == (model, ())


def test_a_relu_behind_the_normalization_of_an_output_stays() -> None:
    """What the network gives out itself cannot fall away."""
    image = keras.Input((SIZE.height, SIZE.width, 3))
    up = upward()(image)
    model = keras.Model(image, [up, layers.ReLU()(up)])
    assert fold(model, SIZE) == (model, ())


def test_a_shared_layer_is_folded_once_for_each_call() -> None:
    shared = layers.Conv2DTranspose(3, 3, padding="same")
    image = keras.Input((SIZE.height, SIZE.width, 3))
    first = layers.BatchNormalization()(shared(image))
    model = keras.Model(image, layers.ReLU()(shared(first)))
    for variable in model.weights:
        variable.assign(np.abs(np.random.default_rng(1).normal(size=variable.shape)))
    assert_folded(model)


def exported(model: Any, precision: Any) -> list[Any]:
    def frames() -> Iterator[list[NDArray[np.float32]]]:
        for seed in range(4):
            shape = (1, SIZE.height, SIZE.width, 3)
            yield [np.random.default_rng(seed).normal(size=shape).astype(np.float32)]

    io = "int8" if precision == "int8" else "float32"
    return [*read_ops(export(model, SIZE, precision, io, frames))]


def test_relu6_is_fused_in_the_int8_file() -> None:
    model = network(upward(), layers.BatchNormalization(), layers.ReLU(max_value=6))
    folded, _ = fold(model, SIZE)

    def swap(call: Any) -> Any:
        site = site_of(call)
        return None if site is None else form("subpixel").build(site, call.inputs[0])

    with quiet_tensorflow():
        ops = exported(replace_calls(folded, SIZE, swap), "int8")
    assert [op.option("activation") for op in ops if op.name == "CONV_2D"] == ["relu6"]
    assert not {op.name for op in ops} & {"RELU6", "RELU", "MUL", "ADD", "MINIMUM", "MAXIMUM"}


def test_the_converter_folds_behind_other_layers_itself() -> None:
    """Convolutions, depthwise ones and dense layers need no pass; a transposed one does."""
    model = network(
        layers.Conv2D(4, 3, padding="same", use_bias=False),
        layers.BatchNormalization(),
        layers.ReLU(max_value=6),
        layers.Dropout(0.2),
        layers.DepthwiseConv2D(3, padding="same", use_bias=False),
        layers.BatchNormalization(),
        layers.ReLU(max_value=6),
        layers.Dense(5),
        layers.BatchNormalization(),
    )
    for precision in ("float32", "int8"):
        names = {op.name for op in exported(model, precision)}
        assert names <= {"CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED", "RESHAPE"}
