"""Batch normalization and ReLU taken into the transposed convolution in front of them, exactly.

TensorFlow Lite folds them into a convolution, and into a transposed one with a bias, but not past
what other forms of one put in between. In the layer's own kernel, bias and activation they go into
whatever form it takes: the convolution of the sub-pixel form computes them for nothing.

With scale = gamma / sqrt(variance + epsilon), as in Ioffe and Szegedy, "Batch normalization", ICML
2015: kernel' = kernel * scale by channel out, bias' = beta + (bias - mean) * scale.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgeseg.manifest import Size

from .calls import Call, nodes_in_order, replace_calls
from .graph import activation_name
from .tail import IDENTITIES


@dataclass(frozen=True)
class _Chain:
    """A transposed convolution and the calls behind it that it can take in.

    Attributes:
        layer: the transposed convolution.
        norm: the batch normalization, if any.
        activation: "relu", "relu6", or empty.
        taken: outputs of the calls that fall away.
        words: what was folded.
    """

    layer: Any
    norm: Any = None
    activation: str = ""
    taken: tuple[Any, ...] = ()
    words: tuple[str, ...] = field(default=())


def fold(model: Any, size: Size) -> tuple[Any, tuple[str, ...]]:
    """Return `model` with batch normalization and ReLU folded into transposed convolutions.

    The numbers stay the same up to float32 rounding. Weights of other layers are shared with
    `model`, which stays as it is; where there is nothing to fold, `model` itself is returned.

    Args:
        model: functional keras.Model of one input.
        size: of its input.

    Returns:
        The model, on an input of [1, size.height, size.width, 3] with nested models opened, and a
        sentence for each layer that took something in.
    """
    flat = replace_calls(model, size, _as_it_is)
    chains = {id(start): chain for start, chain in _chains(flat)}
    if not chains:
        return model, ()
    shared = _shared(flat)
    taken = {id(tensor) for chain in chains.values() for tensor in chain.taken}
    notes = []

    def replaced(call: Call) -> Any:
        if id(call.source) in taken:
            return call.inputs[0]
        chain = chains.get(id(call.source))
        if chain is None:
            return None
        notes.append(f"{' and '.join(chain.words)} folded into {call.name}")
        return _folded(chain, _name(call, shared))(call.inputs[0])

    return replace_calls(flat, size, replaced), tuple(notes)


def _as_it_is(call: Call) -> None:
    del call


def _chains(model: Any) -> list[tuple[Any, _Chain]]:
    """Return each transposed convolution's output with the chain behind it, where there is one."""
    users = _users(model)
    found = []
    for node in nodes_in_order(model):
        if _can_take(node.operation):
            chain = _chain(node, users)
            if chain.words:
                found.append((node.outputs[0], chain))
    return found


def _users(model: Any) -> Mapping[int, list[Any]]:
    """Return the nodes that use each tensor; an output of the model counts as used once more."""
    users: defaultdict[int, list[Any]] = defaultdict(list)
    for node in nodes_in_order(model):
        for tensor in node.input_tensors:
            users[id(tensor)].append(node)
    for tensor in model.outputs:
        users[id(tensor)].append(None)
    return users


def _can_take(layer: Any) -> bool:
    is_transposed = type(layer).__name__ == "Conv2DTranspose"
    return is_transposed and layer.data_format == "channels_last" and _is_linear(layer)


def _is_linear(layer: Any) -> bool:
    return activation_name(layer) == "linear"


def _chain(node: Any, users: Mapping[int, list[Any]]) -> _Chain:
    """Follow the only user of each output as long as it can be taken in."""
    layer, tensor = node.operation, node.outputs[0]
    norm, activation = None, ""
    taken: list[Any] = []
    passed: list[Any] = []  # identities, which fall away only with something behind them
    words: list[str] = []
    while len(users[id(tensor)]) == 1 and (user := users[id(tensor)][0]) is not None:
        operation, tensor = user.operation, user.outputs[0]
        passed.append(tensor)
        if type(operation).__name__ in IDENTITIES:
            continue
        if norm is None and _is_norm(user):
            norm = operation
        elif activation := _relu(operation):
            pass
        else:
            break
        taken, words = [*passed], [*words, operation.name]
        if activation:
            break
    return _Chain(layer, norm, activation, tuple(taken), tuple(words))


def _is_norm(node: Any) -> bool:
    """Whether a call is a batch normalization over the last axis, as on the device."""
    layer = node.operation
    if type(layer).__name__ != "BatchNormalization" or node.arguments.kwargs.get("training"):
        return False
    return layer.axis in (-1, len(node.input_tensors[0].shape) - 1)


def _relu(operation: Any) -> str:
    """Return "relu" or "relu6" for an operation that is one, else nothing."""
    kind = type(operation).__name__
    if kind == "Activation":
        name = activation_name(operation)
        return name if name in ("relu", "relu6") else ""
    if kind == "ReLU" and not operation.negative_slope and not operation.threshold:
        return {None: "relu", 6: "relu6"}.get(operation.max_value, "")
    return {"Relu": "relu", "Relu6": "relu6"}.get(kind, "")


def _shared(model: Any) -> set[int]:
    """Return the layers that are called more than once."""
    calls = Counter(id(node.operation) for node in nodes_in_order(model))
    return {layer for layer, count in calls.items() if count > 1}


def _name(call: Call, shared: set[int]) -> str:
    """Return a name for the layer in place of a call: the old one's, where that falls away."""
    if id(call.layer) not in shared:
        return str(call.layer.name)
    return f"{call.name.replace('#', '_')}_folded"


def _folded(chain: _Chain, name: str) -> Any:
    """Return a layer that computes the chain."""
    config = {**chain.layer.get_config(), "use_bias": True, "name": name}
    if chain.activation:
        config["activation"] = chain.activation
    twin = type(chain.layer).from_config(config)
    twin.build((None, None, None, chain.layer.kernel.shape[3]))
    twin.set_weights(_weights(chain))
    return twin


def _weights(chain: _Chain) -> list[NDArray[np.float32]]:
    """Return the kernel [height, width, out, in] and the bias [out] of the chain."""
    kernel, bias = (_values(getattr(chain.layer, name)) for name in ("kernel", "bias"))
    if chain.norm is not None:
        norm = chain.norm
        mean, variance = _values(norm.moving_mean), _values(norm.moving_variance)
        gamma, beta = _values(norm.gamma, 1.0), _values(norm.beta)
        scale = gamma / np.sqrt(variance + norm.epsilon)
        kernel, bias = kernel * scale[:, None], beta + (bias - mean) * scale
    bias = np.broadcast_to(bias, kernel.shape[2:3])
    return [kernel.astype(np.float32), bias.astype(np.float32)]


def _values(variable: Any, otherwise: float = 0.0) -> NDArray[np.float64]:
    """Return a layer's weights, or what stands for weights that it was built without."""
    return np.asarray(otherwise if variable is None else variable, np.float64)
