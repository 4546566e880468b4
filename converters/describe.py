"""Labels and preparation of a network: from its card, from flags, or guessed and said so."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np

from edgeseg.errors import ModelError
from edgeseg.fcn.card import ModelCard
from edgeseg.labels import STREET, palette_for
from edgeseg.manifest import Head, Manifest, Preparation, Size
from edgeseg.modelfile import ManifestOverrides, normalization, override, read_labels

from .options import ConvertOptions
from .saved_model import SavedNetwork


def describe(
    model: Any, card: ModelCard | None, options: ConvertOptions
) -> tuple[Manifest, tuple[str, ...]]:
    """Describe a network from its card, else by guessing; the options overrule both.

    Returns:
        A manifest whose head and precision are still to be filled in, and each guess as a sentence
        with the flag that overrules it.

    Raises:
        ModelError: the labels file cannot be read, or its labels do not fit the network's channels.
    """
    shape, classes = _shapes(model)
    size = Size(shape[2], shape[1])
    guesses: dict[str, str] = {}
    if card is None:
        base, guesses = _guessed(model, size, classes)
    else:
        base = _from_card(card, size, classes)
    described = override(base, _overrides(options))
    if described.labels == STREET.names:
        described = replace(described, palette=STREET.palette)
    return described, tuple(
        text
        for flag, text in guesses.items()
        if getattr(options, flag) is None and not _implied(flag, options)
    )


def _overrides(options: ConvertOptions) -> ManifestOverrides:
    return ManifestOverrides(
        normalize=options.normalize,
        labels=None if options.labels is None else read_labels(options.labels),
        color=options.color,
        resize=options.resize,
    )


def _implied(flag: str, options: ConvertOptions) -> bool:
    """A named normalization brings its usual colour order with it."""
    return flag == "color" and options.normalize is not None


def _shapes(model: Any) -> tuple[tuple[int, ...], int]:
    if isinstance(model, SavedNetwork):
        return model.input_shape, int(model.output_shape[3])
    return tuple(model.inputs[0].shape), int(model.outputs[0].shape[3])


def _from_card(card: ModelCard, size: Size, classes: int) -> Manifest:
    if len(card.labels) != classes:
        raise ModelError(
            f"the model card names {len(card.labels)} classes, but the network has {classes}; the "
            "file was changed after edgeseg wrote it"
        )
    return Manifest(
        labels=card.labels,
        palette=card.palette,
        preparation=replace(card.preparation, size=size),
        head=Head(),
        decoder=card.decoder,
        encoder=card.encoder,
        upsampling=card.upsampling,
    )


def _guessed(model: Any, size: Size, classes: int) -> tuple[Manifest, dict[str, str]]:
    name, reason = _guess_normalization(model)
    mean, std, color = normalization(name)
    manifest = Manifest(
        labels=tuple(f"class {index}" for index in range(classes)),
        palette=palette_for(classes),
        preparation=Preparation(size, color, mean, std),
        head=Head(),
    )
    return manifest, {
        "normalize": f"the input takes pixel values as {name}, {reason} (--normalize)",
        "color": "the channels are red, green, blue (--color bgr)",
        "resize": f"frames are stretched to {size} (--resize letterbox)",
        "labels": f"the {classes} classes have no names (--labels FILE)",
    }


def _guess_normalization(model: Any) -> tuple[str, str]:
    if isinstance(model, SavedNetwork):
        return "-1..1", "the usual way, as a SavedModel does not show its layers"
    for layer in _first_layers(model):
        kind = type(layer).__name__
        if kind == "Rescaling":
            raw = float(np.max(np.abs(layer.scale))) < 0.1  # 1/255 or 1/127.5, not 1 or 2
            return ("none" if raw else "0..1"), f"as it begins with {layer.name}"
        if kind == "Normalization" and layer.mean is not None:
            raw = float(np.max(np.asarray(layer.mean))) > 1.5
            return ("none" if raw else "0..1"), f"as it begins with {layer.name}"
    return "-1..1", "the usual way, as it does not scale its input itself"


def _first_layers(model: Any) -> Iterator[Any]:
    """Yield the layers that a picture meets first, down to the first with weights of its own."""
    import keras

    for layer in model.layers:
        if isinstance(layer, keras.Model):
            yield from _first_layers(layer)
            return
        yield layer
        if layer.weights:
            return
