"""Networks that give their pixels in one row, or the winning class alone: their map is found again.

The models of keras_segmentation (github.com/divamgupta/image-segmentation-keras,
keras_segmentation/models/model_utils.py) end in Reshape((height * width, classes)) and softmax.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from .graph import Step, call_again, is_input, is_model, step_behind, with_output
from .tail import keeps_classes

_AFTER_ARGMAX = ("Cast", "ExpandDims", "Squeeze")
Shape = tuple[int | None, ...]


@dataclass(frozen=True)
class Unflattened:
    """A model whose output is a map, if it could be found.

    Attributes:
        model: [batch, H, W, 3] to [batch, h, w, classes], or as it was.
        notes: what was removed, for the user.
        reason: what kept the search for a map from going on; empty where one was found.
    """

    model: Any
    notes: tuple[str, ...] = ()
    reason: str = ""


def unflatten(model: Any) -> Unflattened:
    """Return `model` without a tail that only lays its pixels in a row or picks their class.

    Such a tail is made of reshapes that leave the last axis alone, of softmax or argmax over it,
    and of what moves no number. Nested models are looked into.
    """
    return _unflatten(model, tuple(model.outputs[0].shape))


def _unflatten(model: Any, output: Shape) -> Unflattened:
    tail = _tail(model)
    for count in range(len(tail.steps), 0, -1):
        step = tail.steps[count - 1]
        if _flattens(step) and _is_same_map(_shape(step), output):
            shorter = with_output(model, step.inputs[0])
            return Unflattened(shorter, (_note(tail.steps[:count]),))
    if tail.nested is None:
        return Unflattened(model, reason=tail.reason)
    inner = _unflatten(tail.nested.operation, output)
    if not inner.notes:
        return Unflattened(model, reason=inner.reason)
    return Unflattened(with_output(model, call_again(inner.model, tail.nested)), inner.notes)


@dataclass(frozen=True)
class _Tail:
    """The end of a model.

    Attributes:
        steps: from the last one backwards, that move no pixel.
        nested: the nested model behind them, if it is one.
        reason: else why what is behind them is none of them.
    """

    steps: tuple[Step, ...]
    nested: Step | None = None
    reason: str = ""


def _tail(model: Any) -> _Tail:
    steps: list[Step] = []
    tensor = model.outputs[0]
    while not is_input(step := step_behind(tensor)):
        if is_model(step):
            return _Tail(tuple(steps), nested=step)
        reason = _obstacle(step, tuple(tensor.shape))
        if reason:
            return _Tail(tuple(steps), reason=reason)
        steps.append(step)
        tensor = step.inputs[0]
    return _Tail(tuple(steps), reason="it is the input itself")


def _obstacle(step: Step, after: Shape) -> str:
    """Return why a step does more than to lay pixels in a row or pick their class."""
    kind = type(step.operation).__name__
    if kind == "Reshape":
        return _reshape_obstacle(step, _shape(step), after)
    if kind == "Permute":
        return "" if keeps_classes(step) else f"{step.label} moves axes"
    is_tail = keeps_classes(step) or _is_argmax(step) or kind in _AFTER_ARGMAX
    return "" if is_tail else f"{step.label} makes it"


def _reshape_obstacle(step: Step, before: Shape, after: Shape) -> str:
    keeps_last = before[-1] == after[-1]
    of_a_class_map = 2 in (len(before), len(after)) or (len(before) == 3 and after[-1] == 1)
    if keeps_last or of_a_class_map:
        return ""
    return f"{step.label} mixes pixels and classes: {_list(before)} becomes {_list(after)}"


def _flattens(step: Step) -> bool:
    """Whether a map [batch, h, w, classes] goes in and something else comes out."""
    is_step = type(step.operation).__name__ == "Reshape" or _is_argmax(step)
    return is_step and len(_shape(step)) == 4


def _is_argmax(step: Step) -> bool:
    if type(step.operation).__name__ != "Argmax":
        return False
    return step.operation.axis in (-1, len(_shape(step)) - 1)


def _is_same_map(cells: Shape, output: Shape) -> bool:
    """Whether an output has a map's pixels, in rows or in one row, with or without classes."""
    height, width, classes = cells[1:]
    if height is None or width is None:
        return False
    ends: tuple[Shape, ...] = ((), (1,), (classes,))
    return any(output[1:] in ((height, width, *end), (height * width, *end)) for end in ends)


def _note(steps: tuple[Step, ...]) -> str:
    labels = ", ".join(step.label for step in reversed(steps))
    _, height, width, classes = _shape(steps[-1])
    removed = f"{labels} at the end {'was' if len(steps) == 1 else 'were'} removed"
    if any(map(_is_argmax, steps)):
        return f"{removed}: scores are more than the winner; --head argmax gives the winner alone"
    return (
        f"{removed}: the output is a map of {width}x{height} cells and {classes} classes again; if "
        "keras_segmentation trained it, it takes --normalize caffe --color rgb"
    )


def _shape(step: Step) -> Shape:
    return tuple(step.inputs[0].shape)


def _list(shape: Shape) -> str:
    return f"[{', '.join('any' if side is None else str(side) for side in shape)}]"
