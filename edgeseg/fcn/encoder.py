"""Encoders: classification networks of keras.applications, tapped at stride 8, 16 and 32."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edgeseg.errors import ConfigError, ModelError
from edgeseg.manifest import ColorOrder, Preparation, Size

STRIDES = (8, 16, 32)


@dataclass(frozen=True)
class EncoderSpec:
    """One classification network of keras.applications.

    Attributes:
        application: its function's name in keras.applications.
        arguments: keyword arguments beside shape and weights.
        color, mean, std: the preprocessing that its ImageNet weights were trained with, as
            (pixel - mean) / std in the network's channel order.
        taps: layer names for the strides where the last tensor of that stride is not the usual tap.
    """

    application: str
    arguments: tuple[tuple[str, Any], ...] = ()
    color: ColorOrder = "rgb"
    mean: tuple[float, float, float] = (127.5, 127.5, 127.5)
    std: tuple[float, float, float] = (127.5, 127.5, 127.5)
    taps: tuple[tuple[int, str], ...] = ()

    def preparation(self, size: Size) -> Preparation:
        """Return the preparation that feeds this encoder at `size`."""
        return Preparation(size=size, color=self.color, mean=self.mean, std=self.std)


# keras.applications.imagenet_utils.preprocess_input, mode "caffe": BGR, mean subtracted, no scale.
_CAFFE: dict[str, Any] = {
    "color": "bgr",
    "mean": (103.939, 116.779, 123.68),
    "std": (1.0, 1.0, 1.0),
}
# EfficientNetV2 B models with include_preprocessing: Rescaling(1/255), then Normalization.
_TORCH: dict[str, Any] = {
    "mean": (0.485 * 255, 0.456 * 255, 0.406 * 255),
    "std": (0.229 * 255, 0.224 * 255, 0.225 * 255),
}

MOBILENETV2_ALPHAS = ("0.35", "0.5", "0.75", "1.0", "1.3", "1.4")

ENCODERS: dict[str, EncoderSpec] = {
    **{
        f"mobilenetv2-{alpha}": EncoderSpec("MobileNetV2", (("alpha", float(alpha)),))
        for alpha in MOBILENETV2_ALPHAS
    },
    "mobilenetv3-small": EncoderSpec("MobileNetV3Small", (("include_preprocessing", False),)),
    "mobilenetv3-large": EncoderSpec("MobileNetV3Large", (("include_preprocessing", False),)),
    "efficientnetv2-b0": EncoderSpec(
        "EfficientNetV2B0", (("include_preprocessing", False),), **_TORCH
    ),
    "resnet50": EncoderSpec("ResNet50", **_CAFFE),
    # The FCN paper scores VGG16's pool3 and pool4, not the convolutions behind them.
    "vgg16": EncoderSpec("VGG16", taps=((8, "block3_pool"), (16, "block4_pool")), **_CAFFE),
}


def encoder_spec(name: str) -> EncoderSpec:
    """Return the encoder called `name`.

    Raises:
        ConfigError: there is none; the message lists those there are.
    """
    if name not in ENCODERS:
        raise ConfigError(f"no encoder {name!r}; choose one of {', '.join(ENCODERS)}")
    return ENCODERS[name]


def encode(name: str, image: Any, weights: str | Path | None) -> dict[int, Any]:
    """Build encoder `name` on the Keras tensor `image` and return its features by stride.

    Args:
        name: a key of ENCODERS.
        image: Keras tensor [batch, height, width, 3], height and width multiples of 32.
        weights: "imagenet" (Keras downloads them), a weights file of the same network without its
            classification top, or None for random ones.

    Returns:
        Keras tensors [batch, height/s, width/s, channels] for s in 8, 16, 32.

    Raises:
        ConfigError: there is no such encoder.
        ModelError: the weights do not fit, or a tap does not have its stride.
    """
    spec = encoder_spec(name)
    network = _application(spec)(input_tensor=image, weights=None)
    if weights is not None:
        network.set_weights(_pretrained(spec, weights))
    return {stride: _tap(network, spec, image.shape, stride) for stride in STRIDES}


def _application(spec: EncoderSpec) -> Callable[..., Any]:
    import keras

    build = getattr(keras.applications, spec.application)
    return lambda **arguments: build(include_top=False, **dict(spec.arguments), **arguments)


def _pretrained(spec: EncoderSpec, weights: str | Path) -> list[Any]:
    """Load into the network as Keras builds it: our padding in front would rename its layers."""
    try:
        if str(weights) == "imagenet":
            network = _application(spec)(input_shape=(224, 224, 3), weights="imagenet")
        else:
            network = _application(spec)(input_shape=(224, 224, 3), weights=None)
            network.load_weights(Path(weights))
    except Exception as error:
        reason = str(error).strip().splitlines()[0][:200] if str(error).strip() else repr(error)
        raise ModelError(
            f"cannot load {weights} into {spec.application}: {reason}; expected "
            "'imagenet' (needs the network once) or a weights file of this network saved without "
            "its classification top"
        ) from error
    loaded: list[Any] = network.get_weights()
    return loaded


def _tap(network: Any, spec: EncoderSpec, image: tuple[int, ...], stride: int) -> Any:
    named = dict(spec.taps).get(stride)
    want = tuple(side // stride for side in image[1:3])
    layers = [network.get_layer(named)] if named else reversed(network.layers)
    for layer in layers:
        shape = getattr(layer.output, "shape", ())
        if len(shape) == 4 and tuple(shape[1:3]) == want:
            return layer.output
    raise ModelError(
        f"{spec.application} has no features of {want[1]}x{want[0]} at stride {stride}"
        + (f" in layer {named}" if named else "")
    )
