"""Results as what goes to viewers: a JPEG with its class map, or an overlay as one JPEG."""

from __future__ import annotations

import json
import struct
from typing import TYPE_CHECKING

import cv2
import numpy as np
from numpy.typing import NDArray

from edgeseg.errors import OutputError
from edgeseg.manifest import Size
from edgeseg.overlay import Palette, overlay

if TYPE_CHECKING:
    from edgeseg.loop import FrameResult

_QUALITY = 75  # two thirds of the bytes of 85, and as good on a moving picture
_STILL_QUALITY = 90


def picture_message(result: FrameResult, width: int) -> bytes:
    """Return a result for the page, which lays its class map over the picture itself.

    The message is the length of a JSON header (uint32, little endian), that header (`index`,
    `name`, `width`, `height`, `jpeg` and `map`: their lengths in bytes, `form` of the map), the
    input as JPEG, and the class map of the same size, exactly.

    Args:
        result: with a picture of any size.
        width: pictures that are wider are scaled down to this.
    """
    picture, mask = scaled(result, width)
    jpeg = encode_jpeg(picture, _QUALITY)
    form, classes = encode_map(mask)
    header = {
        "index": result.frame.index,
        "name": result.frame.name,
        "width": mask.shape[1],
        "height": mask.shape[0],
        "jpeg": len(jpeg),
        "map": len(classes),
        "form": form,
    }
    text = json.dumps(header).encode()
    return b"".join((struct.pack("<I", len(text)), text, jpeg, classes))


def overlay_jpeg(result: FrameResult, palette: Palette, alpha: float, width: int | None) -> bytes:
    """Return the overlay as JPEG, at most `width` wide; None keeps the frame's size."""
    picture, mask = (result.frame.pixels, result.mask) if width is None else scaled(result, width)
    quality = _STILL_QUALITY if width is None else _QUALITY
    return encode_jpeg(overlay(picture, mask, palette, alpha), quality)


def encode_map(mask: NDArray[np.uint8]) -> tuple[str, bytes]:
    """Return the form and bytes of a class map, uint8 [h, w], without loss.

    `runs`: the lengths of equal stretches along each row (uint16, little endian), then as many
    classes (uint8). Ten times as quick as a PNG of the same map, and decoded in a browser without
    its picture code, which some browsers falsify against fingerprinting. `raw`, the map itself,
    where runs would be longer.
    """
    ends_here = np.ones(mask.shape, bool)
    np.not_equal(mask[:, 1:], mask[:, :-1], out=ends_here[:, :-1])
    ends = np.flatnonzero(ends_here)
    if 3 * ends.size >= mask.size:
        return "raw", mask.tobytes()
    lengths = np.diff(ends, prepend=-1).astype("<u2")
    return "runs", lengths.tobytes() + mask.reshape(-1)[ends].tobytes()


def scaled(result: FrameResult, width: int) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Return picture and class map, at most `width` wide; the map keeps to its classes."""
    picture, mask = result.frame.pixels, result.mask
    height, own = mask.shape
    if own <= width:
        return picture, mask
    size = Size(width, max(1, round(height * width / own)))
    # By at most two, bilinear averages what lies below a pixel, and is five times as quick as area.
    how = cv2.INTER_LINEAR if own <= 2 * width else cv2.INTER_AREA
    small = cv2.resize(picture, size, interpolation=how)
    classes = cv2.resize(mask, size, interpolation=cv2.INTER_NEAREST)
    return np.asarray(small, np.uint8), np.asarray(classes, np.uint8)


def encode_jpeg(picture: NDArray[np.uint8], quality: int) -> bytes:
    """Return a BGR picture, uint8 [h, w, 3], as JPEG.

    Raises:
        OutputError: OpenCV cannot encode it.
    """
    try:
        ok, data = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, quality])
    except cv2.error as error:
        raise OutputError(f"cannot encode a picture of {picture.shape}: {error.err}") from error
    if not ok:
        raise OutputError(f"cannot encode a picture of {picture.shape}")
    return data.tobytes()
