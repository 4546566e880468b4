"""Fine-tuning after an approximate swap: the network learns from the one that it was.

For every picture the untouched float network tells its class probabilities, and the swapped network
is trained towards them by their Kullback-Leibler divergence (Hinton, Vinyals and Dean, "Distilling
the knowledge in a neural network", arXiv 1503.02531, at temperature 1). Where a picture has a mask,
the loss of training is added.

The graph that will be exported is the one that is trained: its batch is one, and gradients of a few
pictures are summed up for each step. Batch normalization stays frozen, so that makes no difference.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgeseg.errors import ModelError
from edgeseg.fcn.augment import VOID
from edgeseg.fcn.loop import freeze_batch_norm, run_epoch
from edgeseg.fcn.loss import segmentation_loss
from edgeseg.manifest import Preparation, Size

from .lessons import Answers, Lessons, Pictures, find_pictures
from .quiet import quiet_tensorflow
from .rewrite.calls import Call, replace_calls
from .rewrite.graph import step_behind, with_output
from .rewrite.sites import CLASS_MAP
from .rewrite.static_batch import static_batch

# As `edgeseg train` weighs the soft Jaccard index.
_JACCARD = 0.5
_WARM_UP = 0.05  # of all steps
_LEAST = 1e-7  # probability whose logarithm is taken

# (epoch from 1, epochs, picture from 1, pictures, loss so far)
Progress = Callable[[int, int, int, int, float], None]


@dataclass(frozen=True)
class FinetuneReport:
    """What fine-tuning made.

    Attributes:
        model: the student after training, on its input of [1, h, w, 3], with weights of its own.
        losses: mean loss of each epoch; without masks 0 is a student that answers like its teacher.
        epochs: how many.
        pictures: in the folder that could be used.
        masks: how many of them have one.
        skipped: why others could not be used, a line for each.
    """

    model: Any
    losses: tuple[float, ...]
    epochs: int
    pictures: int
    masks: int
    skipped: tuple[str, ...] = ()


def finetune(
    student: Any,
    teacher: Any,
    preparation: Preparation,
    data: Path,
    ignore: int | None = VOID,
    *,
    epochs: int = 3,
    learning_rate: float = 5e-4,
    batch_size: int = 4,
    seed: int = 1,
    progress: Progress | None = None,
) -> FinetuneReport:
    """Train `student` for a few epochs to answer as `teacher` does; both stay as they are.

    The same seed gives the same weights.

    Args:
        student: functional keras.Model, [1, h, w, 3] to logits [1, h', w', classes], or to a class
            map that edgeseg put behind them. It may share weights with `teacher`.
        teacher: functional keras.Model with the same input and output.
        preparation: of their input.
        data: a folder of pictures with masks (see edgeseg.masks.find_pairs), or of pictures alone.
        ignore: value of void pixels in the masks.
        epochs: how often every picture is seen.
        learning_rate: the first step's; it falls to zero along a cosine.
        batch_size: pictures for each step.
        seed: of order and augmentation.
        progress: called after each picture.

    Raises:
        DataError: the folder has no pictures, or none that can be used.
        ModelError: the two networks do not answer alike in shape, or the loss became infinite.
    """
    import keras

    keras.utils.set_random_seed(seed)
    with quiet_tensorflow():
        made = _with_own_weights(student, preparation.size)
        trained, told = _logits(made), _logits(teacher)
        shape = _check_shapes(trained, told)
        pictures = find_pictures(data, shape[3], ignore)
        lessons = Lessons(pictures, _answers(told, preparation.size), preparation, shape, seed)
        _compile(trained, pictures, learning_rate, epochs, batch_size)
    losses = []
    with ThreadPoolExecutor(1) as reader:
        for epoch in range(epochs):
            lessons.epoch = epoch
            shown = partial(progress, epoch + 1, epochs) if progress else None
            losses.append(run_epoch(trained, lessons, reader, shown, "check --normalize"))
    masks = sum(mask is not None for _, mask in pictures.files)
    return FinetuneReport(made, tuple(losses), epochs, len(pictures.files), masks, pictures.skipped)


def _with_own_weights(model: Any, size: Size) -> Any:
    """Return a copy of a model, nested models opened, whose layers share nothing with others.

    Layers without weights are taken as they are: some hold Python functions.
    """
    twins: dict[int, Any] = {}

    def own(call: Call) -> Any:
        if not getattr(call.layer, "weights", None):
            return None
        twin = twins.get(id(call.layer))
        if twin is None:
            twin = type(call.layer).from_config(call.layer.get_config())
            twins[id(call.layer)] = twin
        result = call.again(twin)
        twin.set_weights(call.layer.get_weights())
        return result

    return replace_calls(model, size, own)


def _logits(model: Any) -> Any:
    """Return the model without the class map that edgeseg may have put at its end."""
    step = step_behind(model.outputs[0])
    return with_output(model, step.inputs[0]) if step.operation.name == CLASS_MAP else model


def _check_shapes(student: Any, teacher: Any) -> tuple[int, int, int, int]:
    """Return the shape [1, h, w, classes] of both networks' answers."""
    taught, told = (tuple(model.outputs[0].shape)[1:] for model in (student, teacher))
    if taught != told or len(taught) != 3:
        raise ModelError(
            f"a network that gives {list(taught)} cannot learn from one that gives {list(told)}; "
            "expected the same [height, width, classes]"
        )
    height, width, classes = (int(side) for side in taught)
    return 1, height, width, classes


def _answers(teacher: Any, size: Size) -> Answers:
    """Return a function from an input to the teacher's probabilities, [1, h, w, classes]."""
    import tensorflow as tf

    static = static_batch(teacher, size)
    run = tf.function(lambda image: tf.nn.softmax(static(image, training=False)))
    run(tf.zeros(static.inputs[0].shape))  # traced here, where TensorFlow is kept quiet

    def answers(image: NDArray[np.float32]) -> NDArray[np.float32]:
        return np.asarray(run(tf.constant(image)))

    return answers


def _compile(
    model: Any, pictures: Pictures, learning_rate: float, epochs: int, batch_size: int
) -> None:
    import keras

    freeze_batch_norm(model)
    count = len(pictures.files)
    steps = count * epochs
    rate = keras.optimizers.schedules.CosineDecay(
        learning_rate,
        steps,
        warmup_target=learning_rate,
        warmup_steps=round(_WARM_UP * steps),
    )
    together = min(batch_size, count)
    model.compile(
        optimizer=keras.optimizers.Adam(
            rate, gradient_accumulation_steps=together if together > 1 else None
        ),
        loss=_loss(pictures.weights),
        jit_compile=False,  # XLA takes seven times as long over depthwise convolutions on a CPU
    )


def _loss(weights: NDArray[np.float32]) -> Any:
    """Return a Keras loss of lessons [1, h, w, classes + 1] and logits [1, h, w, classes]."""
    from keras import ops

    of_masks = segmentation_loss(weights, _JACCARD) if weights.any() else None

    def loss(lesson: Any, logits: Any) -> Any:
        told, labels = lesson[..., :-1], lesson[..., -1]
        gap = ops.log(ops.maximum(told, _LEAST)) - ops.log_softmax(logits)
        total = ops.mean(ops.sum(told * gap, axis=-1))
        return total if of_masks is None else total + of_masks(labels, logits)

    return loss
