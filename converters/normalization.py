"""Whether frames reach a network with the pixel values that it was trained on.

A BatchNorm layer keeps the mean and variance that its input had in training. They are compared with
what frames give, as two normal distributions, channel by channel, by the Kullback-Leibler
divergence of the frames' from the kept one:

    (log(V / v) + (v + (m - M)^2) / V - 1) / 2,    m, v of the frames; M, V kept.

The median over the channels is a layer's distance: some channels have no variance at all. A
network's distance is the geometric mean of the first layer's, which sees the pixels, and of the
median one of the first ten, since fine-tuning with frozen statistics moves the first. Then the
other normalizations are tried: one that fits much better is likely to be the right one.

Measured with FCN-8, 16 and 32 and MobileNetV2, which take -1..1, on CamVid, two other cameras and
rendered streets: the distance is 0.03 to 0.4 as it should be (0.7 in a third of the light), 2.0 to
16 times as far with 0..1, hundreds of times with 0..255. No other centre of the pixel values ever
fits better than the right one (0.95 times as far at best), but another contrast may: imagenet fits
an ImageNet encoder in front of a hazy dashcam 2.2 times better. Channels that have changed places
(bgr for rgb) do not show: streets have little colour.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgeseg.manifest import Preparation
from edgeseg.modelfile import NORMALIZATIONS, normalization

from .load import Network
from .quiet import quiet_tensorflow
from .rewrite.graph import Step, is_functional, is_input, step_behind, with_output
from .saved_model import SavedNetwork
from .tensors import Frames

_SUSPICIOUS = 0.15  # below this the frames are like those of training
# How much better another normalization has to fit, and one that differs in contrast alone: its
# pixel values have nearly the same centre, so that it is what other weather looks like too.
_BETTER, _BETTER_CONTRAST = 1.6, 3.0
_SAME_CENTRE = 30.0  # in pixel values
_HOPELESS = 10.0  # above this the frames are nothing like those of training, whatever fits
_EARLY = 10  # layers looked at

Maps = list[NDArray[np.float64]]
Features = Callable[[NDArray[np.float32]], Maps]


def normalization_warnings(network: Network, frames: Frames) -> tuple[str, ...]:
    """Return a warning where frames look normalized in another way than in training.

    Networks without BatchNorm, with one that was never trained, or without a graph pass.

    Args:
        network: its preparation is the one in question.
        frames: prepared with it, float32 [1, h, w, 3].
    """
    found = None if isinstance(network.model, SavedNetwork) else _early_norms(network.model)
    if found is None or not frames or _is_untrained(found[1][0]):
        return ()
    features, norms = found
    preparation = network.preparation
    distance = _distance(features, norms, frames)
    if distance < _SUSPICIOUS:
        return ()
    better: dict[str, tuple[float, float]] = {}
    for name, other in _others(preparation):
        changed = [_as_prepared(frame, preparation, other) for frame in frames]
        ratio = distance / max(_distance(features, norms, changed), 1e-9)
        better[name] = ratio / _needed(preparation, other), ratio
    (surplus, ratio), best = max((value, name) for name, value in better.items())
    if surplus > 1:
        return (
            "the frames look normalized in another way than in training: from what BatchNorm kept "
            f"they are {ratio:.1f} times as far as with --normalize {best}; check the model's "
            f"documentation, and take --normalize {best} if it was trained so",
        )
    if distance > _HOPELESS:
        return (
            "the frames are unlike those of training: they are far from what BatchNorm kept "
            f"({norms[0].name} and those behind it, distance {distance:.2g}), and no --normalize "
            "comes near; check --normalize and --color, and that --calib shows what the model was "
            "trained for",
        )
    return ()


def _early_norms(model: Any) -> tuple[Features, list[Any]] | None:
    """Return a function from a picture to the inputs of the first BatchNorms, and those layers."""
    import keras

    found = _way_to_norms(model)
    if found is None:
        return None
    parts, norms = found

    def features(tensor: NDArray[np.float32]) -> Maps:
        value: Any = keras.ops.convert_to_tensor(tensor)
        for part in parts:
            value = part(value, training=False)
        values = value if isinstance(value, list | tuple) else [value]
        return [np.asarray(keras.ops.convert_to_numpy(each), np.float64) for each in values]

    return features, norms


def _way_to_norms(model: Any) -> tuple[list[Any], list[Any]] | None:
    """Return models to be called one after the other, the last of which gives the norms' inputs.

    The norms are the first ones of the first graph that has any, the model's own or a nested one's.
    """
    import keras

    order = {id(layer): place for place, layer in enumerate(model.layers)}
    steps = sorted(_steps(model.outputs[0]), key=lambda step: order.get(id(step.operation), -1))
    norms = [step for step in steps if _is_norm(step)][:_EARLY]
    for step in steps:
        if norms and step is norms[0]:
            inputs = [norm.inputs[0] for norm in norms]
            return [with_output(model, inputs)], [norm.operation for norm in norms]
        if isinstance(step.operation, keras.Model) and is_functional(step.operation):
            inner = _way_to_norms(step.operation)
            if inner is not None:
                return [*_lead(model, step.inputs[0]), *inner[0]], inner[1]
    return None


def _is_norm(step: Step) -> bool:
    """Whether a step is a BatchNorm over the last axis, as channels lie here."""
    import keras

    layer = step.operation
    if type(layer) is not keras.layers.BatchNormalization:
        return False
    axes = len(step.inputs[0].shape)
    return bool(layer.axis % axes == axes - 1)


def _lead(model: Any, tensor: Any) -> list[Any]:
    """Return what brings a picture to `tensor`: a part of the model, or nothing."""
    return [] if is_input(step_behind(tensor)) else [with_output(model, tensor)]


def _steps(tensor: Any) -> Iterator[Step]:
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


def _distance(features: Features, norms: Sequence[Any], frames: Frames) -> float:
    """Return how far frames are from what the norms kept."""
    with quiet_tensorflow():
        maps = zip(*(features(frame) for frame in frames), strict=True)
        distances = [_divergence(each, norm) for each, norm in zip(maps, norms, strict=True)]
    return float(np.sqrt(max(distances[0], 0.0) * max(np.median(distances), 0.0)))


def _divergence(maps: Sequence[NDArray[np.float64]], norm: Any) -> float:
    """Return the median divergence over the channels of a layer's inputs, one for each frame."""
    values = [each.reshape(-1, each.shape[-1]) for each in maps]
    mean = np.mean([each.mean(axis=0) for each in values], axis=0)
    square = np.mean([np.square(each).mean(axis=0) for each in values], axis=0)
    variance = np.maximum(square - mean**2, 0.0)
    kept_mean, kept_variance = _kept(norm)
    kept_variance = kept_variance + norm.epsilon
    spread = (variance + (mean - kept_mean) ** 2) / kept_variance
    divergence = (np.log(kept_variance / (variance + 1e-12)) + spread - 1) / 2
    return float(np.median(divergence))


def _others(preparation: Preparation) -> Iterator[tuple[str, Preparation]]:
    """Yield the other normalizations, each with the channel order that is usual for it."""
    for name in NORMALIZATIONS:
        mean, std, color = normalization(name)
        if (mean, std) != (preparation.mean, preparation.std):
            yield name, replace(preparation, mean=mean, std=std, color=color)


def _needed(before: Preparation, after: Preparation) -> float:
    """Return how many times better a normalization has to fit than the one in question."""
    centres = (sorted(preparation.mean) for preparation in (before, after))
    apart = max(abs(one - other) for one, other in zip(*centres, strict=True))
    return _BETTER_CONTRAST if apart < _SAME_CENTRE else _BETTER


def _as_prepared(
    frame: NDArray[np.float32], before: Preparation, after: Preparation
) -> NDArray[np.float32]:
    """Return a frame that was prepared in one way as if it had been prepared in another."""
    pixels = frame * np.array(before.std, np.float32) + np.array(before.mean, np.float32)
    if before.color != after.color:
        pixels = pixels[..., ::-1]
    prepared = (pixels - np.array(after.mean)) / np.array(after.std)
    return np.ascontiguousarray(prepared, np.float32)
