"""Compilers in processes of their own: they may crash, hang, or need another environment."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

MODEL = "model.tflite"
_RESULT = "result.json"
_CHILD = "edgeseg.converters.compilers.child"


@dataclass(frozen=True)
class Finished:
    """A process that has ended.

    Attributes:
        ended: "" if it ended by itself with code 0, otherwise how it ended.
        output: what it wrote on stdout and stderr.
        facts: what a child of ours found out; empty where it did not come so far.
    """

    ended: str
    output: str
    facts: Mapping[str, Any] = field(default_factory=dict)


def installed(package: str) -> str:
    """Return the version of an installed package, empty where it is not installed."""
    try:
        return version(package)
    except PackageNotFoundError:
        return ""


def run(
    command: Sequence[str],
    folder: Path,
    timeout_s: float,
    environment: Mapping[str, str] | None = None,
) -> Finished:
    """Run a command in `folder`, with `environment` on top of this process's own."""
    try:
        done = subprocess.run(
            command,
            cwd=folder,
            env={**os.environ, **(environment or {})},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            timeout=timeout_s,
            check=False,
        )
    except subprocess.TimeoutExpired as late:
        return Finished(f"it had no answer after {timeout_s:.0f} s", _text(late.stdout))
    except OSError as error:
        return Finished(f"it did not start: {error.strerror or error}", "")
    return Finished(_ending(done.returncode), done.stdout)


def run_child(
    kind: str,
    model: bytes,
    timeout_s: float,
    environment: Mapping[str, str] | None = None,
    probes: int = 1,
) -> Finished:
    """Let a runtime of this Python try a model in a child process.

    Args:
        kind: one of those that `edgeseg.converters.compilers.child` knows.
        model: the .tflite file.
        timeout_s: it is killed after so long.
        environment: on top of this process's own; what must stand before a process starts.
        probes: how many inputs its numbers are compared on.
    """
    with tempfile.TemporaryDirectory(prefix="edgeseg-") as name:
        folder = Path(name)
        (folder / MODEL).write_bytes(model)
        command = [sys.executable, "-m", _CHILD, kind, MODEL, _RESULT, str(probes)]
        done = run(command, folder, timeout_s, environment)
        return Finished(done.ended, done.output, _read(folder / _RESULT))


def last_line(output: str) -> str:
    """Return the last line of a program's output that says something, in one sentence's form."""
    lines = [line.strip(" └\t") for line in output.splitlines()]
    said = [line for line in lines if re.search("[a-z]", line) and not line.startswith("INFO:")]
    return said[-1] if said else ""


def _read(path: Path) -> dict[str, Any]:
    """The child writes its facts at the end, whole or not at all."""
    try:
        found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found


def _ending(code: int) -> str:
    if code >= 0:
        return "" if code == 0 else f"it ended with code {code}"
    try:
        return f"it crashed ({signal.Signals(-code).name})"
    except ValueError:
        return f"it was ended by signal {-code}"


def _text(output: str | bytes | None) -> str:
    """A process that was stopped leaves bytes even where text was asked for."""
    return output.decode(errors="replace") if isinstance(output, bytes) else output or ""
