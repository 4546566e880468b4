"""Which implementation of the kernels runs: the native extension, or NumPy where there is none."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgeseg import kernels_numpy
from edgeseg.errors import ConfigError

ENVIRONMENT = "EDGESEG_KERNELS"

try:
    from edgeseg import _native
except ImportError as error:
    native_decode: Callable[..., None] | None = None
    _why_not = str(error)
else:
    native_decode = _native.decode
    _why_not = ""


def active() -> str:
    """Return which kernels run: "native" or "numpy".

    The environment variable EDGESEG_KERNELS (native or numpy) overrules the choice.

    Raises:
        ConfigError: the variable has another value, or asks for native kernels that are absent.
    """
    return _choose(os.environ.get(ENVIRONMENT, ""))[0]


def describe() -> str:
    """Return what `active` says and, where that is NumPy, why.

    Raises:
        ConfigError: as `active`.
    """
    if active() == "native":
        return "native"
    if native_decode is not None:
        return f"numpy ({ENVIRONMENT}=numpy)"
    return f"numpy, slower (no native extension: {_why_not}; install again with a C++ compiler)"


def decode(
    scores: NDArray[Any], columns: NDArray[np.int32], rows: NDArray[np.int32], *, nearest: bool
) -> NDArray[np.uint8]:
    """Return the class of each output pixel, uint8 [len(rows), len(columns)].

    Args:
        scores: [h, w, classes], int8, uint8 or finite float32, C-contiguous, at most 256 classes.
        columns: fixed-point grid position of each output column, in 0..(w - 1) << 11.
        rows: the same for the rows, in 0..(h - 1) << 11.
        nearest: take the nearest grid point's class instead of interpolating.

    Raises:
        ConfigError: as `active`.
        ValueError: an array has another type, shape or range; edgeseg.decode never passes such.
    """
    out = np.empty((len(rows), len(columns)), np.uint8)
    _choose(os.environ.get(ENVIRONMENT, ""))[1](scores, columns, rows, nearest, out)
    return out


@lru_cache(maxsize=8)
def _choose(wish: str) -> tuple[str, Callable[..., None]]:
    if wish not in ("", "native", "numpy"):
        raise ConfigError(f"{ENVIRONMENT} is {wish!r}, expected native or numpy, or unset")
    if wish == "native" and native_decode is None:
        raise ConfigError(
            f"{ENVIRONMENT} asks for native kernels, but there are none ({_why_not}); install a "
            "C++ compiler and type: pip install --force-reinstall --no-deps edgeseg"
        )
    if wish != "numpy" and native_decode is not None:
        return "native", native_decode
    return "numpy", kernels_numpy.decode
