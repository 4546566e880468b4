"""Which kernels run: native ones for this CPU, or NumPy where there are none. The only door."""

from __future__ import annotations

import os
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgeseg import kernels_numpy, kernels_numpy_pictures
from edgeseg.errors import ConfigError
from edgeseg.kernels_numpy_pictures import InputValues, Layout, Pixels, Place

ENVIRONMENT = "EDGESEG_KERNELS"
MAX_THREADS = 64
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


class Pool:
    """Threads that share each call's rows; results do not depend on it, bit for bit.

    The native kernels of several calls may be lent the same pool, also by several threads at once:
    a call that finds it in use runs on its own thread alone, and so does one in the child of a
    fork, one of NumPy's kernels, and one with so little to do that waking a thread costs more.
    """

    def __init__(self, threads: int) -> None:
        """Make the threads, which sleep between calls.

        Args:
            threads: the calling one included, 1 to 64; with 1 there are none to make.

        Raises:
            ConfigError: the number makes no sense.
        """
        if not 1 <= threads <= MAX_THREADS:
            raise ConfigError(f"a pool has 1 to {MAX_THREADS} threads, not {threads}")
        self.threads = threads
        self.native = _native.Pool(threads) if _found and threads > 1 else None

    def close(self) -> None:
        """End the threads once no call uses them; later calls run without."""
        self.native = None


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
    lie: tuple[float, float, float, float],
    classes: NDArray[np.uint8],
    *,
    nearest: bool,
    confidence: NDArray[Any] | None = None,
    confidence_scale: float = 1.0,
    counts: NDArray[np.uint32] | None = None,
    pool: Pool | None = None,
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
        pool: threads to share the rows with.

    Raises:
        ConfigError: as `active`.
        ValueError: an array has another type, shape or form.
    """
    outputs = (classes, confidence, confidence_scale, counts)
    if _use(active()) == "numpy":
        kernels_numpy.decode(scores, *lie, nearest, *outputs)
    else:
        _native.decode(scores, *lie, nearest, *outputs, _lent(pool))


def prepare(
    frame: Pixels,
    layout: Layout,
    values: InputValues,
    out: NDArray[Any],
    *,
    rgb: bool,
    place: Place,
    pool: Pool | None = None,
) -> None:
    """Write a frame's input tensor to `out`; edgeseg.prepare.prepare says it all.

    Args:
        frame: uint8; its pixels stand side by side, its rows may lie apart. BGR and RGB [h, w, 3],
            grey [h, w], YUYV [h, w, 2] with even w, NV12 [h * 3 / 2, w] with even h and w.
        layout: which of these it is.
        values: what a pixel becomes.
        out: [height, width, 3] of the values' dtype: int8, uint8, int16 or float32.
        rgb: whether the order of its channels is RGB; else BGR.
        place: where the frame goes in it; the rest gets the mean's value.
        pool: as for `decode`.

    Raises:
        ConfigError: as `active`.
        ValueError: an array has another type, shape or form.
    """
    if _use(active()) == "numpy":
        kernels_numpy_pictures.prepare(frame, layout, values, out, rgb, place)
    else:
        kind = getattr(_native.Layout, layout)
        _native.prepare(frame, kind, _native_values(values), out, rgb, place, _lent(pool))


def colorize(mask: Pixels, palette: Pixels, out: Pixels, *, pool: Pool | None = None) -> None:
    """Write each pixel's colour to `out`.

    Args:
        mask: class indices, uint8 [h, w].
        palette: uint8 [classes, 3], one class at least; classes beyond it are black.
        out: uint8 [h, w, 3].
        pool: as for `decode`.

    Raises:
        ConfigError: as `active`.
        ValueError: an array has another type, shape or form.
    """
    if _use(active()) == "numpy":
        kernels_numpy_pictures.colorize(mask, palette, out)
    else:
        _native.colorize(mask, palette, out, _lent(pool))


def overlay(
    frame: Pixels,
    mask: Pixels,
    palette: Pixels,
    alpha: float,
    out: Pixels,
    *,
    contour: int,
    contour_palette: Pixels,
    pool: Pool | None = None,
) -> None:
    """Write frame + alpha * (colour - frame) to `out`, and contours over it.

    Args:
        frame: uint8 [h, w, 3].
        mask: class indices, uint8 [h, w].
        palette: as for `colorize`.
        alpha: 0 to 1.
        out: uint8 [h, w, 3]; may be the frame.
        contour: width of the contours in pixels, 0 to 64; 0 draws none.
        contour_palette: their colours.
        pool: as for `decode`.

    Raises:
        ConfigError: as `active`.
        ValueError: an array has another type, shape or form, or a number another range.
    """
    arguments = (frame, mask, palette, alpha, out, contour, contour_palette)
    if _use(active()) == "numpy":
        kernels_numpy_pictures.overlay(*arguments)
    else:
        _native.overlay(*arguments, _lent(pool))


def _lent(pool: Pool | None) -> _native.Pool | None:
    return None if pool is None else pool.native


@lru_cache(maxsize=16)
def _native_values(values: InputValues) -> _native.Values:
    dtype = getattr(_native.DType, values.dtype)
    return _native.Values(dtype, values.mean, values.std, values.scale, values.zero_point)


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
