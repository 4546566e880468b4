"""Accuracy of a Keras network on images and masks, through the preparation and decode of the device."""

from __future__ import annotations

from typing import Any

import numpy as np

from edgeseg import metrics
from edgeseg.decode import decode, grid_for
from edgeseg.fcn.card import ModelCard
from edgeseg.manifest import Size
from edgeseg.masks import Pair, read_image, read_mask
from edgeseg.prepare import place, prepare
from edgeseg.runtimes import TensorSpec


def evaluate(
    model: Any, card: ModelCard, pairs: list[Pair], ignore: int | None
) -> dict[str, Any]:
    """Return mIoU, pixel accuracy and IoU per class over all `pairs`, at the masks' resolution.

    One confusion matrix over the whole set; void pixels are left out; classes that neither truth
    nor prediction has are left out of the mean.

    Args:
        model: keras.Model of full-size logits.
        card: its card.
        pairs: images and index masks.
        ignore: the void value of the masks.
    """
    size = card.preparation.size
    tensor = TensorSpec((1, size.height, size.width, 3), "float32", 0.0, 0, "image")
    total = np.zeros((len(card.labels), len(card.labels)), np.int64)
    for pair in pairs:
        frame, truth = read_image(pair.image), read_mask(pair.mask)
        logits = np.asarray(model(prepare(frame, card.preparation, tensor), training=False))[0]
        out = Size(*truth.shape[1::-1])
        found = decode(logits, out, grid_for(out, place(out, card.preparation), 1))
        total += metrics.confusion(truth, found, len(card.labels), ignore)
    return {
        "images": len(pairs),
        "miou": round(float(metrics.mean_iou(total)), 4),
        "pixel_accuracy": round(float(metrics.pixel_accuracy(total)), 4),
        "iou": {
            label: round(float(value), 4)
            for label, value in zip(card.labels, metrics.iou(total), strict=True)
            if np.isfinite(value)
        },
    }
