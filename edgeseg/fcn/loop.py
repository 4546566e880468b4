"""One epoch of training, and what is kept still meanwhile."""

from __future__ import annotations

import math
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from edgeseg.errors import ModelError


def run_epoch(
    model: Any,
    data: Any,
    reader: ThreadPoolExecutor,
    progress: Callable[[int, int, float], None] | None,
    advice: str = "try a smaller --learning-rate",
) -> float:
    """Train on every batch once, reading the next one meanwhile, and return the mean loss.

    Keras's `fit` reads through a thread of TensorFlow's own, on which an interrupted process may
    wait forever when it ends.

    Args:
        model: compiled.
        data: has a length, batches (images, what is to be learned) by number, and `epoch`, from 0.
        reader: of one thread.
        progress: called after each batch with its number from 1, their count and the loss so far.
        advice: what to do about an infinite loss.

    Raises:
        ModelError: the loss became infinite.
    """
    total = 0.0
    following = reader.submit(data.__getitem__, 0)
    for batch in range(len(data)):
        current = following.result()
        if batch + 1 < len(data):
            following = reader.submit(data.__getitem__, batch + 1)
        model.reset_metrics()
        total += float(model.train_on_batch(*current, return_dict=True)["loss"])
        if not math.isfinite(total):
            raise ModelError(f"the loss became {total} in epoch {data.epoch + 1}; {advice}")
        if progress:
            progress(batch + 1, len(data), total / (batch + 1))
    return total / len(data)


def freeze_batch_norm(model: Any) -> None:
    """Keep statistics of a million pictures rather than take those of a few hundred.

    A frozen layer is a constant scale and shift, so a training step takes little more than half as
    long on a CPU, and the network is the same in training as on the device.
    """
    import keras

    for layer in model.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.trainable = False
