"""Whether frames reach a network with the pixel values that it was trained on.

A BatchNorm layer keeps the mean and variance that its input had in training. Those of the network's
first one are compared with what frames give, as two normal distributions, channel by channel, by
the Kullback-Leibler divergence of the frames' from the kept one:

    (log(V / v) + (v + (m - M)^2) / V - 1) / 2,    m, v of the frames; M, V kept,

and the median over the channels is taken: some have no variance at all. Measured with FCN-8,
FCN-32 and MobileNetV2 1.0 on CamVid, two other cameras and rendered streets: 0.04 to 0.5 where the
pictures are prepared as in training (1.2 in a third of the light), 0.6 to 3.4 for 0..1 or imagenet
in place of -1..1, above 1000 for 0..255. A change of light can look like a small change of the
normalization, so another one must fit much better before a warning is due. Channels that have
changed places (bgr for rgb) do not show: streets have little colour.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgeseg.manifest import Preparation
from edgeseg.modelfile import NORMALIZATIONS, normalization

from .load import Network
from .quiet import quiet_tensorflow
from .rewrite.graph import is_functional, is_input, step_behind, with_output
from .saved_model import SavedNetwork
from .tensors import Frames

_SUSPICIOUS = 0.5  # below this the frames are like those of training
_RATIO = 2.5  # how much better another normalization has to fit; 1.9 between right ones
_HOPELESS = 10.0  # above this the frames are nothing like those of training, whatever fits

Features = Callable[[NDArray[np.float32]], NDArray[np.float32]]


def normalization_warnings(network: Network, frames: Frames) -> tuple[str, ...]:
    """Return a warning where frames look normalized in another way than in training.

    Networks without BatchNorm, with one that was never trained, or without a graph pass.

    Args:
        network: its preparation is the one in question.
        frames: prepared with it, float32 [1, h, w, 3].
    """
    found = None if isinstance(network.model, SavedNetwork) else _first_norm(network.model)
    if found is None or not frames or _is_untrained(found[1]):
        return ()
    features, layer = found
    preparation = network.preparation
    distance = _distance(features, layer, frames)
    if distance < _SUSPICIOUS:
        return ()
    others = {
        name: _distance(features, layer, [_as_prepared(f, preparation, other) for f in frames])
        for name, other in _others(preparation)
    }
    best = min(others, key=lambda name: others[name], default="")
    if best and others[best] * _RATIO < distance:
        return (
            f"the frames look normalized in another way than in training: in front of {layer.name} "
            f"they lie {distance:.2g} from its statistics, with --normalize {best} only "
            f"{others[best]:.2g}; check the model's documentation, and take --normalize {best} if "
            "that is how it was trained",
        )
    if distance > _HOPELESS:
        return (
            f"the frames are unlike those of training: in front of {layer.name} they lie "
            f"{distance:.2g} from its statistics, and no --normalize comes near; check --normalize "
            "and --color, and that --calib shows what the model was trained for",
        )
    return ()


def _first_norm(model: Any) -> tuple[Features, Any] | None:
    """Return a function from a picture to the input of the first BatchNorm, and that layer."""
    import keras

    found = _way_to_norm(model)
    if found is None:
        return None
    parts, layer = found

    def features(tensor: NDArray[np.float32]) -> NDArray[np.float32]:
        value: Any = keras.ops.convert_to_tensor(tensor)
        for part in parts:
            value = part(value, training=False)
        return np.asarray(keras.ops.convert_to_numpy(value), np.float32)

    return features, layer


def _way_to_norm(model: Any) -> tuple[list[Any], Any] | None:
    """Return the models that lead to the first BatchNorm one after the other, and that layer."""
    import keras

    order = {id(layer): place for place, layer in enumerate(model.layers)}
    steps = sorted(_steps(model.outputs[0]), key=lambda step: order.get(id(step.operation), -1))
    for step in steps:
        if type(step.operation) is keras.layers.BatchNormalization:
            return _lead(model, step.inputs[0]), step.operation
        if not isinstance(step.operation, keras.Model) or not is_functional(step.operation):
            continue
        inner = _way_to_norm(step.operation)
        if inner is not None:
            parts, layer = inner
            return [*_lead(model, step.inputs[0]), *parts], layer
    return None


def _lead(model: Any, tensor: Any) -> list[Any]:
    """Return what brings a picture to `tensor`: a part of the model, or nothing."""
    return [] if is_input(step_behind(tensor)) else [with_output(model, tensor)]


def _steps(tensor: Any) -> Iterator[Any]:
    """Yield every step behind a tensor, once."""
    waiting, seen = [tensor], set()
    while waiting:
        tensor = waiting.pop()
        step = step_behind(tensor)
        if id(step.operation) in seen or is_input(step):
            continue
        seen.add(id(step.operation))
        waiting += step.inputs
        yield step


def _is_untrained(layer: Any) -> bool:
    mean, variance = _kept(layer)
    return bool((mean == 0).all() and (variance == 1).all())


def _kept(layer: Any) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    import keras

    mean, variance = (
        keras.ops.convert_to_numpy(value) for value in (layer.moving_mean, layer.moving_variance)
    )
    return np.asarray(mean, np.float64), np.asarray(variance, np.float64)


def _distance(features: Features, layer: Any, frames: Frames) -> float:
    """Return how far the frames' features are from a BatchNorm's statistics."""
    with quiet_tensorflow():
        maps = [features(frame).astype(np.float64) for frame in frames]
    mean = np.mean([m.mean(axis=(0, 1, 2)) for m in maps], axis=0)
    square = np.mean([np.square(m).mean(axis=(0, 1, 2)) for m in maps], axis=0)
    variance = np.maximum(square - mean**2, 0.0)
    kept_mean, kept_variance = _kept(layer)
    kept_variance = kept_variance + layer.epsilon
    spread = (variance + (mean - kept_mean) ** 2) / kept_variance
    divergence = (np.log(kept_variance / (variance + 1e-12)) + spread - 1) / 2
    return float(np.median(divergence))


def _others(preparation: Preparation) -> Iterator[tuple[str, Preparation]]:
    """Yield the other normalizations, each with the channel order that is usual for it."""
    for name in NORMALIZATIONS:
        mean, std, color = normalization(name)
        if (mean, std) != (preparation.mean, preparation.std):
            yield name, replace(preparation, mean=mean, std=std, color=color)


def _as_prepared(
    frame: NDArray[np.float32], before: Preparation, after: Preparation
) -> NDArray[np.float32]:
    """Return a frame that was prepared in one way as if it had been prepared in another."""
    pixels = frame * np.array(before.std, np.float32) + np.array(before.mean, np.float32)
    if before.color != after.color:
        pixels = pixels[..., ::-1]
    prepared = (pixels - np.array(after.mean)) / np.array(after.std)
    return np.ascontiguousarray(prepared, np.float32)
