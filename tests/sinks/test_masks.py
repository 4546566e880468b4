"""Mask files: indices survive, colours show, nothing half written."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from edgeseg.errors import OutputError
from edgeseg.labels import STREET, palette_for
from edgeseg.loop import FrameResult
from edgeseg.sinks.masks import MaskSink
from edgeseg.sinks.palette_png import encode_palette_png

SIGNATURE = b"\x89PNG\r\n\x1a\n"


def chunks(data: bytes) -> list[tuple[bytes, bytes]]:
    """Split a PNG, and check every checksum."""
    assert data.startswith(SIGNATURE)
    found, at = [], len(SIGNATURE)
    while at < len(data):
        (length,) = struct.unpack(">I", data[at : at + 4])
        kind, body = data[at + 4 : at + 8], data[at + 8 : at + 8 + length]
        (checksum,) = struct.unpack(">I", data[at + 8 + length : at + 12 + length])
        assert checksum == zlib.crc32(kind + body)
        found.append((kind, body))
        at += 12 + length
    return found


def indices_in(data: bytes) -> np.ndarray:
    """Decode the indices as if they were grey values."""
    parts = dict(chunks(data))
    header = parts[b"IHDR"][:9] + b"\0" + parts[b"IHDR"][10:]
    body = b"".join(part for kind, part in chunks(data) if kind == b"IDAT")
    grey = SIGNATURE
    for kind, part in ((b"IHDR", header), (b"IDAT", body), (b"IEND", b"")):
        grey += struct.pack(">I", len(part)) + kind + part
        grey += struct.pack(">I", zlib.crc32(kind + part))
    return cv2.imdecode(np.frombuffer(grey, np.uint8), cv2.IMREAD_UNCHANGED)


@settings(max_examples=30, deadline=None)
@given(
    arrays(
        np.uint8, st.tuples(st.integers(1, 40), st.integers(1, 40)), elements=st.integers(0, 255)
    )
)
def test_values_are_indices_and_pictures_show_colours(mask: np.ndarray) -> None:
    palette = palette_for(256)
    data = encode_palette_png(mask, palette)
    assert np.array_equal(indices_in(data), mask)
    shown = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    assert np.array_equal(shown[..., ::-1], np.array(palette, np.uint8)[mask])


def test_the_file_says_that_it_is_a_palette_picture() -> None:
    kinds = [
        kind for kind, _ in chunks(encode_palette_png(np.eye(5, dtype=np.uint8), STREET.palette))
    ]
    assert kinds[:2] == [b"IHDR", b"PLTE"]
    assert kinds[-1] == b"IEND"


def test_no_pixels_are_an_error() -> None:
    with pytest.raises(OutputError):
        encode_palette_png(np.zeros((0, 0), np.uint8), STREET.palette)


def test_one_file_for_every_frame(tmp_path: Path, make_result: Callable[..., FrameResult]) -> None:
    folder = tmp_path / "made" / "masks"
    with MaskSink(folder, STREET.palette) as sink:
        sink.write(make_result(0))
        sink.write(make_result(1, name="street_7"))
    assert sorted(path.name for path in folder.iterdir()) == ["000000.png", "street_7.png"]
    written = indices_in((folder / "000000.png").read_bytes())
    assert np.array_equal(written, make_result(0).mask)


def test_a_file_where_the_folder_should_be(tmp_path: Path) -> None:
    (tmp_path / "masks").write_text("in the way")
    with pytest.raises(OutputError, match="masks"):
        MaskSink(tmp_path / "masks", STREET.palette)
