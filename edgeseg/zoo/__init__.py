"""The embedded street models: a Keras file, an int8 file and a card of each.

A name is a decoder (fcn8, fcn16, fcn32), on MobileNetV2 0.35; `fcn8-m1` is FCN-8 on 1.0.
"""

from __future__ import annotations

import os
from pathlib import Path

from edgeseg.errors import ModelError

DEFAULT = "fcn8"

_HOME = Path(__file__).parent


def names() -> tuple[str, ...]:
    """Return the names of the embedded models, the default first."""
    found = {path.stem for path in _HOME.glob("*.keras")}
    return tuple(sorted(found, key=lambda name: (name != DEFAULT, len(name), name)))


def resolve_tflite(name: str | None = None) -> Path:
    """Return the embedded int8 TFLite file of model `name`, of the default one for None.

    Raises:
        ModelError: there is no such model; the message lists those there are.
    """
    return _existing(name or DEFAULT, "-int8.tflite")


def resolve_keras(name: str | None = None) -> Path:
    """Return the embedded Keras file of model `name`, of the default one for None.

    Raises:
        ModelError: there is no such model; the message lists those there are.
    """
    return _existing(name or DEFAULT, ".keras")


def card_text(name: str) -> str:
    """Return the model card of `name` as Markdown.

    Raises:
        ModelError: there is no such model.
    """
    return _existing(name, ".md").read_text(encoding="utf-8")


def cache_dir() -> Path:
    """Return the folder for variants made on demand; it may not exist yet.

    That is $EDGESEG_CACHE, else $XDG_CACHE_HOME/edgeseg, else ~/.cache/edgeseg.
    """
    if own := os.environ.get("EDGESEG_CACHE"):
        return Path(own)
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "edgeseg"


def _existing(name: str, suffix: str) -> Path:
    path = _HOME / f"{name}{suffix}"
    if name in names() and path.is_file():
        return path
    raise ModelError(
        f"no model {name!r} in the zoo; expected {', '.join(names()) or 'none here'}, or a file"
    )
