"""The state of a training run between two epochs, in one file that is whole or not there."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgeseg.errors import ConfigError
from edgeseg.files import atomic_write_bytes


def checkpoint_path(output: Path) -> Path:
    """Return the file beside `output` where an interrupted run keeps its state."""
    return output.with_name(f"{output.name}.checkpoint")


def save_state(path: Path, model: Any, losses: list[float]) -> None:
    """Write the weights, the optimizer's moments and the loss of each epoch so far.

    Keras's own checkpoints are HDF5 files written in place: on a full disk they end the process
    with a crash and leave half a file.

    Raises:
        OutputError: the file cannot be written.
    """
    buffer = io.BytesIO()
    values = {f"v{index:05}": value for index, value in enumerate(_values(model))}
    np.savez(buffer, losses=np.array(losses), **values)  # type: ignore[arg-type]
    atomic_write_bytes(path, buffer.getvalue())


def load_state(path: Path, model: Any) -> list[float]:
    """Put a compiled model into the state that was saved; return the loss of each epoch so far.

    Raises:
        ConfigError: the file is missing, damaged, or of another network.
    """
    try:
        with np.load(path, allow_pickle=False) as archive:
            losses: list[float] = archive["losses"].tolist()
            values = [archive[name] for name in sorted(archive.files) if name != "losses"]
    except (OSError, ValueError, KeyError, zipfile.BadZipFile) as error:
        raise ConfigError(f"cannot resume from {path}: {error}; leave --resume out") from error
    variables = _variables(model)
    if [tuple(v.shape) for v in variables] != [value.shape for value in values]:
        raise ConfigError(
            f"{path} holds the state of another network; train with the options it began with, or "
            "leave --resume out"
        )
    for variable, value in zip(variables, values, strict=True):
        variable.assign(value)
    return losses


def _values(model: Any) -> list[NDArray[Any]]:
    return [np.asarray(variable.numpy()) for variable in _variables(model)]


def _variables(model: Any) -> list[Any]:
    if not model.optimizer.built:
        model.optimizer.build(model.trainable_variables)
    return [*model.variables, *model.optimizer.variables]
