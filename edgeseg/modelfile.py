"""The manifest of a model file: read from it, or inferred with every guess named."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from edgeseg.errors import ConfigError, ModelError
from edgeseg.flatbuffer import metadata
from edgeseg.heads import infer_head
from edgeseg.labels import palette_for
from edgeseg.manifest import (
    MAX_CLASSES,
    METADATA_NAME,
    ColorOrder,
    Manifest,
    Preparation,
    Resize,
    Size,
)
from edgeseg.runtimes import TensorSpec
from edgeseg.tflite_metadata import Hints

_Triple = tuple[float, float, float]

# Name: mean and std in RGB order, and the channel order that goes with them. `caffe` and `imagenet`
# are the modes `caffe` and `torch` of keras.applications.imagenet_utils.preprocess_input.
_NORMALIZATIONS: Final[dict[str, tuple[_Triple, _Triple, ColorOrder]]] = {
    "0..1": ((0.0, 0.0, 0.0), (255.0, 255.0, 255.0), "rgb"),
    "-1..1": ((127.5, 127.5, 127.5), (127.5, 127.5, 127.5), "rgb"),
    "none": ((0.0, 0.0, 0.0), (1.0, 1.0, 1.0), "rgb"),
    "caffe": ((123.68, 116.779, 103.939), (1.0, 1.0, 1.0), "bgr"),
    "imagenet": ((123.675, 116.28, 103.53), (58.395, 57.12, 57.375), "rgb"),
}
NORMALIZATIONS: Final = tuple(_NORMALIZATIONS)
_NORMALIZE_FLAG: Final = f"--normalize {'|'.join(NORMALIZATIONS)}"


@dataclass(frozen=True)
class ManifestOverrides:
    """What the user knows better than the file, or than the guesses without a manifest.

    Attributes:
        normalize: one of `NORMALIZATIONS`.
        labels: class names, in the order of the scores.
        color: channel order of the input.
        resize: how a frame fits the input.
        input_size: for models that leave it open.
    """

    normalize: str | None = None
    labels: tuple[str, ...] | None = None
    color: ColorOrder | None = None
    resize: Resize | None = None
    input_size: Size | None = None


def read_manifest(data: bytes) -> Manifest | None:
    """Return the manifest inside a .tflite file, None when it has none.

    Raises:
        ModelError: the file is damaged or no .tflite file, or its manifest is not usable.
    """
    content = metadata(data, METADATA_NAME)
    return None if content is None else Manifest.from_json(content)


def infer_manifest(
    inputs: TensorSpec,
    outputs: tuple[TensorSpec, ...],
    overrides: ManifestOverrides,
    hints: Hints | None = None,
) -> tuple[Manifest, tuple[str, ...]]:
    """Guess the manifest of a model that has none.

    Args:
        inputs: the input tensor.
        outputs: the output tensors.
        overrides: what needs no guess.
        hints: what TFLite Metadata says; taken before a guess.

    Returns:
        The manifest, and each guess as a sentence with the flag that overrules it.

    Raises:
        ModelError: the tensors are not those of a segmentation model; every reason in one message.
        ConfigError: `overrides.normalize` is unknown.
    """
    reasons = _reasons_against(inputs, outputs)
    if reasons:
        raise ModelError(
            f"the model has no manifest and cannot be understood without: {'; '.join(reasons)}"
        )
    hints = hints or Hints()
    preparation, guesses = _guess_preparation(inputs, hints)
    head, classes = infer_head(preparation.size, outputs[0])
    labels, label_guesses = _guess_labels(classes, hints)
    manifest = Manifest(
        labels=labels,
        palette=palette_for(len(labels)),
        preparation=preparation,
        head=head,
        precision="",
    )
    return override(manifest, overrides), _still_guessed(guesses | label_guesses, overrides)


def override(manifest: Manifest, overrides: ManifestOverrides) -> Manifest:
    """Return the manifest with the user's word put in place of what it says.

    Raises:
        ModelError: other labels than the model has classes.
        ConfigError: `overrides.normalize` is unknown.
    """
    preparation = _override_preparation(manifest.preparation, overrides)
    manifest = replace(manifest, preparation=preparation)
    return manifest if overrides.labels is None else _relabel(manifest, overrides.labels)


def normalization(
    name: str, color: ColorOrder | None = None
) -> tuple[_Triple, _Triple, ColorOrder]:
    """Return mean, std and channel order of one of `NORMALIZATIONS`, in that channel order.

    Args:
        name: which.
        color: overrules the order that is usual for it; None does not.

    Raises:
        ConfigError: no such name.
    """
    if name not in _NORMALIZATIONS:
        raise ConfigError(f"--normalize is {name!r}, expected one of {', '.join(NORMALIZATIONS)}")
    mean, std, usual = _NORMALIZATIONS[name]
    order = color or usual
    return (mean, std, order) if order == "rgb" else (mean[::-1], std[::-1], order)


def read_labels(path: Path) -> tuple[str, ...]:
    """Return the class names in a text file, one a line; empty lines do not count.

    Raises:
        ModelError: the file cannot be read, or holds fewer than 2 or more than 256 names.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise ModelError(f"cannot read the labels in {path}: {error}") from error
    names = tuple(line.strip() for line in lines if line.strip())
    if not 2 <= len(names) <= MAX_CLASSES:
        raise ModelError(
            f"{path} holds {len(names)} names, expected 2 to {MAX_CLASSES}, one a line"
        )
    return names


def _reasons_against(inputs: TensorSpec, outputs: tuple[TensorSpec, ...]) -> list[str]:
    reasons = []
    shape = inputs.shape
    if len(shape) != 4 or shape[0] != 1 or shape[3] != 3:
        reasons.append(f"the input is {list(shape)}, expected one colour picture [1, h, w, 3]")
    if inputs.dtype not in ("float32", "uint8", "int8", "int16"):
        reasons.append(f"the input is {inputs.dtype}, expected float32, uint8, int8 or int16")
    if len(outputs) != 1:
        reasons.append(f"it has {len(outputs)} outputs, expected one")
    elif not reasons:
        try:
            infer_head(Size(shape[2], shape[1]), outputs[0])
        except ModelError as error:
            reasons.append(str(error))
    return reasons


def _guess_preparation(inputs: TensorSpec, hints: Hints) -> tuple[Preparation, dict[str, str]]:
    size = Size(inputs.shape[2], inputs.shape[1])
    guesses = {
        "color": "the channels are red, green, blue (--color bgr)",
        "resize": f"frames are stretched to {size} (--resize letterbox)",
    }
    if inputs.dtype in ("uint8", "int8"):
        mean, std = _whole_range(inputs)
        guesses["normalize"] = f"the input takes pixel values as they are ({_NORMALIZE_FLAG})"
    elif hints.mean is not None and hints.std is not None:
        mean, std = hints.mean, hints.std
    else:
        mean, std, _ = normalization("-1..1")
        guesses["normalize"] = f"the input takes pixel values as -1..1 ({_NORMALIZE_FLAG})"
    return Preparation(size, "rgb", mean, std), guesses


def _whole_range(inputs: TensorSpec) -> tuple[_Triple, _Triple]:
    """Return the mean and std that make the tensor store pixels 0..255 as its lowest to highest."""
    lowest = -128 if inputs.dtype == "int8" else 0
    mean = float(inputs.zero_point - lowest)
    std = 1.0 / (inputs.scale or 1.0)
    return (mean, mean, mean), (std, std, std)


def _guess_labels(classes: int | None, hints: Hints) -> tuple[tuple[str, ...], dict[str, str]]:
    if hints.labels is not None and len(hints.labels) >= 2 and classes in (None, len(hints.labels)):
        return hints.labels, {}
    count = MAX_CLASSES if classes is None else classes
    said = "the class map does not say how many classes there are; " if classes is None else ""
    guess = f"{said}the {count} classes have no names (--labels FILE)"
    return tuple(f"class {index}" for index in range(count)), {"labels": guess}


def _still_guessed(guesses: dict[str, str], overrides: ManifestOverrides) -> tuple[str, ...]:
    return tuple(text for name, text in guesses.items() if getattr(overrides, name) is None)


def _override_preparation(given: Preparation, overrides: ManifestOverrides) -> Preparation:
    mean, std, color = given.mean, given.std, given.color
    if overrides.normalize is not None:
        mean, std, color = normalization(overrides.normalize, overrides.color)
    elif overrides.color not in (None, color):
        mean, std, color = mean[::-1], std[::-1], "bgr" if color == "rgb" else "rgb"
    return Preparation(
        size=overrides.input_size or given.size,
        color=color,
        mean=mean,
        std=std,
        resize=overrides.resize or given.resize,
    )


def _relabel(manifest: Manifest, labels: tuple[str, ...]) -> Manifest:
    if manifest.head.kind != "class_map" and len(labels) != len(manifest.labels):
        raise ModelError(
            f"--labels names {len(labels)} classes, the model has {len(manifest.labels)}"
        )
    same = len(labels) == len(manifest.labels)
    return replace(
        manifest, labels=labels, palette=manifest.palette if same else palette_for(len(labels))
    )
