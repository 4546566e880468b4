"""Batches for training: images, class indices and pixel weights, augmented and repeatable."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from edgeseg.manifest import Preparation, Size
from edgeseg.masks import Pair, read_image, read_mask
from edgeseg.prepare import place, prepare
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
        batch_size: images a batch; the last, smaller batch of an epoch is left out.
        seed: of everything random.
    """

    pairs: tuple[Pair, ...]
    preparation: Preparation
    weights: NDArray[np.float32]
    synthetic: float
    batch_size: int
    seed: int

    @property
    def length(self) -> int:
        """Images an epoch."""
        return len(self.pairs) + round(self.synthetic * len(self.pairs))


def batches(plan: BatchPlan) -> Any:
    """Return a keras.utils.PyDataset of (images, classes, pixel weights).

    Images are float32 [batch, h, w, 3] as the network takes them, classes int32 [batch, h, w],
    weights float32 [batch, h, w], zero where a pixel is void. Batch i of epoch e depends only on
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

        def __getitem__(self, index: int) -> tuple[Any, Any, Any]:
            images, labels = _read_batch(plan, self.epoch, index)
            seed = [plan.seed, _AUGMENT, self.epoch, index]
            images, labels = _augment(
                images, labels, int(np.random.default_rng(seed).integers(2**31))
            )
            return _finish(plan, images, labels)

    return Batches()


def _read_batch(
    plan: BatchPlan, epoch: int, index: int
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    order = np.random.default_rng([plan.seed, _SHUFFLE, epoch]).permutation(plan.length)
    chosen = order[index * plan.batch_size : (index + 1) * plan.batch_size]
    samples = [_sample(plan, epoch, int(number)) for number in chosen]
    images, labels = (np.stack(parts) for parts in zip(*samples, strict=True))
    return images, labels


def _sample(
    plan: BatchPlan, epoch: int, number: int
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return pixels [h, w, 3] in 0..255 in the network's channel order, and labels [h, w, 1] + 1.

    Labels are shifted by one so that void is 0, which is what augmentation fills corners with.
    """
    if number < len(plan.pairs):
        pair = plan.pairs[number]
        image, mask = read_image(pair.image), read_mask(pair.mask)
    else:
        image, mask = _rendered(plan, epoch, number)
    known = np.where(mask < len(plan.weights), mask.astype(np.float32) + 1, 0)
    return _pixels(image, plan.preparation), _labels(known, plan.preparation)


def _pixels(image: NDArray[np.uint8], preparation: Preparation) -> NDArray[np.float32]:
    """Prepare an image as the device does, but for the scale: colours are augmented first."""
    raw = replace(preparation, mean=(0.0, 0.0, 0.0), std=(1.0, 1.0, 1.0))
    width, height = preparation.size
    tensor = TensorSpec((1, height, width, 3), "float32", 0.0, 0, "image")
    pixels: NDArray[np.float32] = prepare(image, raw, tensor)[0]
    return pixels


def _labels(labels: NDArray[np.float32], preparation: Preparation) -> NDArray[np.float32]:
    """Lay labels where `prepare` lays the image; letterbox borders are void."""
    width, height = preparation.size
    where = place(Size(*labels.shape[1::-1]), preparation)
    inner = cv2.resize(
        labels, (round(where.width), round(where.height)), interpolation=cv2.INTER_NEAREST
    )
    laid = np.zeros((height, width, 1), np.float32)
    top, left = round(where.y), round(where.x)
    laid[top : top + inner.shape[0], left : left + inner.shape[1], 0] = inner
    return laid


def _rendered(
    plan: BatchPlan, epoch: int, number: int
) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    from edgeseg.sources.street import render_street

    rng = np.random.default_rng([plan.seed, _RENDER, epoch, number])
    return render_street(int(rng.integers(1000)), float(rng.uniform(0, 60)), plan.preparation.size)


def _augment(
    images: NDArray[np.float32], labels: NDArray[np.float32], seed: int
) -> tuple[Any, Any]:
    """Flip, scale, shift and recolour: Keras's own layers, which move masks along with images."""
    import keras

    layers = keras.layers
    fill: dict[str, Any] = {"fill_mode": "constant", "fill_value": 0.0}
    data = {"images": images, "segmentation_masks": labels}
    for layer in (
        layers.RandomFlip("horizontal", seed=seed),
        layers.RandomZoom((-0.45, 0.15), seed=seed + 1, **fill),
        layers.RandomZoom((-0.12, 0.12), (-0.12, 0.12), seed=seed + 2, **fill),
        layers.RandomTranslation(0.12, 0.15, seed=seed + 3, **fill),
        layers.RandomColorJitter(
            value_range=(0, 255),
            brightness_factor=(-0.15, 0.35),
            contrast_factor=0.4,
            saturation_factor=(0.35, 0.65),
            hue_factor=0.03,
            seed=seed + 4,
        ),
    ):
        data = layer(data, training=True)
    return data["images"], data["segmentation_masks"]


def _finish(plan: BatchPlan, images: Any, labels: Any) -> tuple[Any, Any, Any]:
    preparation = plan.preparation
    pixels = np.asarray(images)
    mean, std = np.array(preparation.mean, np.float32), np.array(preparation.std, np.float32)
    shifted = np.rint(np.asarray(labels)[..., 0]).astype(np.int32)
    weight_of = np.concatenate([np.zeros(1, np.float32), plan.weights])
    return (pixels - mean) / std, np.maximum(shifted - 1, 0), weight_of[shifted]


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
