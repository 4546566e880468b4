"""Upsampling layers of a decoder: transposed convolution, bilinear or nearest."""

from __future__ import annotations

from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from edgeseg.errors import ConfigError

Upsampling = Literal["transpose", "bilinear", "nearest"]
UPSAMPLINGS: tuple[Upsampling, ...] = get_args(Upsampling)


def bilinear_kernel(stride: int, channels: int) -> NDArray[np.float32]:
    """Return the kernel [2s, 2s, c, c] with which a transposed convolution interpolates.

    Tap a weighs 1 - |a - (s - 0.5)| / s along each axis, channels do not mix: section 3.3 of Long,
    Shelhamer and Darrell, "Fully Convolutional Networks for Semantic Segmentation", CVPR 2015. For
    even strides it equals a half-pixel-centre bilinear resize except in the s/2 outermost rows and
    columns, where the transposed convolution fades towards zero.
    """
    taps = 1 - np.abs(np.arange(2 * stride) - (stride - 0.5)) / stride
    plane = np.outer(taps, taps).astype(np.float32)
    return plane[:, :, None, None] * np.eye(channels, dtype=np.float32)


def upsample(
    scores: Any, stride: int, upsampling: Upsampling, name: str, *, trainable: bool = True
) -> Any:
    """Upsample the Keras tensor `scores` [batch, h, w, classes] by `stride` along both sides.

    A transposed convolution (kernel 2s, stride s, no bias) starts as bilinear interpolation;
    `trainable` says whether it may leave it.

    Raises:
        ConfigError: `upsampling` is not one of UPSAMPLINGS.
    """
    import keras

    if upsampling not in UPSAMPLINGS:
        raise ConfigError(f"no upsampling {upsampling!r}; choose one of {', '.join(UPSAMPLINGS)}")
    if upsampling != "transpose":
        return keras.layers.UpSampling2D(stride, interpolation=upsampling, name=name)(scores)
    classes = scores.shape[-1]
    layer = keras.layers.Conv2DTranspose(
        classes, 2 * stride, strides=stride, padding="same", use_bias=False, name=name
    )
    upsampled = layer(scores)
    layer.set_weights([bilinear_kernel(stride, classes)])
    layer.trainable = trainable
    return upsampled
