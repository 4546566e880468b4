"""Building a functional Keras graph again, call by call, with some calls replaced."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from copy import copy
from dataclasses import dataclass
from itertools import count
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
        again: makes the call as it was, or, given another layer, the same call of that one; returns
            its output.
        source: the old graph's output tensor of this call, to look around with.
    """

    layer: Any
    name: str
    inputs: tuple[Any, ...]
    again: Callable[..., Any]
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

    image = keras.Input((size.height, size.width, 3), batch_size=1, name=_INPUT)
    walk = _Walk(replace)
    outputs = walk.run(model, (image,), "")
    walk.name_apart(image, outputs)
    return keras.Model(image, outputs[0] if len(outputs) == 1 else outputs)


_INPUT = "image"


class _Walk:
    """One pass over a graph: which names are taken in the new one, and by which layers."""

    def __init__(self, replace: Replace) -> None:
        self._replace = replace
        self._calls: dict[str, int] = {}
        self._layers: dict[int, Any] = {}  # by the old layer's id
        self._names = {_INPUT}

    def run(self, model: Any, inputs: tuple[Any, ...], prefix: str) -> list[Any]:
        import keras

        made = dict(zip(map(id, model.inputs), inputs, strict=True))
        for node in nodes_in_order(model):
            layer = node.operation
            name = self._numbered(prefix + layer.name)
            if isinstance(layer, keras.Model) and is_functional(layer):
                taken = tuple(made[id(tensor)] for tensor in node.input_tensors)
                results = self.run(layer, taken, f"{name}/")
            else:
                results = self._call(node, name, made)
            made.update(zip(map(id, node.outputs), results, strict=True))
        return [made[id(tensor)] for tensor in model.outputs]

    def _call(self, node: Any, name: str, made: dict[int, Any]) -> list[Any]:
        import keras

        layer = self._own(node.operation, name)

        def new(value: Any) -> Any:
            return made[id(value)] if isinstance(value, keras.KerasTensor) else value

        def again(other: Any = layer) -> Any:
            arguments = keras.tree.map_structure(new, node.arguments.args)
            keywords = keras.tree.map_structure(new, node.arguments.kwargs)
            return other(*arguments, **keywords)

        taken = tuple(made[id(tensor)] for tensor in node.input_tensors)
        result = self._replace(Call(layer, name, taken, again, node.outputs[0]))
        flat: list[Any] = keras.tree.flatten(again() if result is None else result)
        return flat

    def _own(self, layer: Any, name: str) -> Any:
        """Return the layer, or a twin of it where another one has its name in the new graph.

        Nested models may use a name again, a graph of layers may not. The twin shares the weights.
        """
        if id(layer) not in self._layers:
            free = layer.name
            if free in self._names:
                free = next(
                    one for one in _candidates(name.replace("/", "_")) if one not in self._names
                )
            self._names.add(free)
            self._layers[id(layer)] = layer if free == layer.name else _renamed(layer, free)
        return self._layers[id(layer)]

    def name_apart(self, image: Any, outputs: list[Any]) -> None:
        """Rename layers that replacements brought where another layer of the graph has the name."""
        made = {id(node.operation): node.operation for node in _nodes([image], outputs)}
        old = {id(layer) for layer in self._layers.values()}
        names = {_INPUT} | {layer.name for key, layer in made.items() if key in old}
        for layer in (layer for key, layer in made.items() if key not in old):
            if layer.name in names:
                layer.name = next(one for one in _candidates(layer.name) if one not in names)
            names.add(layer.name)

    def _numbered(self, name: str) -> str:
        self._calls[name] = self._calls.get(name, 0) + 1
        return name if self._calls[name] == 1 else f"{name}#{self._calls[name]}"


def _candidates(name: str) -> Iterator[str]:
    plain = name.replace("#", "_")
    yield plain
    yield from (f"{plain}_{number}" for number in count(2))


def _renamed(layer: Any, name: str) -> Any:
    twin = copy(layer)
    twin._inbound_nodes, twin._outbound_nodes = [], []
    twin.name = name
    return twin


def nodes_in_order(model: Any) -> Iterator[Any]:
    """Yield the nodes that lead from the model's inputs to its outputs, inputs before users."""
    return _nodes(model.inputs, model.outputs)


def _nodes(inputs: Sequence[Any], outputs: Sequence[Any]) -> Iterator[Any]:
    done = {id(tensor) for tensor in inputs}
    stack = [*reversed(outputs)]
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
