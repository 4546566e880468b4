"""Building a functional Keras graph again, call by call, with some calls replaced."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from edgeseg.manifest import Size

from .graph import is_functional


@dataclass(frozen=True)
class Call:
    """One call of a layer, as it is about to be made in the new graph.

    Attributes:
        layer: the layer or keras.ops operation of the old graph.
        name: the layer's name behind those of the nested models around it, "decoder/scores_up";
            later calls of a shared layer end with their number, "scores_up#2".
        inputs: the Keras tensors of the new graph that go in, all of known shape.
        again: makes the call as it was and returns its output.
        source: the old graph's output tensor of this call, to look around with.
    """

    layer: Any
    name: str
    inputs: tuple[Any, ...]
    again: Callable[[], Any]
    source: Any

    @property
    def kind(self) -> str:
        """The layer's class, "Conv2DTranspose"."""
        return type(self.layer).__name__


Replace = Callable[[Call], Any]
"""Returns the tensor that stands for a call's output, or None to leave the call as it is."""


def replace_calls(model: Any, size: Size, replace: Replace) -> Any:
    """Return `model` on an input of [1, size.height, size.width, 3], some calls replaced.

    Nested models are opened, so that every call of the new graph is one of a layer. Weights are
    shared with `model`, which stays as it is.

    Args:
        model: functional keras.Model of one input, whose graph takes a batch of one.
        size: of its input.
        replace: is asked for each call in the order of execution.
    """
    import keras

    image = keras.Input((size.height, size.width, 3), batch_size=1, name="image")
    outputs = _run(model, (image,), replace, "", {})
    return keras.Model(image, outputs[0] if len(outputs) == 1 else outputs)


def _run(
    model: Any, inputs: tuple[Any, ...], replace: Replace, prefix: str, seen: dict[str, int]
) -> list[Any]:
    import keras

    made = dict(zip(map(id, model.inputs), inputs, strict=True))
    for node in _in_order(model):

        def new(value: Any) -> Any:
            return made[id(value)] if isinstance(value, keras.KerasTensor) else value

        arguments = keras.tree.map_structure(new, node.arguments.args)
        keywords = keras.tree.map_structure(new, node.arguments.kwargs)
        layer = node.operation
        name = _numbered(prefix + layer.name, seen)
        taken = tuple(made[id(tensor)] for tensor in node.input_tensors)
        if isinstance(layer, keras.Model) and is_functional(layer):
            results = _run(layer, taken, replace, f"{name}/", seen)
        else:

            def again(layer: Any = layer, a: Any = arguments, k: Any = keywords) -> Any:
                return layer(*a, **k)

            call = Call(layer, name, taken, again, node.outputs[0])
            replaced = replace(call)
            result = again() if replaced is None else replaced
            results = keras.tree.flatten(result)
        made.update(zip(map(id, node.outputs), results, strict=True))
    return [made[id(tensor)] for tensor in model.outputs]


def _numbered(name: str, seen: dict[str, int]) -> str:
    seen[name] = seen.get(name, 0) + 1
    return name if seen[name] == 1 else f"{name}#{seen[name]}"


def _in_order(model: Any) -> Iterator[Any]:
    """Yield the nodes that lead from the model's inputs to its outputs, inputs before users."""
    done = {id(tensor) for tensor in model.inputs}
    stack = [*reversed(model.outputs)]
    while stack:
        tensor = stack[-1]
        if id(tensor) in done:
            stack.pop()
            continue
        operation, index, _ = tensor._keras_history
        node = operation._inbound_nodes[index]
        missing = [one for one in node.input_tensors if id(one) not in done]
        if missing:
            stack.extend(reversed(missing))
            continue
        done.update(map(id, node.outputs))
        yield node
