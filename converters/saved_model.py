"""SavedModel folders: run and converted as they are, since their graph cannot be rewritten."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edgeseg.errors import ModelError
from edgeseg.manifest import Size

from .freeze import freeze


@dataclass(frozen=True)
class SavedNetwork:
    """The serving function of a SavedModel at one fixed input shape.

    Attributes:
        function: frozen concrete function, float32 [1, H, W, 3] to float32 [1, h, w, classes].
        input_shape, output_shape: its shapes.
    """

    function: Any
    input_shape: tuple[int, ...]
    output_shape: tuple[int, ...]


def is_saved_model(path: Path) -> bool:
    """Return whether `path` is a SavedModel folder."""
    return (path / "saved_model.pb").is_file()


def open_saved_model(path: Path, size: Size | None) -> SavedNetwork:
    """Open a SavedModel's default signature, at `size` where its shape is open.

    Raises:
        ModelError: it has no such signature, cannot be read, or needs --input-size.
    """
    import tensorflow as tf

    try:
        loaded = tf.saved_model.load(str(path))
    except Exception as error:
        raise ModelError(f"cannot load {path}: {str(error).strip()[:300]}") from error
    signature = _signature(path, loaded)
    name, spec = _only_input(path, signature)
    shape = _fixed_shape(path, spec, size)
    result = next(iter(signature.structured_outputs))

    def logits(image: Any) -> Any:
        return signature(**{name: image})[result]

    try:
        function = freeze(logits, shape, spec.dtype)
    except Exception as error:
        raise ModelError(
            f"{path} does not take {shape[2]}x{shape[1]} pictures: {str(error).strip()[:300]}"
        ) from error
    return SavedNetwork(function, shape, tuple(function.outputs[0].shape.as_list()))


def _signature(path: Path, loaded: Any) -> Any:
    names = list(loaded.signatures)
    if not names:
        raise ModelError(f"{path} has no signature; export it with model.export('folder')")
    signature = loaded.signatures["serving_default" if "serving_default" in names else names[0]]
    # The variables live as long as the object that loaded them.
    signature.edgeseg_owner = loaded
    return signature


def _only_input(path: Path, signature: Any) -> tuple[str, Any]:
    inputs = dict(signature.structured_input_signature[1])
    if len(inputs) != 1 or len(signature.structured_outputs) != 1:
        raise ModelError(
            f"{path} has {len(inputs)} inputs and {len(signature.structured_outputs)} outputs; "
            "expected one picture and one tensor of logits"
        )
    name, spec = next(iter(inputs.items()))
    return str(name), spec


def _fixed_shape(path: Path, spec: Any, size: Size | None) -> tuple[int, int, int, int]:
    shape = spec.shape.as_list() if spec.shape.rank == 4 else []
    if not shape or shape[3] not in (3, None):
        raise ModelError(f"{path} takes {spec.shape}, expected [batch, height, width, 3]")
    height, width = shape[1:3]
    if size is not None:
        if (height or size.height, width or size.width) != (size.height, size.width):
            raise ModelError(
                f"{path} is fixed to {width}x{height} pixels; a SavedModel cannot be resized, "
                "convert the .keras file instead or leave --input-size out"
            )
        height, width = size.height, size.width
    if height is None or width is None:
        raise ModelError(f"{path} has no fixed input size; give one with --input-size WxH")
    return 1, height, width, 3
