"""Batches for training: images, class indices and pixel weights, augmented and repeatable."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgeseg.fcn.augment import VOID, augment, paste
from edgeseg.manifest import Preparation
from edgeseg.masks import Pair, read_image, read_mask
from edgeseg.prepare import prepare
from edgeseg.runtimes import TensorSpec

# Streams of random numbers that must not meet: shuffling, rendering, augmenting.
_SHUFFLE, _RENDER, _AUGMENT = 1, 2, 3


@dataclass(frozen=True)
class BatchPlan:
    """What an epoch consists of.

    Attributes:
        pairs: images and masks on disk.
        preparation: of the network's input.
        weights: weight of each class in the loss, float32 [classes].
        synthetic: rendered street frames for each image on disk, 0.2 adds one for every five.
        mix: share of pictures that get rare classes of another pasted in.
        batch_size: images a batch; the last, smaller batch of an epoch is left out.
        seed: of everything random.
    """

    pairs: tuple[Pair, ...]
    preparation: Preparation
    weights: NDArray[np.float32]
    synthetic: float
    mix: float
    batch_size: int
    seed: int

    @property
    def length(self) -> int:
        """Images an epoch."""
        return len(self.pairs) + round(self.synthetic * len(self.pairs))


def batches(plan: BatchPlan) -> Any:
    """Return a keras.utils.PyDataset of (images, labels).

    Images are float32 [batch, h, w, 3] as the network takes them, labels uint8 [batch, h, w], VOID
    where a pixel has no class. Batch i of epoch e depends only on
    the plan, i and e, so an interrupted run can go on where it was; set `epoch` before each one.
    """
    import keras

    class Batches(keras.utils.PyDataset):  # type: ignore[misc]
        epoch = 0

        def __init__(self) -> None:
            # One worker: two cores train already, and order stays what the seed says.
            super().__init__(workers=1, use_multiprocessing=False, max_queue_size=4)

        def __len__(self) -> int:
            return max(1, plan.length // plan.batch_size)

        def __getitem__(self, index: int) -> tuple[Any, Any]:
            return _read_batch(plan, self.epoch, index)

    return Batches()


def _read_batch(
    plan: BatchPlan, epoch: int, index: int
) -> tuple[NDArray[np.float32], NDArray[np.uint8]]:
    order = np.random.default_rng([plan.seed, _SHUFFLE, epoch]).permutation(plan.length)
    chosen = order[index * plan.batch_size : (index + 1) * plan.batch_size]
    samples = [_sample(plan, epoch, int(number)) for number in chosen]
    images, labels = (np.stack(parts) for parts in zip(*samples, strict=True))
    return images, labels


def _sample(
    plan: BatchPlan, epoch: int, number: int
) -> tuple[NDArray[np.float32], NDArray[np.uint8]]:
    """Return a view of a picture as the network takes it, and its labels."""
    rng = np.random.default_rng([plan.seed, _AUGMENT, epoch, number])
    pixels, labels = _view(plan, epoch, number, rng)
    if rng.random() < plan.mix:
        other = _view(plan, epoch, int(rng.integers(plan.length)), rng)
        pixels, labels = paste(pixels, labels, *other, _some_rare(plan, rng))
    width, height = plan.preparation.size
    tensor = TensorSpec((1, height, width, 3), "float32", 0.0, 0, "image")
    prepared: NDArray[np.float32] = prepare(pixels, plan.preparation, tensor)[0]
    return prepared, labels


def _view(
    plan: BatchPlan, epoch: int, number: int, rng: np.random.Generator
) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    if number < len(plan.pairs):
        pair = plan.pairs[number]
        image, mask = read_image(pair.image), read_mask(pair.mask)
    else:
        image, mask = _rendered(plan, epoch, number)
    known = np.where(mask < len(plan.weights), mask, VOID).astype(np.uint8)
    return augment(image, known, plan.preparation.size, rng)


def _some_rare(plan: BatchPlan, rng: np.random.Generator) -> NDArray[np.intp]:
    """Return each class rarer than the average with even chance."""
    return np.flatnonzero((plan.weights > 1) & (rng.random(len(plan.weights)) < 0.5))


def _rendered(
    plan: BatchPlan, epoch: int, number: int
) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    from edgeseg.sources.street import render_street

    rng = np.random.default_rng([plan.seed, _RENDER, epoch, number])
    return render_street(int(rng.integers(1000)), float(rng.uniform(0, 60)), plan.preparation.size)


def class_weights(counts: NDArray[np.int64], scheme: str) -> NDArray[np.float32]:
    """Return one loss weight per class, mean 1 over the pixels.

    `none` weighs all alike; `log` is ENet's 1 / ln(1.10 + share) (Paszke et al. 2016, with a larger
    constant than their 1.02 so that rare classes do not flood the masks); `median` is median
    frequency balancing (Eigen and Fergus, ICCV 2015). Classes without pixels weigh nothing.
    """
    share = counts / max(1, counts.sum())
    present = counts > 0
    if scheme == "none":
        weights = present.astype(np.float64)
    elif scheme == "log":
        weights = present / np.log(1.10 + share)
    else:
        safe = np.where(present, share, 1)
        weights = present * np.median(share[present]) / safe
    return (weights / max(1e-12, float((weights * share).sum()))).astype(np.float32)
