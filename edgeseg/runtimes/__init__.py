"""TFLite runtimes behind one small protocol: litert, tflite-runtime and TensorFlow's own."""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import suppress
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Final

from edgeseg.errors import ConfigError
from edgeseg.manifest import Size
from edgeseg.runtimes._base import Runtime, TensorSpec
from edgeseg.runtimes._coverage import delegated_operators
from edgeseg.runtimes._interpreter import InterpreterRuntime

__all__ = [
    "NAMES",
    "Runtime",
    "TensorSpec",
    "available",
    "default_threads",
    "delegated_operators",
    "open_runtime",
    "preload",
    "usable_cores",
]

# In the order of preference: name, module with load(), distributions that bring it.
_HOMES: Final[Mapping[str, tuple[str, tuple[str, ...]]]] = {
    "litert": ("edgeseg.runtimes.litert", ("ai-edge-litert",)),
    "tflite-runtime": ("edgeseg.runtimes.tflite_runtime", ("tflite-runtime",)),
    "tf": ("edgeseg.runtimes.tf_lite", ("tensorflow", "tensorflow-cpu")),
}
NAMES: Final = tuple(_HOMES)

# More threads than this rarely pay on the small networks that edgeseg is for.
_MAX_DEFAULT_THREADS = 4


def available() -> dict[str, str]:
    """Return the installed runtimes and their versions, best first; imports none of them."""
    found = {name: _installed_version(packages) for name, (_, packages) in _HOMES.items()}
    return {name: number for name, number in found.items() if number is not None}


def default_threads() -> int:
    """Return how many threads to use: one per core this process may run on, at most 4."""
    return min(_MAX_DEFAULT_THREADS, usable_cores())


def usable_cores() -> int:
    """Return how many cores this process may run on (containers and `taskset` counted in)."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def open_runtime(
    model: Path | bytes,
    *,
    name: str | None = None,
    threads: int | None = None,
    input_size: Size | None = None,
) -> Runtime:
    """Load a .tflite file, or its bytes, into the best runtime that is installed.

    Args:
        model: the file or its content.
        name: one of `NAMES`; None takes the first that is installed.
        threads: None means `default_threads()`.
        input_size: used only when the model leaves its input's height and width open.

    Raises:
        ConfigError: no such runtime, it is not installed, or a thread count below 1.
        ModelError: the file cannot be read or loaded.
    """
    if threads is not None and threads < 1:
        raise ConfigError(f"threads is {threads}; expected 1 or more, for example --threads 2")
    chosen, number = _choose(name)
    home, _ = _HOMES[chosen]
    return InterpreterRuntime(
        import_module(home).load,
        model,
        label=f"{chosen} {number}",
        threads=default_threads() if threads is None else threads,
        input_size=input_size,
    )


def preload(name: str | None = None) -> None:
    """Import what `open_runtime` would, so that its first call need not.

    Raises:
        ConfigError: no such runtime, or it is not installed.
    """
    chosen, _ = _choose(name)
    import_module(_HOMES[chosen][0])


def _choose(name: str | None) -> tuple[str, str]:
    found = available()
    if name is None:
        if not found:
            raise ConfigError("no TFLite runtime is installed; type: pip install ai-edge-litert")
        return next(iter(found.items()))
    if name not in _HOMES:
        raise ConfigError(f"no runtime is called {name!r}; expected one of {', '.join(NAMES)}")
    if name not in found:
        package = _HOMES[name][1][0]
        raise ConfigError(f"the runtime {name} is not installed; type: pip install {package}")
    return name, found[name]


def _installed_version(packages: tuple[str, ...]) -> str | None:
    for package in packages:
        with suppress(PackageNotFoundError):
            return version(package)
    return None
