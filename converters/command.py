"""The command line that repeats a conversion."""

from __future__ import annotations

import shlex
from dataclasses import fields
from typing import Any

from .options import ConvertOptions

# Precisions and options whose flags have other names; None leaves an option out.
_PRECISION_FLAGS = {"float16": "fp16"}
_FLAGS: dict[str, str | None] = {
    "source": None,
    "output": None,
    "precision": None,
    "calibration": "calib",
    "frames": "calib-frames",
    "compiled": "compile",
}


def command_line(options: ConvertOptions) -> str:
    """Return what to type for these options, quoted for a POSIX shell."""
    words = ["edgeseg", "convert", options.source]
    words.append("--" + _PRECISION_FLAGS.get(options.precision, options.precision))
    for field in fields(options):
        value = getattr(options, field.name)
        flag = _FLAGS.get(field.name, field.name.replace("_", "-"))
        if flag is not None and value != field.default:
            words += _words(flag, value)
    return shlex.join([*words, "-o", str(options.output)])


def _words(flag: str, value: Any) -> list[str]:
    if isinstance(value, bool):
        return [f"--{flag}" if value else f"--no-{flag}"]
    return [f"--{flag}", str(value)]
