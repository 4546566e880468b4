"""Telling harmless tail operations and last upsamplings apart from everything else."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from edgeseg.manifest import ToFrame

from .graph import Step, activation_name

# Activations that keep the order of the classes at every pixel.
MONOTONE = ("linear", "softmax", "log_softmax", "sigmoid")
IDENTITIES = ("Identity", "Dropout", "SpatialDropout2D", "ActivityRegularization")
# float32 rounding of a kernel that was written as bilinear, not of one that was trained.
_TOLERANCE = 1e-5


@dataclass(frozen=True)
class Upsampling:
    """The last upsampling of a network: whole factor, and how it interpolates."""

    factor: int
    to_frame: ToFrame


def keeps_classes(step: Step) -> bool:
    """Return whether the step leaves the winner at every pixel alone and moves no pixel.

    A crop counts when it takes only from the bottom and the right: cells are counted from the top
    left corner. So do a Permute and a Reshape that change nothing.
    """
    operation, kind = step.operation, type(step.operation).__name__
    if kind in IDENTITIES:
        return True
    if is_probability(step):
        return True
    if kind == "Activation":
        return activation_name(operation) in MONOTONE
    if kind == "Permute":
        return tuple(operation.dims) == tuple(range(1, len(operation.dims) + 1))
    if kind == "Reshape":
        return tuple(step.inputs[0].shape[1:]) == tuple(getattr(operation, "target_shape", ()))
    crop = crop_of(step)
    return crop is not None and not crop.moves


@dataclass(frozen=True)
class Crop:
    """How many pixels a crop takes at the top and at the left, and by which layer."""

    top: int = 0
    left: int = 0
    label: str = ""

    @property
    def moves(self) -> bool:
        """Whether pixels are counted from elsewhere."""
        return bool(self.top or self.left)

    def then(self, other: Crop) -> Crop:
        """Return both crops in one."""
        label = other.label if other.moves else self.label
        return Crop(self.top + other.top, self.left + other.left, label)


NO_CROP = Crop()


def crop_of(step: Step) -> Crop | None:
    """Return a Cropping2D or a slice of rows and columns as a crop; None for any other step."""
    operation, kind = step.operation, type(step.operation).__name__
    if kind == "Cropping2D" and _channels_last(operation):
        (top, _), (left, _) = operation.cropping
        return Crop(int(top), int(left), step.label)
    return _sliced(step) if kind == "GetItem" else None


def is_probability(step: Step) -> bool:
    """Return whether the step is a softmax or sigmoid of its own, over the classes."""
    operation, kind = step.operation, type(step.operation).__name__
    if kind in ("Softmax", "LogSoftmax"):
        return getattr(operation, "axis", -1) in (-1, len(step.inputs[0].shape) - 1)
    if kind == "Activation":
        return activation_name(operation) in MONOTONE[1:]
    return kind == "Sigmoid"


def _sliced(step: Step) -> Crop | None:
    key = step.arguments[1] if len(step.arguments) > 1 else None
    if not isinstance(key, tuple) or not all(isinstance(part, slice) for part in key):
        return None
    starts = [part.start or 0 for part in key]
    whole = all(part.stop is None and not part.start for i, part in enumerate(key) if i in (0, 3))
    if not whole or min(starts) < 0 or any(part.step not in (None, 1) for part in key):
        return None
    _, top, left = (*starts, 0, 0)[:3]
    return Crop(int(top), int(left), step.label)


def as_upsampling(step: Step, crop: Crop = NO_CROP) -> Upsampling | str:
    """Return the step as an upsampling that edgeseg's decode repeats exactly, or why it is not.

    Args:
        step: the network's last but for its tail.
        crop: what the tail takes at the top and the left. Behind a 'valid' transposed convolution
            it may take just what 'same' would have left out.
    """
    kind = type(step.operation).__name__
    if kind not in ("UpSampling2D", "Resizing", "Conv2DTranspose"):
        if crop.moves:
            return f"{crop.label} takes from the top or the left"
        return f"the network ends in {step.label}, not in an upsampling layer"
    if not _channels_last(step.operation):
        return f"{step.label} has channels first"
    if kind == "Conv2DTranspose":
        return _read_transposed(step, crop)
    if crop.moves:
        return f"{crop.label} takes from the top or the left"
    return _read_upsampling(step) if kind == "UpSampling2D" else _read_resizing(step)


def _read_upsampling(step: Step) -> Upsampling | str:
    vertical, horizontal = step.operation.size
    if vertical != horizontal:
        return f"{step.label} has unequal factors {vertical} and {horizontal}"
    return _interpolated(step, int(vertical))


def _read_resizing(step: Step) -> Upsampling | str:
    layer = step.operation
    for flag in ("crop_to_aspect_ratio", "pad_to_aspect_ratio", "antialias"):
        if getattr(layer, flag, False):
            return f"{step.label} uses {flag}"
    height, width = step.inputs[0].shape[1:3]
    factor = layer.height // height
    if (height * factor, width * factor) != (layer.height, layer.width):
        return f"{step.label} does not enlarge by one whole factor"
    return _interpolated(step, int(factor))


def _interpolated(step: Step, factor: int) -> Upsampling | str:
    interpolation = str(step.operation.interpolation)
    if interpolation not in ("bilinear", "nearest"):
        return f"{step.label} interpolates by {interpolation}"
    return Upsampling(factor, cast(ToFrame, interpolation))


def _read_transposed(step: Step, crop: Crop) -> Upsampling | str:
    """Recognise a transposed convolution that interpolates bilinearly, up to one positive factor.

    Its border gain (below 1 in the outermost cells) is the same for all classes and positive, so
    without a bias, or with one that all classes share, the winner is that of the plain resize.
    """
    layer = step.operation
    reasons = [
        reason
        for reason, wrong in (
            ("unequal strides", len(set(layer.strides)) != 1),
            ("padding other than 'same'", layer.padding != "same" and not crop.moves),
            ("a crop behind it", crop.moves and not _is_same_cropped(layer, crop)),
            ("dilation", set(layer.dilation_rate) != {1}),
            ("output padding", getattr(layer, "output_padding", None) is not None),
            ("an activation", activation_name(layer) not in MONOTONE),
            ("a bias that differs by class", layer.use_bias and _differs(layer.bias)),
            ("a kernel that is not bilinear (it was trained)", not _is_bilinear(layer)),
        )
        if wrong
    ]
    if reasons:
        return f"{step.label} has {', '.join(reasons)}"
    return Upsampling(int(layer.strides[0]), "bilinear")


def _is_same_cropped(layer: Any, crop: Crop) -> bool:
    """Whether a crop makes of a 'valid' transposed convolution a 'same' one, from the top left."""
    before = [
        max(taps - stride, 0) // 2
        for taps, stride in zip(layer.kernel_size, layer.strides, strict=True)
    ]
    return layer.padding == "valid" and [crop.top, crop.left] == before


def _differs(bias: Any) -> bool:
    values = np.asarray(bias)
    return bool(np.ptp(values) > _TOLERANCE * max(1.0, float(np.abs(values).max())))


def _is_bilinear(layer: Any) -> bool:
    kernel = np.asarray(layer.kernel)  # [height, width, classes out, classes in]
    plane = bilinear_plane(kernel.shape[0], int(layer.strides[0]))
    if plane is None or kernel.shape[1] != kernel.shape[0] or kernel.shape[2] != kernel.shape[3]:
        return False
    scale = float(kernel[..., 0, 0].sum() / plane.sum())
    expected = scale * plane[:, :, None, None] * np.eye(kernel.shape[2], dtype=np.float32)
    return scale > 0 and bool(np.abs(kernel - expected).max() <= _TOLERANCE * scale)


def bilinear_plane(taps: int, stride: int) -> NDArray[np.float32] | None:
    """Return the kernel plane with which a 'same' transposed convolution resizes bilinearly.

    Half-pixel centres need 2s taps for even strides s and 2s - 1 for odd ones; with others every
    pixel moves by half a pixel, and None is returned.
    """
    if taps != (2 * stride if stride % 2 == 0 else 2 * stride - 1):
        return None
    line = 1 - np.abs(np.arange(taps) - (taps - 1) / 2) / stride
    return np.outer(line, line).astype(np.float32)


def _channels_last(operation: Any) -> bool:
    return getattr(operation, "data_format", "channels_last") == "channels_last"
