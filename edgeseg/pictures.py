"""Picture files read whole or not at all: OpenCV gives half a picture of a JPEG that was cut short.

Before decoding, a PNG's checksums are followed to its end (PNG specification, third edition, 5.3
and 13.2) and a JPEG must have its end mark (ITU-T T.81, B.2.1).
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from edgeseg.errors import DataError, MissingExtraError
from edgeseg.labels import STREET, palette_for
from edgeseg.manifest import MAX_SIDE

IMAGE_SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".webp", ".tif", ".tiff")

_PNG, _JPEG = b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff"
_GREY, _RGB, _INDEXED, _GREY_ALPHA, _RGBA = 0, 2, 3, 4, 6
_MODES = {_GREY: "L", _RGB: "RGB", _INDEXED: "P", _GREY_ALPHA: "LA", _RGBA: "RGBA"}
_EXPECTED = "expected one 8-bit channel of class indices (grey or palette)"

# Colours are named by looking at this many pixels at most.
_LOOKED_AT = 250_000
_NAMED_COLORS = 3


def read_image(path: Path) -> NDArray[np.uint8]:
    """Read an image as BGR uint8 [h, w, 3].

    Raises:
        DataError: the file is missing, no picture, damaged or cut short.
    """
    try:
        return _decode(_whole(path), cv2.IMREAD_COLOR)
    except _UnreadableError as error:
        raise DataError(f"cannot read image {path}: {error}") from error


def read_mask(path: Path) -> NDArray[np.uint8]:
    """Read an index mask, grey or palette, as uint8 [h, w] of class indices.

    PNG masks need nothing but OpenCV, those of other formats Pillow.

    Raises:
        DataError: the file is missing, no picture, damaged or cut short; a colour picture (whose
            colours would have to be mapped to indices first), of 16 bits a pixel, or a JPEG.
        MissingExtraError: the mask is no PNG, and Pillow is not installed.
    """
    try:
        data = _whole(path)
        if data.startswith(_PNG):
            return _png_indices(data)
        return _other_indices(path, data)
    except _UnsuitableError as error:
        raise DataError(f"mask {path} {error}") from error
    except _UnreadableError as error:
        raise DataError(f"cannot read mask {path}: {error}") from error


def from_colors(
    path: Path, palette: tuple[tuple[int, int, int], ...], other: int = 255
) -> NDArray[np.uint8]:
    """Read a colour mask as uint8 [h, w]: the place of each pixel's colour in the RGB `palette`.

    Pixels of any other colour become `other`.

    Raises:
        DataError: the file cannot be read.
    """
    packed = _packed(read_image(path))
    indices = np.full(packed.shape, other, np.uint8)
    for index, color in reversed(tuple(enumerate(palette))):  # the first of equal colours counts
        indices[packed == _pack(*color)] = index
    return indices


class _UnreadableError(Exception):
    """Why a file gives no picture."""


class _UnsuitableError(Exception):
    """What about a picture makes it no index mask."""


def _whole(path: Path) -> bytes:
    """Return a file's content, as far as can be told all of it."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise _UnreadableError(error.strerror or str(error)) from error
    if not data:
        raise _UnreadableError("the file is empty")
    if data.startswith(_PNG):
        _check_png(data)
    elif data.startswith(_JPEG):
        _check_jpeg(data)
    return data


def _decode(data: bytes, flags: int) -> NDArray[np.uint8]:
    try:
        picture = cv2.imdecode(np.frombuffer(data, np.uint8), flags)
    except cv2.error as error:
        raise _UnreadableError(error.err or "OpenCV cannot decode it") from error
    if picture is None:
        raise _UnreadableError("it is no picture, or damaged")
    return np.asarray(picture, np.uint8)


class _Chunk(NamedTuple):
    """A part of a PNG file: its type, and where all of it lies, length and checksum included."""

    kind: bytes
    start: int
    end: int


def _chunks(data: bytes) -> Iterator[_Chunk]:
    """Yield the chunks up to the one that ends the picture; whatever follows that is ignored."""
    start, kind = len(_PNG), b""
    while kind != b"IEND":
        if start + 12 > len(data):
            raise _UnreadableError("the file is cut short")
        length, kind = struct.unpack_from(">I4s", data, start)
        end = start + 12 + length
        if end > len(data):
            raise _UnreadableError("the file is cut short")
        yield _Chunk(kind, start, end)
        start = end


def _check_png(data: bytes) -> None:
    for number, chunk in enumerate(_chunks(data)):
        checksum = int.from_bytes(data[chunk.end - 4 : chunk.end], "big")
        if zlib.crc32(data[chunk.start + 4 : chunk.end - 4]) != checksum:
            raise _UnreadableError("the file is damaged (a checksum differs)")
        if (chunk.kind == b"IHDR") != (number == 0):
            raise _UnreadableError("the file is damaged (its header is not in place)")
    header = _png_header(data)
    if not (0 < header.width <= MAX_SIDE and 0 < header.height <= MAX_SIDE):
        raise _UnreadableError(
            f"it is {header.width}x{header.height}; a side has 1 to {MAX_SIDE} pixels"
        )


def _check_jpeg(data: bytes) -> None:
    # Neither mark can occur inside the coded picture; an embedded thumbnail comes before it.
    if b"\xff\xd9" not in data[data.rfind(b"\xff\xda") :]:
        raise _UnreadableError("the file is cut short")


class _PngHeader(NamedTuple):
    width: int
    height: int
    depth: int
    color_type: int


def _png_header(data: bytes) -> _PngHeader:
    try:
        return _PngHeader(*struct.unpack_from(">IIBB", data, len(_PNG) + 8))
    except struct.error as error:
        raise _UnreadableError("the file is cut short") from error


def _png_indices(data: bytes) -> NDArray[np.uint8]:
    header = _png_header(data)
    if header.depth == 16:
        values = _decode16(data)
        raise _UnsuitableError(
            f"has 16 bits a pixel (values {values.min()} to {values.max()}); {_EXPECTED}"
        )
    if header.color_type not in (_GREY, _INDEXED):
        mode = _MODES.get(header.color_type, str(header.color_type))
        raise _colorful(mode, _decode(data, cv2.IMREAD_COLOR))
    indices = _decode(_as_grey(data), cv2.IMREAD_UNCHANGED)
    # OpenCV spreads few bits over 0 to 255. Indices are wanted as they stand in the file, and so is
    # black and white (0 and 1); grey of 2 or 4 bits means the spread values.
    if header.depth < 8 and (header.color_type == _INDEXED or header.depth == 1):
        indices //= 255 // (2**header.depth - 1)
    return indices


def _as_grey(data: bytes) -> bytes:
    """Return the same PNG as a grey one: OpenCV would turn palette indices into colours."""
    kept = [data[: len(_PNG)]]
    for chunk in _chunks(data):
        content = data[chunk.start : chunk.end]
        if chunk.kind == b"IHDR":
            body = content[4:17] + bytes([_GREY]) + content[18:21]
            content = content[:4] + body + struct.pack(">I", zlib.crc32(body))
        if chunk.kind in (b"IHDR", b"IDAT", b"IEND"):
            kept.append(content)
    return b"".join(kept)


def _decode16(data: bytes) -> NDArray[np.uint16]:
    picture = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    if picture is None:
        raise _UnreadableError("it is no picture, or damaged")
    return np.asarray(picture, np.uint16)


def _other_indices(path: Path, data: bytes) -> NDArray[np.uint8]:
    if data.startswith(_JPEG):
        raise _UnsuitableError("is a JPEG, which changes class indices; expected a PNG")
    try:
        from PIL import Image
    except ImportError as error:
        raise MissingExtraError(
            f"Pillow, which reads masks like {path.name},", "convert"
        ) from error
    try:
        with Image.open(path) as picture:
            if picture.mode in ("L", "P", "1"):
                return np.array(picture, np.uint8)
            if picture.mode in ("RGB", "RGBA"):
                raise _colorful(picture.mode, np.array(picture.convert("RGB"))[..., ::-1])
            raise _UnsuitableError(f"has mode {picture.mode}; {_EXPECTED}")
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise _UnreadableError("it is no picture, or damaged") from error


def _colorful(mode: str, picture: NDArray[np.uint8]) -> _UnsuitableError:
    """Name the commonest colours of a BGR picture, and the palette that has them all."""
    step = max(1, round((picture.shape[0] * picture.shape[1] / _LOOKED_AT) ** 0.5))
    colors, counts = np.unique(_packed(picture[::step, ::step]), return_counts=True)
    order = np.argsort(-counts, kind="stable")[:_NAMED_COLORS]
    named = ", ".join(
        f"{_triple(int(colors[i]))} {100 * counts[i] / counts.sum():.0f} %" for i in order
    )
    more = f" and {len(colors) - len(order)} more" if len(colors) > len(order) else ""
    return _UnsuitableError(f"has mode {mode}, colours {named}{more}{_known(colors)}; {_EXPECTED}")


def _known(colors: NDArray[np.int32]) -> str:
    if not np.any((colors >> 16 ^ colors) & 255) and not np.any((colors >> 8 ^ colors) & 255):
        return ", grey throughout (keep one of the three channels)"
    for name, has in _palettes().items():
        if has >= set(colors.tolist()):
            return f", all in the palette of {name}"
    return ""


def _palettes() -> dict[str, set[int]]:
    border = (224, 224, 192)  # PASCAL VOC's void
    return {
        "edgeseg's street classes": {_pack(*color) for color in (*STREET.palette, (0, 0, 0))},
        "PASCAL VOC": {_pack(*color) for color in (*palette_for(256), border)},
    }


def _packed(picture: NDArray[np.uint8]) -> NDArray[np.int32]:
    """Return a BGR picture's colours as single numbers, 0xRRGGBB."""
    blue, green, red = (picture[..., channel].astype(np.int32) for channel in range(3))
    return (red << 16) | (green << 8) | blue


def _pack(red: int, green: int, blue: int) -> int:
    return (red << 16) | (green << 8) | blue


def _triple(color: int) -> str:
    return f"{color >> 16},{color >> 8 & 255},{color & 255}"
