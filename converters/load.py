"""Open what the user named: a Keras file, a SavedModel folder or a zoo model."""

from __future__ import annotations

import hashlib
import re
import zipfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from edgeseg.errors import ModelError
from edgeseg.fcn.upsampling import UPSAMPLINGS, Upsampling
from edgeseg.manifest import Manifest, Preparation, Size
from edgeseg.zoo import resolve_keras

from .describe import describe
from .options import ConvertOptions
from .quiet import import_keras, quiet_tensorflow
from .rewrite.graph import is_functional
from .rewrite.static_batch import with_input_size
from .rewrite.unflatten import Unflattened, unflatten
from .saved_model import SavedNetwork, is_saved_model, open_saved_model

KERAS_SUFFIXES = (".keras", ".h5", ".hdf5")


@dataclass(frozen=True)
class Network:
    """A float network with a fixed input size, and what it says about itself.

    Attributes:
        name: of the file or the zoo model, for messages and file names.
        model: functional keras.Model [batch, H, W, 3] to [batch, h, w, classes], or a SavedNetwork.
        manifest: labels, preparation and parts, from the card or guessed; without a head yet.
        guesses: each with the flag that overrules it.
        size_bytes: of the file, or of the SavedModel's files together.
        notes: what was taken from the network's end, for the user.
    """

    name: str
    model: Any
    manifest: Manifest
    guesses: tuple[str, ...]
    size_bytes: int
    notes: tuple[str, ...] = ()

    @property
    def preparation(self) -> Preparation:
        """Return how frames become this network's input."""
        return self.manifest.preparation


def load(options: ConvertOptions) -> Network:
    """Load the source, bring it to its input size and describe it.

    Raises:
        ModelError: the source is missing, cannot be read, or is no such network; or the labels file
            does not fit it.
        MissingExtraError: TensorFlow is not installed.
    """
    path, upsampling = locate(options.source)
    import_keras()
    notes: tuple[str, ...] = ()
    with quiet_tensorflow():
        if is_saved_model(path):
            model, card = _load_saved(path, options.input_size), None
        else:
            model, card, notes = _load_keras(path, options.input_size, upsampling)
    digest, size_bytes = _fingerprint(path)
    manifest, guesses = describe(model, card, options)
    manifest = replace(manifest, source_sha256=digest)
    return Network(path.stem, model, manifest, guesses, size_bytes, notes)


def locate(source: str) -> tuple[Path, Upsampling | None]:
    """Return the file or folder behind `source`, and the upsampling that follows a colon, if any.

    Raises:
        ModelError: there is no such file or zoo model, or it is of another kind.
    """
    name, _, last = source.rpartition(":")
    if last in UPSAMPLINGS and not Path(source).exists():
        return _path_of(name), last
    return _path_of(source), None


def _path_of(name: str) -> Path:
    path = Path(name)
    if not path.exists():
        if path.suffix or "/" in name:
            raise ModelError(
                f"no model {name}; name a .keras or .h5 file, a SavedModel folder or a zoo model "
                "such as fcn8"
            )
        return resolve_keras(name)
    if path.is_dir() and not is_saved_model(path):
        raise ModelError(f"{name} is a folder without saved_model.pb; expected a SavedModel")
    if path.suffix == ".tflite":
        raise ModelError(f"{name} is a TFLite file already; convert the Keras model it came from")
    if path.is_file() and path.suffix not in KERAS_SUFFIXES:
        raise ModelError(f"{name} is not a Keras model; expected .keras, .h5 or a SavedModel")
    return path


def _load_saved(path: Path, size: Size | None) -> SavedNetwork:
    network = open_saved_model(path, size)
    _check_network(network.input_shape, network.output_shape, 1, 1)
    return network


def _load_keras(
    path: Path, size: Size | None, upsampling: Upsampling | None
) -> tuple[Any, Any, tuple[str, ...]]:
    from edgeseg.fcn.card import read_card, rebuild

    model = _read_keras(path)
    card = read_card(path) if path.suffix == ".keras" else None
    if upsampling and card is None:
        raise ModelError(f"{path} has no model card; only zoo models take another upsampling")
    if card is not None and (upsampling or size not in (None, card.preparation.size)):
        model, card = rebuild(model, card, input_size=size, upsampling=upsampling)
    fixed, notes = _fixed(model, size)
    return fixed, card, notes


def _read_keras(path: Path) -> Any:
    import keras

    if path.suffix == ".keras" and not zipfile.is_zipfile(path):
        raise ModelError(f"{path} is damaged or no .keras file; save or copy it again")
    try:
        # compile=False: losses and metrics are often custom, and nothing here needs them.
        return keras.saving.load_model(path, compile=False, safe_mode=True)
    except Exception as error:
        raise ModelError(f"cannot load {path}: {_why(error)}") from error


_EXPORT = "or call model.export('folder') where it was made, and convert that folder"


def _why(error: Exception) -> str:
    """Say in one line what Keras says in many."""
    text = str(error)
    custom = re.search(r"(?:Could not locate class|Unknown layer:) '?(\w+)", text)
    if "Lambda" in text and "safe_mode" in text:
        return (
            "it holds a Lambda layer, Python code that edgeseg does not run from a model file; "
            f"rebuild it with layers of Keras, {_EXPORT}"
        )
    if custom:
        return f"it needs the custom class {custom[1]}; rebuild it with layers of Keras, {_EXPORT}"
    if "Unrecognized keyword" in text or "keras_version" in text or "Unable to revive" in text:
        return f"it was written by another Keras version; save it as .keras with Keras 3, {_EXPORT}"
    lines = text.strip().splitlines()
    return f"{lines[0][:300] if lines else repr(error)}; expected a whole .keras or .h5 model"


def _fixed(model: Any, size: Size | None) -> tuple[Any, tuple[str, ...]]:
    """Return the model at one input size, checked, and what was taken from its end."""
    if not is_functional(model):
        raise ModelError(
            "the model is a subclassed one and shows no graph of layers; rebuild it with the "
            f"functional API, {_EXPORT}"
        )
    found = unflatten(model) if len(model.outputs) == 1 else Unflattened(model)
    model = found.model
    shape, output = tuple(model.inputs[0].shape), tuple(model.outputs[0].shape)
    if size is not None and len(shape) == 4:
        shape = (None, size.height, size.width, shape[3])
    _check_network(shape, output, len(model.inputs), len(model.outputs), found.reason)
    return with_input_size(model, Size(int(shape[2]), int(shape[1]))), found.notes


def _check_network(
    shape: tuple[int | None, ...],
    output: tuple[int | None, ...],
    inputs: int,
    outputs: int,
    why_flat: str = "",
) -> None:
    """Raise ModelError with every reason why this is no network that edgeseg can convert."""
    reasons = []
    if inputs != 1:
        reasons.append(f"it has {inputs} inputs, expected one picture")
    if outputs != 1:
        reasons.append(f"it has {outputs} outputs, expected one tensor of logits")
    if len(shape) != 4 or shape[3] != 3:
        reasons.append(f"its input is {_shape(shape)}, expected [batch, height, width, 3]")
    elif None in shape[1:3]:
        reasons.append("its input has no fixed size; give one with --input-size WxH")
    if len(output) != 4:
        expected = "expected [batch, height, width, classes]"
        behind = f", and no such map is behind it: {why_flat}" if why_flat else ""
        reasons.append(f"its output is {_shape(output)}, {expected}{behind}")
    elif output[3] is None or not 2 <= output[3] <= 256:
        reasons.append(f"its output has {output[3]} channels; expected one for each of 2+ classes")
    if reasons:
        raise ModelError(f"this model cannot be converted: {'; '.join(reasons)}")


def _shape(shape: tuple[int | None, ...]) -> str:
    return f"[{', '.join('any' if side is None else str(side) for side in shape)}]"


def _fingerprint(path: Path) -> tuple[str, int]:
    files = sorted(p for p in path.rglob("*") if p.is_file()) if path.is_dir() else [path]
    digest = hashlib.sha256()
    for file in files:
        digest.update(file.read_bytes())
    return digest.hexdigest(), sum(file.stat().st_size for file in files)
