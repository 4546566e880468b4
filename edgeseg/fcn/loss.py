"""The training loss: cross-entropy of every pixel, and a soft Jaccard index of every class."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

# Probabilities hardly change from one pixel to the next, so every other row and column will do.
_STEP = 2


def segmentation_loss(weights: NDArray[np.float32], jaccard: float) -> Any:
    """Return a Keras loss of labels uint8 [batch, h, w] and logits float32 [batch, h, w, classes].

    The first term is cross-entropy, each pixel weighing what its class does; pixels of VOID weigh
    nothing. The second, `jaccard` times, is 1 - intersection / union with probabilities in place of
    decisions, summed over the batch and averaged over the classes in it (Rahman and Wang,
    "Optimizing intersection-over-union in deep neural networks for image segmentation", ISVC 2016):
    what mIoU counts, so that a class of few pixels is worth as much as one of many.

    Args:
        weights: of each class, float32 [classes].
        jaccard: weight of the second term; 0 leaves it out.
    """
    from keras import ops

    classes = len(weights)
    weight_of = np.zeros(256, np.float32)
    weight_of[:classes] = weights

    def cross_entropy(labels: Any, logits: Any) -> Any:
        each = ops.sparse_categorical_crossentropy(
            ops.minimum(labels, classes - 1), logits, from_logits=True
        )
        return ops.mean(each * ops.take(weight_of, labels))

    def jaccard_loss(labels: Any, logits: Any) -> Any:
        truth = ops.one_hot(labels, classes)  # VOID is beyond the classes: all zeros
        known = ops.cast(labels < classes, "float32")[..., None]
        share = ops.softmax(logits) * known
        hits = ops.sum(share * truth, (0, 1, 2))
        union = ops.sum(share + truth, (0, 1, 2)) - hits
        present = ops.cast(ops.max(truth, (0, 1, 2)) > 0, "float32")
        return ops.sum(present * (1 - hits / (union + 1))) / (ops.sum(present) + 1e-6)

    def loss(labels: Any, logits: Any) -> Any:
        labels = ops.cast(labels, "int32")
        total = cross_entropy(labels, logits)
        if jaccard:
            total += jaccard * jaccard_loss(
                labels[:, ::_STEP, ::_STEP], logits[:, ::_STEP, ::_STEP]
            )
        return total

    return loss
