"""Makes the .tflite files beside it: `python tests/data/make_tiny.py` (needs the extra `convert`).

Two convolutions that name a picture's strongest colour: class 0 red, 1 green, 2 blue. The files are
committed, so that the device side is tested without TensorFlow; a test marked `convert` checks that
this script still makes such files.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from edgeseg.manifest import Head, Manifest, Preparation, Size

SIZE = Size(48, 32)
MANIFEST = Manifest(
    labels=("red", "green", "blue"),
    palette=((200, 0, 0), (0, 200, 0), (0, 0, 200)),
    preparation=Preparation(size=SIZE),
    head=Head(kind="logits", stride=4),
    precision="int8",
)


def make_all() -> dict[str, bytes]:
    """Return the files by name; only the first holds a manifest."""
    from edgeseg.converters.embed import embed_manifest

    return {
        "tiny-int8.tflite": embed_manifest(_convert(_network(), int8=True), MANIFEST),
        "tiny-float32.tflite": _convert(_network()),
        "tiny-argmax.tflite": _convert(_network(argmax=True)),
        "tiny-open.tflite": _convert(_network(open_size=True)),
    }


def _network(*, argmax: bool = False, open_size: bool = False) -> Any:
    import keras
    import tensorflow as tf

    shape = (None, None, 3) if open_size else (SIZE.height, SIZE.width, 3)
    picture = keras.Input(shape, batch_size=1)
    features = _averages("relu")(picture)
    scores = _averages(None)(features)
    # keras.ops.argmax adds operators that TFLite does not have.
    classes = keras.layers.Lambda(lambda x: tf.argmax(x, axis=-1, output_type=tf.int32))
    return keras.Model(picture, classes(scores) if argmax else scores)


def _averages(activation: str | None) -> Any:
    """A convolution that averages each channel by itself, and adds 1 to make it positive."""
    import keras

    kernel = np.zeros((3, 3, 3, 3), np.float32)
    kernel[:, :, range(3), range(3)] = 1.0 / 9.0
    return keras.layers.Conv2D(
        3,
        3,
        strides=2,
        padding="same",
        activation=activation,
        kernel_initializer=keras.initializers.Constant(kernel),
        bias_initializer="ones",
    )


def _convert(network: Any, *, int8: bool = False) -> bytes:
    import tensorflow as tf

    converter = tf.lite.TFLiteConverter.from_keras_model(network)
    if int8:
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
        converter.representative_dataset = _pictures
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
        converter.inference_input_type = converter.inference_output_type = tf.int8
    made: bytes = converter.convert()
    return made


def _pictures() -> Iterator[list[Any]]:
    """Plain colours and noise between them, as -1..1."""
    random = np.random.default_rng(0)
    for _ in range(16):
        color = random.uniform(-1, 1, 3)
        noise = random.uniform(-0.2, 0.2, (1, SIZE.height, SIZE.width, 3))
        yield [np.clip(color + noise, -1, 1).astype(np.float32)]


if __name__ == "__main__":
    for name, content in make_all().items():
        (Path(__file__).parent / name).write_bytes(content)
