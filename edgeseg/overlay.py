"""Masks as pictures: class colours over the frame, a legend, a line of status."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from functools import lru_cache
from threading import Lock
from typing import TYPE_CHECKING

import cv2
import numpy as np
from numpy.typing import NDArray

from edgeseg import kernels
from edgeseg.errors import ConfigError
from edgeseg.manifest import MAX_CLASSES, Size
from edgeseg.panels import Panel, legend_panel, paste, status_panel

if TYPE_CHECKING:
    from edgeseg.loop import FrameResult

Picture = NDArray[np.uint8]
Palette = Sequence[tuple[int, int, int]]

# With more classes than this the legend names only those that are in the picture.
_LEGEND_ALL = 12
_LEGEND_SHARE = 0.005
_WIDEST_CONTOUR = 64

# Sinks ask for the same result within a moment of each other.
_PAINTED = 3


def colorize(
    mask: NDArray[np.uint8],
    palette: Palette,
    *,
    out: Picture | None = None,
    pool: kernels.Pool | None = None,
) -> Picture:
    """Return each pixel's class colour, BGR uint8 [h, w, 3].

    Args:
        mask: class indices, uint8 [h, w]; indices beyond the palette become black.
        palette: one RGB colour per class.
        out: where to put the result, uint8 [h, w, 3]; None makes a new picture.
        pool: threads to share the rows with.

    Raises:
        ConfigError: an array has another shape or type, or EDGESEG_KERNELS makes no sense.
    """
    mask = _mask(mask)
    result = _picture("out", out, mask)
    kernels.colorize(mask, _colors(tuple(palette)), result, pool=pool)
    return result


def overlay(
    frame: Picture,
    mask: NDArray[np.uint8],
    palette: Palette,
    alpha: float = 0.5,
    *,
    contour: int = 0,
    contour_color: tuple[int, int, int] | None = None,
    out: Picture | None = None,
    pool: kernels.Pool | None = None,
) -> Picture:
    """Return the frame with the class colours laid over it, BGR uint8 [h, w, 3].

    Args:
        frame: BGR uint8 [h, w, 3].
        mask: class indices, uint8 [h, w], the frame's size.
        palette: one RGB colour per class.
        alpha: 0 shows the frame alone, 1 the colours alone.
        contour: draws lines between classes so many pixels wide (0 to 64): the pixels that have
            another class at most so far to their right or below.
        contour_color: RGB colour of these lines; None draws them in the colours of the classes.
        out: where to put the result, uint8 [h, w, 3]; may be the frame. None makes a new picture.
        pool: threads to share the rows with.

    Raises:
        ConfigError: an array has another shape or type, a number another range, or EDGESEG_KERNELS
            makes no sense.
    """
    if not 0 <= alpha <= 1:
        raise ConfigError(f"alpha is {alpha}, expected 0 (the frame alone) to 1 (the colours)")
    if not 0 <= contour <= _WIDEST_CONTOUR:
        raise ConfigError(f"contour is {contour} pixels wide, expected 0 to {_WIDEST_CONTOUR}")
    mask = _mask(mask)
    lines = tuple(palette) if contour_color is None else (contour_color,) * MAX_CLASSES
    result = _picture("out", out, mask)
    kernels.overlay(
        _side_by_side(_picture("frame", frame, mask)),
        mask,
        _colors(tuple(palette)),
        float(alpha),
        result,
        contour=contour,
        contour_palette=_colors(lines),
        pool=pool,
    )
    return result


def fit(picture: Picture, size: Size) -> Picture:
    """Return the picture at `size`, aspect ratio kept, black where it does not reach."""
    height, width = picture.shape[:2]
    if (width, height) == size:
        return picture
    scale = min(size.width / width, size.height / height)
    inner = Size(max(1, round(width * scale)), max(1, round(height * scale)))
    how = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    canvas = np.zeros((size.height, size.width, 3), np.uint8)
    x, y = (size.width - inner.width) // 2, (size.height - inner.height) // 2
    canvas[y : y + inner.height, x : x + inner.width] = cv2.resize(
        picture, inner, interpolation=how
    )
    return canvas


class Painter:
    """Paints results, each once however many sinks ask for it, from any thread."""

    def __init__(
        self,
        labels: Sequence[str],
        palette: Palette,
        *,
        alpha: float = 0.5,
        legend: bool = True,
        status: bool = False,
    ) -> None:
        """Choose what is painted; `status` adds rate and age, for pictures watched live."""
        self._labels = tuple(labels)
        self._palette = tuple(palette)
        self._alpha = alpha
        self._legend = legend
        self._status = status
        self._lock = Lock()
        self._painted: deque[tuple[FrameResult, Picture]] = deque(maxlen=_PAINTED)
        self._rate = _Rate()

    def paint(self, result: FrameResult) -> Picture:
        """Return the overlay of `result`, BGR uint8 [h, w, 3]; treat it as read-only."""
        with self._lock:
            for known, picture in self._painted:
                if known is result:
                    return picture
            self._painted.append((result, self._paint(result)))
            return self._painted[-1][1]

    def _paint(self, result: FrameResult) -> Picture:
        pixels = result.frame.pixels
        picture = overlay(pixels, result.mask, self._palette, self._alpha)
        size = Size(*pixels.shape[1::-1])
        if self._legend:
            paste(picture, self._legend_for(result, size), "top left")
        if self._status:
            fps = self._rate.at(result.frame.captured_s)
            text = f"{fps:.1f} fps   {result.age_ms:.0f} ms old"
            paste(picture, status_panel(text, size), "bottom left")
        return picture

    def _legend_for(self, result: FrameResult, size: Size) -> Panel | None:
        shown: Sequence[int] = range(len(self._labels))
        if len(self._labels) > _LEGEND_ALL:
            shares = result.coverage
            shown = [index for index in shown if shares[index] >= _LEGEND_SHARE]
        entries = tuple((self._labels[index], self._palette[index]) for index in shown)
        return legend_panel(entries, size)


class _Rate:
    """Frames a second, smoothed over about ten frames."""

    def __init__(self) -> None:
        self._last_s: float | None = None
        self._period_s = 0.0

    def at(self, time_s: float) -> float:
        # A sink that lags asks for an older picture than another one did.
        if self._last_s is not None and time_s <= self._last_s:
            return 1 / self._period_s if self._period_s > 0 else 0.0
        if self._last_s is not None:
            period_s = time_s - self._last_s
            weight = 0.1 if self._period_s else 1.0
            self._period_s += weight * (period_s - self._period_s)
        self._last_s = time_s
        return 1 / self._period_s if self._period_s > 0 else 0.0


def _mask(mask: NDArray[np.uint8]) -> NDArray[np.uint8]:
    if mask.dtype != np.uint8 or mask.ndim != 2 or 0 in mask.shape:
        raise ConfigError(
            f"a class map is {mask.dtype} {list(mask.shape)}, expected uint8 [height, width]"
        )
    return _side_by_side(mask)


def _picture(name: str, picture: Picture | None, mask: NDArray[np.uint8]) -> Picture:
    """Return the picture, or a new one, of the mask's size."""
    shape = (*mask.shape, 3)
    if picture is None:
        return np.empty(shape, np.uint8)
    if picture.shape != shape or picture.dtype != np.uint8:
        raise ConfigError(
            f"{name} is {picture.dtype} {list(picture.shape)}, expected uint8 {list(shape)}: the "
            "class map's size in BGR"
        )
    if name == "out" and not (_is_side_by_side(picture) and picture.flags.writeable):
        raise ConfigError("out is read-only, or its pixels do not stand side by side")
    return picture


def _side_by_side(array: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return the array, or a copy whose pixels stand side by side; rows may lie apart."""
    return array if _is_side_by_side(array) else np.ascontiguousarray(array)


def _is_side_by_side(array: NDArray[np.uint8]) -> bool:
    return array[:1].flags.c_contiguous


@lru_cache(maxsize=8)
def _colors(palette: tuple[tuple[int, int, int], ...]) -> Picture:
    """Return the palette in BGR, uint8 [classes, 3]; at least one, and at most 256."""
    table = np.zeros((max(1, min(len(palette), MAX_CLASSES)), 3), np.uint8)
    if palette:
        table[:] = np.asarray(palette, np.uint8)[:MAX_CLASSES, ::-1]
    return table
