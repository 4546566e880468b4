"""Where the network ends: before its last upsampling (coarse), at its logits, or at argmax."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from edgeseg.errors import ModelError
from edgeseg.heads import infer_head
from edgeseg.manifest import Head, HeadKind, Size
from edgeseg.runtimes import TensorSpec

from .graph import (
    Step,
    activation_name,
    call_again,
    is_input,
    is_model,
    step_behind,
    with_output,
)
from .tail import (
    MONOTONE,
    NO_CROP,
    Crop,
    Upsampling,
    as_upsampling,
    crop_of,
    is_probability,
    keeps_classes,
)


@dataclass(frozen=True)
class Headed:
    """A model with a known end.

    Attributes:
        model: keras.Model, [batch, H, W, 3] to logits, or to class indices for argmax.
        head: what its output is, for the manifest.
        notes: what was changed or could not be done, for the user.
    """

    model: Any
    head: Head
    notes: tuple[str, ...] = ()


def full_head(model: Any) -> Headed:
    """Return `model` with its logits as output: a last softmax or sigmoid is taken away.

    Neither changes which class wins, and both cost time and int8 resolution at full size.

    Raises:
        ModelError: the output is larger than the input.
    """
    head, notes = _lie(model)
    bare, removed = _without_probability(model)
    if removed:
        notes += (f"{removed} at the end was removed: it does not change which class wins",)
    kind: HeadKind = "probability" if not removed and _ends_in_probability(model) else "logits"
    head = replace(head, kind=kind, to_frame=_last_interpolation(model))
    return Headed(bare, head, notes)


def coarse_head(model: Any) -> Headed:
    """Return `model` cut before its last upsampling, which the device's decode repeats exactly.

    Raises:
        ModelError: that is not exactly possible, and why; or as full_head.
    """
    found = _coarse(model)
    if isinstance(found, str):
        raise ModelError(f"--head coarse is not exactly possible: {found}; take --head full")
    return found


def auto_head(model: Any) -> Headed:
    """Return the coarse head where it is exact, else the full head with the reason as a note.

    Raises:
        ModelError: as full_head.
    """
    found = _coarse(model)
    if not isinstance(found, str):
        return found
    full = full_head(model)
    return replace(full, notes=(f"the head is full, not coarse: {found}", *full.notes))


def argmax_head(model: Any) -> Headed:
    """Return `model` with class indices, uint8 [batch, H, W], as output.

    Raises:
        ModelError: as full_head.
    """
    import keras

    full = full_head(model)
    # keras.ops.argmax masks sign bits with an operator that TFLite lacks, so tf.argmax it is.
    indices = keras.layers.Lambda(_class_indices, name="class_map")(full.model.outputs[0])
    head = replace(full.head, kind="class_map", to_frame="nearest")
    return Headed(with_output(full.model, indices), head, full.notes)


HEADS = {"auto": auto_head, "coarse": coarse_head, "full": full_head, "argmax": argmax_head}


def output_head(pixels: Sequence[int], cells: Sequence[int], rim: tuple[int, int] = (0, 0)) -> Head:
    """Return what an output of logits is, from the shapes [batch, height, width, channels].

    Args:
        pixels: shape of the input.
        cells: shape of the output.
        rim: by how many rows and columns the output may be larger than the input, which it then
            spans.

    Raises:
        ModelError: the output is larger than the input and its rim.
    """
    size = Size(pixels[2], pixels[1])
    beyond = [cell - pixel for cell, pixel in zip(cells[1:3], pixels[1:3], strict=True)]
    if max(beyond) > 0 and all(more <= most for more, most in zip(beyond, rim, strict=True)):
        return Head(layout="span")
    head, _ = infer_head(size, TensorSpec((1, *cells[1:]), "float32"))
    return head


def _lie(model: Any) -> tuple[Head, tuple[str, ...]]:
    """Return how the output lies on the input, and what the user should know about it.

    Raises:
        ModelError: the output is larger than the input for no reason that edgeseg knows.
    """
    pixels, cells = model.inputs[0].shape, model.outputs[0].shape
    last = _last_step(model)
    head = output_head(pixels, cells, _rim(last))
    if cells[1] <= pixels[1] and cells[2] <= pixels[2]:
        return head, ()
    return head, (
        f"the output is {cells[2]}x{cells[1]}, larger than the input {pixels[2]}x{pixels[1]}, as "
        f"{last.label} has 'valid' padding: it is taken to span the picture, as keras_segmentation "
        "trains it",
    )


def _rim(step: Step) -> tuple[int, int]:
    """Return how far a 'valid' transposed convolution reaches beyond its cells, all in all."""
    layer = step.operation
    if type(layer).__name__ != "Conv2DTranspose" or layer.padding != "valid":
        return 0, 0
    down, across = (
        max(taps - stride, 0) for taps, stride in zip(layer.kernel_size, layer.strides, strict=True)
    )
    return int(down), int(across)


def _last_step(model: Any) -> Step:
    """Return the last step that does more than a tail, that of a nested model looked into."""
    tensor = model.outputs[0]
    while not is_input(step := step_behind(tensor)):
        if is_model(step):
            return _last_step(step.operation)
        if not keeps_classes(step):
            return step
        tensor = step.inputs[0]
    return step


def _coarse(model: Any) -> Headed | str:
    """Return the model with a coarse head, or why there is none."""
    head, _ = _lie(model)
    found = _cut(model)
    if isinstance(found, _Cut) and head.layout == "stride":
        total = head.stride * found.upsampling.factor
        return Headed(found.model, Head("logits", total, found.upsampling.to_frame))
    if head.stride > 1:  # the network itself ends in coarse cells
        return full_head(model)
    if isinstance(found, _Cut):
        return "its output does not lie on the input by a whole stride"
    return found or "there is no upsampling layer at the network's end"


def _class_indices(logits: Any) -> Any:
    import tensorflow as tf

    return tf.cast(tf.argmax(logits, axis=-1, output_type=tf.int32), tf.uint8)


@dataclass(frozen=True)
class _Cut:
    model: Any
    upsampling: Upsampling


def _cut(model: Any, crop: Crop = NO_CROP) -> _Cut | str | None:
    """Cut `model` before its last upsampling; else return why not, None for a mere tail.

    `crop` is what the tail around the model takes from its top and left.
    """
    tensor = model.outputs[0]
    while not is_input(step := step_behind(tensor)):
        taken = crop_of(step)
        if taken is not None:
            crop = crop.then(taken)
        elif is_model(step):
            inner = _cut(step.operation, crop)
            if isinstance(inner, str):
                return inner
            if inner is not None:
                cells = call_again(inner.model, step)
                return replace(inner, model=with_output(model, cells))
        elif not keeps_classes(step):
            read = as_upsampling(step, crop)
            if isinstance(read, str):
                return read
            return _Cut(with_output(model, step.inputs[0]), read)
        tensor = step.inputs[0]
    return None


def _last_interpolation(model: Any) -> Any:
    found = _cut(model)
    return found.upsampling.to_frame if isinstance(found, _Cut) else "bilinear"


def _without_probability(model: Any) -> tuple[Any, str]:
    """Return the model without a softmax or sigmoid at its end, and what was removed, if any."""
    step = step_behind(model.outputs[0])
    if is_model(step):
        inner, removed = _without_probability(step.operation)
        if not removed:
            return model, ""
        return with_output(model, call_again(inner, step)), removed
    if is_probability(step):
        return with_output(model, step.inputs[0]), step.label
    if _activation_at_end(step) and step.uses == 1:
        logits = _linear_twin(step.operation)(step.inputs[0])
        removed = f"{activation_name(step.operation)} of {step.label}"
        return with_output(model, logits), removed
    return model, ""


def _activation_at_end(step: Step) -> bool:
    is_convolution = type(step.operation).__name__ in ("Conv2D", "Conv2DTranspose", "Dense")
    return is_convolution and activation_name(step.operation) in MONOTONE[1:]


def _linear_twin(layer: Any) -> Any:
    """Return a layer with the same weights and no activation; `layer` itself stays as it is."""
    twin = type(layer).from_config({**layer.get_config(), "activation": "linear"})
    twin.build(layer.input.shape)
    twin.set_weights(layer.get_weights())
    return twin


def _ends_in_probability(model: Any) -> bool:
    """Return whether probabilities still come out, a crop behind the softmax for one."""
    tensor = model.outputs[0]
    while not is_input(step := step_behind(tensor)) and keeps_classes(step):
        if is_probability(step):
            return True
        tensor = step.inputs[0]
    return _activation_at_end(step)
