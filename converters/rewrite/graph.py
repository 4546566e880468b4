"""Walking a functional Keras graph from its output backwards."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Step:
    """The call that made a tensor.

    Attributes:
        operation: the layer, nested model or keras.ops operation.
        inputs: the Keras tensors that went in.
        arguments: the positional arguments of the call, tensors included.
        uses: how often the operation is called in the graph.
    """

    operation: Any
    inputs: tuple[Any, ...]
    arguments: tuple[Any, ...]
    uses: int

    @property
    def label(self) -> str:
        """Return the operation for a message: its name and its kind."""
        return f"{self.operation.name} ({type(self.operation).__name__})"


def step_behind(tensor: Any) -> Step:
    """Return the call whose result is the Keras tensor `tensor`."""
    operation, node_index, _ = tensor._keras_history
    nodes = operation._inbound_nodes
    node = nodes[node_index]
    return Step(operation, tuple(node.input_tensors), tuple(node.arguments.args), len(nodes))


def with_output(model: Any, output: Any) -> Any:
    """Return the part of `model` that leads to the Keras tensor `output`."""
    import keras

    # A list of one input is another structure to Keras than the input itself, and it warns.
    inputs = model.inputs[0] if len(model.inputs) == 1 else model.inputs
    return keras.Model(inputs, output)


def call_again(model: Any, step: Step) -> Any:
    """Return the output of `model` for the tensors that went into `step`."""
    return model(step.inputs[0] if len(step.inputs) == 1 else list(step.inputs))


def is_functional(model: Any) -> bool:
    """Return whether the model's graph can be read: functional or built Sequential."""
    try:
        return bool(model.inputs) and all(hasattr(t, "_keras_history") for t in model.outputs)
    except (AttributeError, ValueError):
        return False  # a subclassed model has no graph, an unbuilt Sequential no outputs


def is_input(step: Step) -> bool:
    """Return whether the walk has come to the model's own input."""
    return type(step.operation).__name__ == "InputLayer"


def is_model(step: Step) -> bool:
    """Return whether the call is one of a nested model with a graph of its own."""
    import keras

    return isinstance(step.operation, keras.Model) and is_functional(step.operation)


def activation_name(operation: Any) -> str:
    """Return the activation built into a layer, "linear" where there is none."""
    activation = getattr(operation, "activation", None)
    return "linear" if activation is None else str(getattr(activation, "__name__", activation))
