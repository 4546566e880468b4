"""Translucent panels with text for overlays: readable on any picture, at any size."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from edgeseg.manifest import Size

Corner = Literal["top left", "bottom left"]
Entry = tuple[str, tuple[int, int, int]]

_FONT = cv2.FONT_HERSHEY_SIMPLEX
_FONT_CAP_PX = 21.0  # height of a capital letter at font scale 1
_SUPERSAMPLING = 4  # drawn larger and averaged down: OpenCV's strokes are rough at text size
_BOX, _BOX_ALPHA = (24, 22, 20), 168  # opacity of 255
_TEXT = (245, 245, 245)
_OPAQUE = 255
# Capital letters of 1/45 of the frame's height read like a caption; below 6 pixels nothing reads.
_CAP_SHARE, _SMALLEST_CAP_PX, _LARGEST_CAP_PX = 1 / 45, 6, 40
_MOST_OF_FRAME = 0.9


@dataclass(frozen=True)
class Panel:
    """A picture to be laid over another.

    Attributes:
        color: BGR float32 [h, w, 3], already multiplied with its opacity.
        keep: float32 [h, w, 1], the share of the picture below that shows through.
    """

    color: NDArray[np.float32]
    keep: NDArray[np.float32]


def paste(picture: NDArray[np.uint8], panel: Panel | None, corner: Corner) -> None:
    """Lay the panel over a corner of the picture, in place; None lays nothing."""
    if panel is None:
        return
    height, width = panel.keep.shape[:2]
    margin = _margin(Size(*picture.shape[1::-1]))
    top = margin if corner == "top left" else picture.shape[0] - margin - height
    if top < 0 or margin + width > picture.shape[1] or top + height > picture.shape[0]:
        return
    below = picture[top : top + height, margin : margin + width]
    below[:] = (below * panel.keep + panel.color + 0.5).astype(np.uint8)


@lru_cache(maxsize=32)
def legend_panel(entries: tuple[Entry, ...], frame: Size) -> Panel | None:
    """Return a panel of coloured squares with class names that fits the frame, or None.

    Args:
        entries: (name, RGB colour) in the order shown.
        frame: size of the picture the panel is for; text shrinks and columns are added until it
            fits.
    """
    if not entries:
        return None
    for cap_px in range(_cap_px(frame), _SMALLEST_CAP_PX - 1, -1):
        for columns in range(1, 5):
            layout = _Layout(entries, cap_px, columns)
            if layout.fits(frame):
                return layout.draw()
    return None


def status_panel(text: str, frame: Size) -> Panel | None:
    """Return a panel with one line of text, or None when it does not fit the frame."""
    layout = _Layout(((text, None),), _cap_px(frame), 1)
    return layout.draw() if layout.fits(frame) else None


class _Layout:
    """Where squares and words stand in a panel; all lengths in panel pixels."""

    def __init__(
        self,
        entries: Sequence[tuple[str, tuple[int, int, int] | None]],
        cap_px: int,
        columns: int,
    ) -> None:
        self.cap = cap_px
        self.line = round(cap_px * 2.1)
        self.pad = round(cap_px * 1.0)
        self.square = round(cap_px * 1.35)
        self.gap = round(cap_px * 0.8)
        rows = -(-len(entries) // columns)
        self.columns = [entries[i : i + rows] for i in range(0, len(entries), rows)]
        self.widths = [max(self._entry_width(entry) for entry in part) for part in self.columns]
        between = 2 * self.pad * (len(self.columns) - 1)
        self.width = 2 * self.pad + sum(self.widths) + between
        self.height = 2 * self.pad + rows * self.line - (self.line - self.square)

    def fits(self, frame: Size) -> bool:
        margin = _margin(frame)
        return (
            self.width + 2 * margin <= frame.width * _MOST_OF_FRAME
            and self.height + 2 * margin <= frame.height * _MOST_OF_FRAME
        )

    def draw(self) -> Panel:
        n = _SUPERSAMPLING
        shape = (self.height * n, self.width * n)
        color = np.full((*shape, 3), _BOX, np.uint8)
        alpha = _rounded_box(shape, self.pad * n // 2)
        x = self.pad
        for part, width in zip(self.columns, self.widths, strict=True):
            for row, entry in enumerate(part):
                self._draw_entry(color, alpha, x, self.pad + row * self.line, entry)
            x += width + 2 * self.pad
        return _averaged(color, alpha, Size(self.width, self.height))

    def _draw_entry(
        self,
        color: NDArray[np.uint8],
        alpha: NDArray[np.uint8],
        x: int,
        y: int,
        entry: tuple[str, tuple[int, int, int] | None],
    ) -> None:
        n, (text, rgb) = _SUPERSAMPLING, entry
        if rgb is not None:
            corners = (x * n, y * n), ((x + self.square) * n - 1, (y + self.square) * n - 1)
            cv2.rectangle(color, *corners, rgb[::-1], -1)
            cv2.rectangle(alpha, *corners, _OPAQUE, -1)
            x += self.square + self.gap
        baseline = (x * n, (y + (self.square + self.cap) // 2) * n)
        scale, stroke = self._font()
        cv2.putText(color, _ascii(text), baseline, _FONT, scale, _TEXT, stroke, cv2.LINE_AA)
        cv2.putText(alpha, _ascii(text), baseline, _FONT, scale, _OPAQUE, stroke, cv2.LINE_AA)

    def _entry_width(self, entry: tuple[str, object]) -> int:
        scale, stroke = self._font()
        (width, _), _ = cv2.getTextSize(_ascii(entry[0]), _FONT, scale, stroke)
        swatch = 0 if entry[1] is None else self.square + self.gap
        return swatch + -(-width // _SUPERSAMPLING)

    def _font(self) -> tuple[float, int]:
        scale = self.cap * _SUPERSAMPLING / _FONT_CAP_PX
        return scale, max(1, round(self.cap * _SUPERSAMPLING / 7))


def _rounded_box(shape: tuple[int, int], radius: int) -> NDArray[np.uint8]:
    alpha = np.zeros(shape, np.uint8)
    height, width = shape
    cv2.rectangle(alpha, (radius, 0), (width - radius - 1, height), _BOX_ALPHA, -1)
    cv2.rectangle(alpha, (0, radius), (width, height - radius - 1), _BOX_ALPHA, -1)
    for x in (radius, width - radius - 1):
        for y in (radius, height - radius - 1):
            cv2.circle(alpha, (x, y), radius, _BOX_ALPHA, -1)
    return alpha


def _averaged(color: NDArray[np.uint8], alpha: NDArray[np.uint8], size: Size) -> Panel:
    opacity = (alpha / np.float32(_OPAQUE)).astype(np.float32)
    laid = cv2.resize(color * opacity[..., None], size, interpolation=cv2.INTER_AREA)
    shown = cv2.resize(opacity, size, interpolation=cv2.INTER_AREA)
    return Panel(np.asarray(laid, np.float32), np.asarray(1 - shown, np.float32)[..., None])


def _cap_px(frame: Size) -> int:
    # A portrait or panorama frame must not get text for its long side.
    height = min(frame.height, frame.width * 9 / 16)
    return round(min(max(height * _CAP_SHARE, _SMALLEST_CAP_PX), _LARGEST_CAP_PX))


def _margin(frame: Size) -> int:
    return _cap_px(frame)


def _ascii(text: str) -> str:
    """OpenCV's fonts have no other letters."""
    return text.encode("ascii", "replace").decode()
