"""Which kernels run: native ones for this CPU, or NumPy where there are none. The only door."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgeseg import kernels_numpy
from edgeseg.errors import ConfigError

ENVIRONMENT = "EDGESEG_KERNELS"
NAMES = ("numpy", "portable", "avx2", "avx512", "neon")

try:
    from edgeseg import _native
except ImportError as error:
    _found: tuple[str, ...] = ()
    _why_not = str(error)
else:
    _found = tuple(_native.kernels())
    _why_not = ""

_taken: str | None = None


def available() -> tuple[str, ...]:
    """Return the kernels that can run here, the best first; `numpy` is the last."""
    return (*_found, "numpy")


def active() -> str:
    """Return which kernels run: one of `available()`.

    The environment variable EDGESEG_KERNELS names others than the best.

    Raises:
        ConfigError: the variable names kernels that are unknown, not built, or not for this CPU.
    """
    wish = os.environ.get(ENVIRONMENT, "") or available()[0]
    if wish not in available():
        raise ConfigError(_refusal(wish))
    return wish


def describe() -> str:
    """Return what `active` says and, where that is NumPy, why.

    Raises:
        ConfigError: as `active`.
    """
    name = active()
    if name != "numpy":
        return name
    if _found:
        return f"numpy ({ENVIRONMENT}=numpy)"
    return f"numpy, slower (no native extension: {_why_not}; install again with a C++ compiler)"


def decode(
    scores: NDArray[Any],
    lie: Sequence[float],
    classes: NDArray[np.uint8],
    *,
    nearest: bool,
    confidence: NDArray[Any] | None = None,
    confidence_scale: float = 1.0,
    counts: NDArray[np.uint32] | None = None,
) -> None:
    """Write the class of each output pixel to `classes`; edgeseg.decode.decode says it all.

    Args:
        scores: [h, w, classes], int8, uint8, float16 or float32, any strides.
        lie: scale_x, scale_y, offset_x, offset_y of edgeseg.decode.Grid.
        classes: uint8 [height, width]; its columns stand side by side, its rows may lie apart.
        nearest: take the nearest grid point's class instead of interpolating.
        confidence: float32 or uint8 of the same shape and form, where wanted.
        confidence_scale: what a difference in scores is multiplied by for it.
        counts: uint32 [classes], contiguous, where wanted.

    Raises:
        ConfigError: as `active`.
        ValueError: an array has another type, shape or form.
    """
    run = kernels_numpy.decode if _use(active()) == "numpy" else _native.decode
    run(scores, *lie, nearest, classes, confidence, confidence_scale, counts)


def _use(name: str) -> str:
    """Have the native library take these kernels; it remembers."""
    global _taken
    if name not in ("numpy", _taken):
        _native.set_kernels(name)
        _taken = name
    return name


def _refusal(wish: str) -> str:
    if wish not in NAMES:
        return f"{ENVIRONMENT} is {wish!r}, expected {', '.join(NAMES[:-1])} or {NAMES[-1]}"
    if not _found:
        return (
            f"{ENVIRONMENT} asks for {wish} kernels, but there are no native ones ({_why_not}); "
            "install a C++ compiler and type: pip install --force-reinstall --no-deps edgeseg"
        )
    return (
        f"{ENVIRONMENT} asks for {wish} kernels, which this CPU or build has not; there are "
        f"{', '.join(available())}"
    )
