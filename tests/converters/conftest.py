"""Small networks whose answers are known: they tell which colour a pixel's surroundings have."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import keras
import numpy as np
import pytest

from edgeseg.fcn import bilinear_kernel

STRIDE = 8
Builder = Callable[..., Any]


def build_color_net(
    up: str = "bilinear", *, size: tuple[int | None, int | None] = (64, 64), tail: Any = None
) -> Any:
    """Return a network with 3 classes, the strongest of red, green and blue, at stride 8."""
    image = keras.Input((*size, 3))
    features = image
    for _ in range(3):
        layer = keras.layers.Conv2D(3, 3, strides=2, padding="same", activation="relu")
        features = layer(features)
        kernel = np.zeros((3, 3, 3, 3), np.float32)
        kernel[:, :, range(3), range(3)] = 1 / 9
        layer.set_weights([kernel, np.full(3, 0.15, np.float32)])
    scores = keras.layers.Conv2D(3, 1)
    features = scores(features)
    scores.set_weights([4 * np.eye(3, dtype=np.float32)[None, None], np.zeros(3, np.float32)])
    logits = upsampled(features, up)
    return keras.Model(image, tail(logits) if tail else logits)


def upsampled(features: Any, up: str) -> Any:
    """Enlarge by 8: `bilinear`, `nearest`, `resizing`, `transpose` (bilinear) or `learned`."""
    channels = features.shape[-1]
    if up == "resizing":
        height, width = (STRIDE * side for side in features.shape[1:3])
        return keras.layers.Resizing(height, width)(features)
    if up in ("bilinear", "nearest"):
        return keras.layers.UpSampling2D(STRIDE, interpolation=up)(features)
    layer = keras.layers.Conv2DTranspose(
        channels, 2 * STRIDE, strides=STRIDE, padding="same", use_bias=False
    )
    enlarged = layer(features)
    if up == "transpose":
        layer.set_weights([2.5 * bilinear_kernel(STRIDE, channels)])
    return enlarged


def draw_picture(seed: int, width: int = 120, height: int = 90) -> Any:
    """Return soft blobs of random colour, BGR uint8."""
    blobs = np.random.default_rng(seed).integers(0, 256, (5, 6, 3)).astype(np.uint8)
    return cv2.resize(blobs, (width, height), interpolation=cv2.INTER_CUBIC)


@pytest.fixture(scope="session")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with 12 pictures."""
    folder = tmp_path_factory.mktemp("pictures")
    for seed in range(12):
        cv2.imwrite(str(folder / f"{seed:02d}.png"), draw_picture(seed))
    return folder


@pytest.fixture(scope="session")
def color_net() -> Builder:
    """Builds the network: `color_net("transpose")`."""
    return build_color_net


@pytest.fixture(scope="session")
def color_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The bilinear network with a softmax, saved."""
    path = tmp_path_factory.mktemp("models") / "colors.keras"
    build_color_net(tail=keras.layers.Softmax()).save(path)
    return path
