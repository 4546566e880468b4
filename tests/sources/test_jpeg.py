"""Whole JPEGs are decoded, others are refused with a reason."""

from __future__ import annotations

import struct
from contextlib import suppress

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgeseg.manifest import Size
from edgeseg.sources import jpeg


def encoded(*parameters: int, width: int = 160, height: int = 120) -> bytes:
    noise = np.random.default_rng(1).integers(0, 256, (height, width, 3), np.uint8)
    picture = cv2.GaussianBlur(noise, (0, 0), 2)
    return cv2.imencode(".jpg", picture, parameters)[1].tobytes()


PLAIN = encoded()
KINDS = {
    "plain": PLAIN,
    "restarts": encoded(cv2.IMWRITE_JPEG_RST_INTERVAL, 2),
    "progressive": encoded(cv2.IMWRITE_JPEG_PROGRESSIVE, 1),
    "progressive with restarts": encoded(
        cv2.IMWRITE_JPEG_PROGRESSIVE, 1, cv2.IMWRITE_JPEG_RST_INTERVAL, 2
    ),
}


@pytest.mark.parametrize("padding", [b"", b"\0" * 500, b"\xff\xff", b"\xff\xd9" * 3, b"rubbish"])
@pytest.mark.parametrize("kind", KINDS)
def test_whole_pictures_are_decoded_whatever_follows(kind: str, padding: bytes) -> None:
    assert jpeg.check(KINDS[kind] + padding) == Size(160, 120)
    assert jpeg.decode(KINDS[kind] + padding).shape == (120, 160, 3)


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=30)
@given(share=st.floats(0, 0.999))
def test_a_picture_cut_anywhere_is_damaged(kind: str, share: float) -> None:
    data = KINDS[kind]
    with pytest.raises(jpeg.DamagedJpegError):
        jpeg.decode(data[: int(share * (len(data) - 1))])


def test_a_picture_with_a_packet_missing_is_damaged() -> None:
    data = KINDS["restarts"]
    first, second = data.index(b"\xff\xd3"), data.index(b"\xff\xd5")
    with pytest.raises(jpeg.DamagedJpegError, match="middle is missing"):
        jpeg.check(data[:first] + data[second:])


@given(st.binary(max_size=300), st.integers(0, 600))
def test_rubbish_is_refused_and_never_a_crash(rubbish: bytes, place: int) -> None:
    for data in (rubbish, b"\xff\xd8" + rubbish, PLAIN[:place] + rubbish):
        with suppress(jpeg.DamagedJpegError):
            jpeg.decode(data)


def test_a_size_beyond_reason_is_refused_before_it_takes_memory() -> None:
    at = PLAIN.index(b"\xff\xc0") + 5
    huge = PLAIN[:at] + b"\xff\xff\xff\xff" + PLAIN[at + 4 :]
    assert jpeg.check(huge) == Size(65535, 65535)
    with pytest.raises(jpeg.DamagedJpegError, match="65535x65535"):
        jpeg.decode(huge)


def test_a_picture_that_says_which_way_it_was_held_stays_as_it_is() -> None:
    # Exif with one entry, orientation 6 (turn by 90 degrees), as a little-endian TIFF.
    tiff = b"II*\0\x08\0\0\0\x01\0" + struct.pack("<HHIHH", 0x112, 3, 1, 6, 0) + b"\0\0\0\0"
    body = b"Exif\0\0" + tiff
    held = PLAIN[:2] + b"\xff\xe1" + struct.pack(">H", len(body) + 2) + body + PLAIN[2:]
    turned = cv2.imdecode(np.frombuffer(held, np.uint8), cv2.IMREAD_COLOR)
    assert turned is not None
    assert turned.shape == (160, 120, 3)
    np.testing.assert_array_equal(jpeg.decode(held), jpeg.decode(PLAIN))
