"""The state of a training run between two epochs, in one file that is whole or not there."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgeseg.errors import ConfigError
from edgeseg.files import atomic_write_bytes

_OURS = ("losses", "run")
_ADVICE = "train with the options it began with, or delete it and leave --resume out"


def checkpoint_path(output: Path) -> Path:
    """Return the file beside `output` where an interrupted run keeps its state."""
    return output.with_name(f"{output.name}.checkpoint")


def save_state(path: Path, model: Any, losses: list[float], run: Mapping[str, Any]) -> None:
    """Write the weights, the optimizer's moments, the loss of each epoch so far, and what is run.

    Keras's own checkpoints are HDF5 files written in place: on a full disk they end the process
    with a crash and leave half a file.

    Raises:
        OutputError: the file cannot be written.
    """
    buffer = io.BytesIO()
    values = {f"v{index:05}": value for index, value in enumerate(_values(model))}
    np.savez(buffer, losses=np.array(losses), run=np.array(json.dumps(run)), **values)  # type: ignore[arg-type]
    atomic_write_bytes(path, buffer.getvalue())


def load_state(path: Path, model: Any, run: Mapping[str, Any]) -> list[float]:
    """Put a compiled model into the state that was saved; return the loss of each epoch so far.

    Args:
        path: of the checkpoint.
        model: compiled.
        run: plain numbers and texts that say what is trained on what; they must be those with which
            the state was saved, or the two parts would not be one run.

    Raises:
        ConfigError: the file is missing, damaged, of another network or of another run.
    """
    try:
        with np.load(path, allow_pickle=False) as archive:
            losses: list[float] = archive["losses"].tolist()
            before = json.loads(str(archive["run"]))
            values = [archive[name] for name in sorted(archive.files) if name not in _OURS]
    except (OSError, ValueError, KeyError, zipfile.BadZipFile) as error:
        raise ConfigError(f"cannot resume from {path}: {error}; leave --resume out") from error
    _check_run(path, before, json.loads(json.dumps(run)))
    variables = _variables(model)
    if [tuple(v.shape) for v in variables] != [value.shape for value in values]:
        raise ConfigError(f"{path} holds the state of another network; {_ADVICE}")
    for variable, value in zip(variables, values, strict=True):
        variable.assign(value)
    return losses


def _check_run(path: Path, before: Mapping[str, Any], now: Mapping[str, Any]) -> None:
    changed = [
        f"{key} was {before.get(key)}, now {now.get(key)}"
        for key in sorted({*before, *now})
        if before.get(key) != now.get(key)
    ]
    if changed:
        raise ConfigError(f"{path} holds the state of another run: {', '.join(changed)}; {_ADVICE}")


def _values(model: Any) -> list[NDArray[Any]]:
    return [np.asarray(variable.numpy()) for variable in _variables(model)]


def _variables(model: Any) -> list[Any]:
    if not model.optimizer.built:
        model.optimizer.build(model.trainable_variables)
    return [*model.variables, *model.optimizer.variables]
