"""Pictures for pages: class maps, differences between them, and images as data URIs."""

from __future__ import annotations

import base64
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from edgeseg.errors import OutputError
from edgeseg.overlay import Palette, Picture, colorize

VOID_COLOR = (200, 200, 200)
WRONG_COLOR = (230, 30, 30)
"""RGB colours of pixels without a class, and of those that differ."""

_JPEG_QUALITY = 82


def data_uri(
    image: Picture, width: int | None = None, format: Literal["jpeg", "png"] = "jpeg"
) -> str:
    """Return a picture as the text of an <img>'s src.

    Args:
        image: BGR uint8 [h, w, 3].
        width: shrink to this many pixels where the picture is wider, its aspect ratio kept. A JPEG
            is shrunk by area, a PNG to the nearest pixel, so that a class map keeps its colours.
        format: `jpeg` for photographs, `png` for class maps and other flat colours.

    Raises:
        OutputError: OpenCV cannot encode the picture.
    """
    picture = image if width is None else _shrunk(image, width, format)
    options = [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY] if format == "jpeg" else []
    done, data = cv2.imencode(f".{format}", picture, options)
    if not done:
        raise OutputError(f"cannot encode a picture of {list(image.shape)} as {format}")
    return f"data:image/{format};base64,{base64.b64encode(data.tobytes()).decode()}"


def mask_picture(mask: NDArray[np.uint8], palette: Palette) -> Picture:
    """Return each pixel's class colour, BGR uint8 [h, w, 3].

    Args:
        mask: class indices uint8 [h, w]; those beyond the palette, such as void, are `VOID_COLOR`.
        palette: one RGB colour per class.
    """
    picture = colorize(mask, palette)
    picture[mask >= len(palette)] = VOID_COLOR[::-1]
    return picture


def difference_picture(
    frame: Picture,
    expected: NDArray[np.uint8],
    found: NDArray[np.uint8],
    void: NDArray[np.bool_] | None = None,
) -> Picture:
    """Return the frame in pale grey with `WRONG_COLOR` where two class maps differ.

    Args:
        frame: BGR uint8 [h, w, 3]; brought to the class maps' size.
        expected: class map uint8 [h, w].
        found: likewise, of the same size.
        void: pixels that do not count, bool [h, w]; they are `VOID_COLOR`.

    Returns:
        BGR uint8 of the class maps' size.
    """
    height, width = expected.shape
    grey = cv2.cvtColor(cv2.resize(frame, (width, height)), cv2.COLOR_BGR2GRAY)
    picture = np.asarray(cv2.cvtColor(grey // 2 + 100, cv2.COLOR_GRAY2BGR), np.uint8)
    picture[expected != found] = WRONG_COLOR[::-1]
    if void is not None:
        picture[void] = VOID_COLOR[::-1]
    return picture


def _shrunk(image: Picture, width: int, format: str) -> Picture:
    if image.shape[1] <= width:
        return image
    height = max(1, round(image.shape[0] * width / image.shape[1]))
    how = cv2.INTER_AREA if format == "jpeg" else cv2.INTER_NEAREST
    return np.asarray(cv2.resize(image, (width, height), interpolation=how), np.uint8)
