"""Decoders FCN-32, FCN-16 and FCN-8 on any encoder, as one functional Keras model."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal, get_args

from edgeseg.errors import ConfigError
from edgeseg.fcn.encoder import STRIDES, encode, encoder_spec
from edgeseg.fcn.upsampling import Upsampling, upsample
from edgeseg.manifest import MAX_CLASSES, Size

Decoder = Literal["fcn32", "fcn16", "fcn8"]
DECODERS: tuple[Decoder, ...] = get_args(Decoder)
Scores = Literal["light", "paper"]
FcnHead = Literal["full", "coarse"]

OUTPUT_STRIDE: dict[Decoder, int] = {"fcn32": 32, "fcn16": 16, "fcn8": 8}
LAST_UPSAMPLING = "logits_up"


def build_fcn(
    decoder: Decoder,
    encoder: str,
    upsampling: Upsampling,
    num_classes: int,
    input_size: Size,
    *,
    weights: str | Path | None = None,
    scores: Scores = "light",
    head: FcnHead = "full",
    train_last_upsampling: bool = False,
) -> Any:
    """Build a fully convolutional network for semantic segmentation.

    After Long, Shelhamer and Darrell, "Fully Convolutional Networks for Semantic Segmentation",
    CVPR 2015: FCN-32 upsamples the stride-32 scores once; FCN-16 adds scores of the stride-16
    features to 2x-upsampled scores, then upsamples 16x; FCN-8 goes one step further, then 8x. Skip
    scores start at zero, so a wider decoder begins as the narrower one.

    Args:
        decoder: one of DECODERS.
        encoder: a key of edgeseg.fcn.encoder.ENCODERS.
        upsampling: one of edgeseg.fcn.upsampling.UPSAMPLINGS, for every upsampling layer.
        num_classes: channels of the logits, 2 to 256.
        input_size: any size; where 32 does not divide it the input is padded at the bottom and the
            right inside the model, and the logits are cropped back.
        weights: of the encoder: "imagenet", a weights file, or None for random ones.
        scores: `light` scores the stride-32 features with one 1x1 convolution; `paper` puts the
            paper's 7x7 and 1x1 convolutions of 4096 channels before it (for vgg16).
        head: `full` gives logits of exactly the input's size; `coarse` ends before the last
            upsampling and gives [batch, H/s, W/s, classes] of the padded input, s = OUTPUT_STRIDE.
        train_last_upsampling: whether a last transposed convolution may leave bilinear.

    Returns:
        A functional keras.Model, float32 [batch, height, width, 3] prepared as the encoder expects
        (see `encoder_spec(encoder).preparation(input_size)`) to float32 logits. It holds only
        layers that Keras itself ships, so its file loads without custom objects.

    Raises:
        ConfigError: a name or a number is not one of the above; all reasons at once.
        ModelError: the weights do not fit the encoder.
    """
    import keras

    _check(decoder, encoder, num_classes, input_size, scores)
    image = keras.Input((input_size.height, input_size.width, 3), name="image")
    features = encode(encoder, _pad(image, input_size), weights)
    coarse = _decode(decoder, features, upsampling, num_classes, scores)
    logits = coarse
    if head == "full":
        stride = OUTPUT_STRIDE[decoder]
        logits = upsample(
            coarse, stride, upsampling, LAST_UPSAMPLING, trainable=train_last_upsampling
        )
        logits = _crop(logits, input_size)
    name = f"{decoder}_{encoder}_{upsampling}".replace(".", "_").replace("-", "_")
    return keras.Model(image, logits, name=name)


def padded(size: Size) -> Size:
    """Return `size` rounded up to multiples of the encoder's largest stride."""
    step = max(STRIDES)
    return Size(*(-(-side // step) * step for side in size))


def _check(decoder: str, encoder: str, num_classes: int, input_size: Size, scores: str) -> None:
    encoder_spec(encoder)
    reasons = []
    if decoder not in DECODERS:
        reasons.append(f"no decoder {decoder!r}; choose one of {', '.join(DECODERS)}")
    if not 2 <= num_classes <= MAX_CLASSES:
        reasons.append(f"{num_classes} classes; expected 2 to {MAX_CLASSES}")
    if min(input_size) < 1:
        reasons.append(f"input size {input_size}; both sides must be at least 1")
    if scores not in get_args(Scores):
        reasons.append(f"no scores {scores!r}; choose light or paper")
    if scores == "paper" and encoder != "vgg16":
        reasons.append(f"the paper's 4096-channel scores belong to vgg16, not {encoder}")
    if reasons:
        raise ConfigError("; ".join(reasons))


def _pad(image: Any, size: Size) -> Any:
    import keras

    right, bottom = (full - side for full, side in zip(padded(size), size, strict=True))
    if not right and not bottom:
        return image
    return keras.layers.ZeroPadding2D(((0, bottom), (0, right)), name="pad_to_stride")(image)


def _crop(logits: Any, size: Size) -> Any:
    import keras

    right, bottom = (full - side for full, side in zip(padded(size), size, strict=True))
    if not right and not bottom:
        return logits
    return keras.layers.Cropping2D(((0, bottom), (0, right)), name="crop_to_input")(logits)


def _decode(
    decoder: Decoder,
    features: dict[int, Any],
    upsampling: Upsampling,
    num_classes: int,
    scores: Scores,
) -> Any:
    import keras

    deep = _paper_head(features[32]) if scores == "paper" else features[32]
    total = _score(deep, num_classes, 32, "glorot_uniform")
    for stride in (16, 8):
        if OUTPUT_STRIDE[decoder] > stride:
            break
        total = upsample(total, 2, upsampling, f"scores_up_{stride}")
        skip = _score(features[stride], num_classes, stride, "zeros")
        total = keras.layers.Add(name=f"fuse_{stride}")([total, skip])
    return total


def _score(features: Any, num_classes: int, stride: int, initializer: str) -> Any:
    import keras

    return keras.layers.Conv2D(
        num_classes, 1, kernel_initializer=initializer, name=f"scores_{stride}"
    )(features)


def _paper_head(features: Any) -> Any:
    import keras

    for index, size in ((6, 7), (7, 1)):
        features = keras.layers.Conv2D(
            4096, size, padding="same", activation="relu", name=f"fc{index}"
        )(features)
        features = keras.layers.Dropout(0.5, name=f"drop{index}")(features)
    return features
