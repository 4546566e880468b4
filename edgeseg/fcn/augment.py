"""Augmentation for training: one warp and one recolouring a picture, masks moving along."""

from __future__ import annotations

import math

import cv2
import numpy as np
from numpy.typing import NDArray

from edgeseg.manifest import Size

VOID = 255
"""Value of pixels without a class, and of everything beyond the picture's borders."""

_SCALE = (0.6, 2.2)
_ASPECT = 1.15
_ROTATION_DEG = 4.0
_WARM, _GAIN, _GAMMA = 0.12, 0.35, 0.35


def augment(
    image: NDArray[np.uint8], labels: NDArray[np.uint8], size: Size, rng: np.random.Generator
) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Return a random view of a picture, `size` large: moved, scaled, mirrored and recoloured.

    Args:
        image: BGR uint8 [h, w, 3].
        labels: class map uint8 [h, w]; VOID where there is no class.
        size: of the view.
        rng: source of all randomness.

    Returns:
        BGR uint8 [size.height, size.width, 3] and uint8 [size.height, size.width].
    """
    matrix = _view(Size(*labels.shape[1::-1]), size, rng)
    pixels = cv2.warpAffine(
        image, matrix, size, flags=cv2.INTER_LINEAR, borderValue=(124, 127, 127)
    )
    classes = cv2.warpAffine(
        labels,
        matrix,
        size,
        flags=cv2.INTER_NEAREST,
        borderMode=cv2.BORDER_CONSTANT,
        borderValue=VOID,
    )
    return _recolour(np.asarray(pixels, np.uint8), rng), np.asarray(classes, np.uint8)


def paste(
    image: NDArray[np.uint8],
    labels: NDArray[np.uint8],
    other: NDArray[np.uint8],
    other_labels: NDArray[np.uint8],
    classes: NDArray[np.intp],
) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Return a picture with the pixels that are one of `classes` in another laid over it.

    ClassMix (Olsson, Tranheden, Pinto and Svensson, WACV 2021), with true labels: rare classes turn
    up in surroundings in which nobody filmed them.

    Args:
        image: BGR uint8 [h, w, 3].
        labels: its class map, uint8 [h, w].
        other: BGR uint8 [h, w, 3].
        other_labels: its class map, uint8 [h, w].
        classes: indices of the classes to take from `other`.
    """
    taken = np.isin(other_labels, classes)
    return np.where(taken[..., None], other, image), np.where(taken, other_labels, labels)


def _view(source: Size, size: Size, rng: np.random.Generator) -> NDArray[np.float64]:
    """Return the 2x3 matrix from source pixels to pixels of the view."""
    scale = math.exp(rng.uniform(math.log(_SCALE[0]), math.log(_SCALE[1])))
    aspect = math.exp(rng.uniform(-1, 1) * math.log(_ASPECT) / 2)
    fit = np.array([size.width / source.width, size.height / source.height])
    across, down = fit * scale * np.array([aspect, 1 / aspect])
    turn = math.radians(rng.uniform(-_ROTATION_DEG, _ROTATION_DEG))
    mirror = -1.0 if rng.random() < 0.5 else 1.0
    linear = np.array([[math.cos(turn), -math.sin(turn)], [math.sin(turn), math.cos(turn)]])
    linear = linear @ np.diag([across * mirror, down])
    # Where the source is larger than the view, any part of it; where smaller, anywhere inside.
    slack = np.abs([source.width * across - size.width, source.height * down - size.height])
    centre = np.array(size) / 2 + rng.uniform(-0.5, 0.5, 2) * slack
    offset = centre - linear @ (np.array(source) / 2)
    return np.hstack([linear, offset[:, None]])


def _recolour(image: NDArray[np.uint8], rng: np.random.Generator) -> NDArray[np.uint8]:
    """Change exposure, contrast, white balance, saturation and sharpness, as cameras do."""
    toned = cv2.LUT(image, _curves(rng))
    saturation = rng.uniform(0.4, 1.5)
    grey = cv2.cvtColor(cv2.cvtColor(toned, cv2.COLOR_BGR2GRAY), cv2.COLOR_GRAY2BGR)
    seen = cv2.addWeighted(toned, saturation, grey, 1 - saturation, 0)
    if rng.random() < 0.3:
        seen = cv2.GaussianBlur(seen, (0, 0), rng.uniform(0.4, 1.4))
    if rng.random() < 0.3:
        noise = rng.normal(0, rng.uniform(2, 10), (*image.shape[:2], 1))
        seen = np.clip(seen + noise, 0, 255)
    return np.asarray(seen).astype(np.uint8)


def _curves(rng: np.random.Generator) -> NDArray[np.uint8]:
    """Return a tone curve for each channel, uint8 [256, 1, 3]."""
    level = np.linspace(0, 1, 256)[:, None]
    gamma = math.exp(rng.uniform(-_GAMMA, _GAMMA))
    gain = math.exp(rng.uniform(-_GAIN, _GAIN))
    warmth = np.exp(rng.uniform(-_WARM, _WARM, 3))
    offset = rng.uniform(-0.08, 0.08)
    curve = (level**gamma - 0.5) * gain * warmth + 0.5 + offset
    return np.rint(np.clip(curve, 0, 1) * 255).astype(np.uint8)[:, None, :]
