"""Small .tflite files, straight from TensorFlow's converter: no rewrite of ours stands between."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from functools import cache
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from edgeseg.converters.delegates.target import Compiler, Rule, Target

Make = Callable[..., bytes]


def _samples(side: int) -> Callable[[], Iterator[list[Any]]]:
    def give() -> Iterator[list[Any]]:
        for seed in range(4):
            noise = np.random.default_rng(seed).normal(size=(1, side, side, 3))
            yield [noise.astype(np.float32)]

    return give


def _shuffle(logits: Any) -> Any:
    return keras.layers.Lambda(lambda t: tf.nn.depth_to_space(t, 2))(
        keras.layers.Conv2D(12, 1)(logits)
    )


@pytest.fixture(scope="session")
def make_file(color_net: Callable[..., Any]) -> Make:
    """Makes a file: `make_file("learned", "int8", side=72)`; the network has stride 8.

    "shuffled" is the bilinear one with a depth-to-space at its end.
    """

    @cache
    def make(up: str, precision: str = "float32", side: int = 64) -> bytes:
        keras.utils.set_random_seed(0)
        shuffled = {"up": "bilinear", "tail": _shuffle} if up == "shuffled" else {"up": up}
        net = color_net(**shuffled, size=(side, side))
        image = keras.Input((side, side, 3), batch_size=1)
        converter = tf.lite.TFLiteConverter.from_keras_model(keras.Model(image, net(image)))
        if precision == "int8":
            converter.optimizations = [tf.lite.Optimize.DEFAULT]
            converter.representative_dataset = _samples(side)
            converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
            converter.inference_input_type = converter.inference_output_type = tf.int8
        with warnings.catch_warnings():  # it asks for statistics, which the samples give
            warnings.filterwarnings("ignore", message="Statistics for quantized inputs")
            made: bytes = converter.convert()
        return made

    return make


@pytest.fixture
def make_target() -> Callable[..., Target]:
    """Makes a target with a real compiler and a table of one's own."""

    def make(compiler: Compiler, rules: dict[str, Rule] | None = None, **facts: Any) -> Target:
        return Target(
            name="mine",
            title="a target of the test",
            about="",
            types=("float32", "int8"),
            rules=rules or {},
            listed="this test",
            compiler=compiler,
            **facts,
        )

    return make
