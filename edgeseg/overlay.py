"""Masks as pictures: class colours over the frame, a legend, a line of status."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import TYPE_CHECKING

import cv2
import numpy as np
from numpy.typing import NDArray

from edgeseg.manifest import Size
from edgeseg.panels import Panel, legend_panel, paste, status_panel

if TYPE_CHECKING:
    from edgeseg.stream import FrameResult

Picture = NDArray[np.uint8]
Palette = Sequence[tuple[int, int, int]]

# With more classes than this the legend names only those that are in the picture.
_LEGEND_ALL = 12
_LEGEND_SHARE = 0.005


def colorize(mask: NDArray[np.uint8], palette: Palette) -> Picture:
    """Return each pixel's class colour, BGR uint8 [h, w, 3].

    Args:
        mask: class indices, uint8 [h, w]; indices beyond the palette become black.
        palette: one RGB colour per class.
    """
    return np.asarray(cv2.applyColorMap(mask, _table(tuple(palette))), np.uint8)


def overlay(
    frame: Picture, mask: NDArray[np.uint8], palette: Palette, alpha: float = 0.5
) -> Picture:
    """Return the frame with the class colours laid over it, BGR uint8 [h, w, 3].

    Args:
        frame: BGR uint8 [h, w, 3].
        mask: class indices, uint8 [h, w], the frame's size.
        palette: one RGB colour per class.
        alpha: 0 shows the frame alone, 1 the colours alone.
    """
    colors = colorize(mask, palette)
    return np.asarray(cv2.addWeighted(frame, 1 - alpha, colors, alpha, 0), np.uint8)


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
    """Paints results, each once however many sinks ask for it."""

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
        self._last: tuple[FrameResult, Picture] | None = None
        self._rate = _Rate()

    def paint(self, result: FrameResult) -> Picture:
        """Return the overlay of `result`, BGR uint8 [h, w, 3]; treat it as read-only."""
        if self._last is None or self._last[0] is not result:
            self._last = (result, self._paint(result))
        return self._last[1]

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
        if self._last_s is not None:
            period_s = time_s - self._last_s
            weight = 0.1 if self._period_s else 1.0
            self._period_s += weight * (period_s - self._period_s)
        self._last_s = time_s
        return 1 / self._period_s if self._period_s > 0 else 0.0


@lru_cache(maxsize=8)
def _table(palette: tuple[tuple[int, int, int], ...]) -> Picture:
    """The palette as the 256x1 BGR table that cv2.applyColorMap takes."""
    table = np.zeros((256, 1, 3), np.uint8)
    table[: len(palette), 0] = np.asarray(palette, np.uint8)[:, ::-1]
    return table
