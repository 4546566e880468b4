"""What goes to viewers: the class map comes through exactly."""

from __future__ import annotations

import json
import struct

import cv2
import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

from edgeseg.labels import STREET
from edgeseg.loop import FrameResult
from edgeseg.manifest import Size
from edgeseg.segmenter import StageTimes
from edgeseg.serve.pictures import encode_map, overlay_jpeg, picture_message
from edgeseg.sources import Frame


def decode_map(form: str, data: bytes, shape: tuple[int, int]) -> NDArray[np.uint8]:
    """As edgeseg/serve/page/picture.js does it."""
    if form == "raw":
        return np.frombuffer(data, np.uint8).reshape(shape)
    count = len(data) // 3
    lengths = np.frombuffer(data, "<u2", count)
    classes = np.frombuffer(data, np.uint8, count, 2 * count)
    return np.repeat(classes, lengths).reshape(shape)


def read_message(message: bytes) -> tuple[dict[str, int], NDArray[np.uint8], NDArray[np.uint8]]:
    (length,) = struct.unpack_from("<I", message)
    header = json.loads(message[4 : 4 + length])
    jpeg = message[4 + length :][: header["jpeg"]]
    data = message[4 + length + header["jpeg"] :]
    assert len(data) == header["map"]
    picture = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR)
    assert picture is not None
    mask = decode_map(header["form"], data, (header["height"], header["width"]))
    return header, np.asarray(picture, np.uint8), mask


def result_of(size: Size) -> FrameResult:
    rows, columns = np.mgrid[: size.height, : size.width]
    mask = ((rows // 7 + columns // 11) % 11).astype(np.uint8)
    pixels = np.repeat((columns * 255 // size.width).astype(np.uint8)[..., None], 3, axis=2)
    return FrameResult(Frame(7, pixels, 0.0, name="x"), mask, StageTimes(1.0, 1.0, 1.0), 1.0)


@given(
    arrays(
        np.uint8,
        st.tuples(st.integers(1, 40), st.integers(1, 70)),
        elements=st.integers(0, 3) | st.just(255),
    )
)
def test_any_class_map_comes_through(mask: NDArray[np.uint8]) -> None:
    form, data = encode_map(mask)
    assert np.array_equal(decode_map(form, data, mask.shape), mask)
    assert len(data) <= mask.size


def test_a_class_map_of_few_areas_is_small() -> None:
    mask = result_of(Size(640, 360)).mask
    form, data = encode_map(mask)
    assert form == "runs"
    assert len(data) == 3 * 360 * 59


def test_a_message_holds_picture_and_map() -> None:
    result = result_of(Size(160, 90))
    header, picture, mask = read_message(picture_message(result, 960))
    assert (header["index"], header["width"], header["height"]) == (7, 160, 90)
    assert np.array_equal(mask, result.mask)
    assert np.abs(picture.astype(int) - result.frame.pixels).mean() < 3


def test_wide_pictures_are_scaled_and_keep_their_classes() -> None:
    result = result_of(Size(400, 200))
    for width in (300, 100):
        header, picture, mask = read_message(picture_message(result, width))
        assert picture.shape == (width // 2, width, 3)
        assert (header["width"], header["height"]) == (width, width // 2)
        step = 400 // width
        if 400 % width == 0:
            assert np.array_equal(mask, result.mask[::step, ::step])
        assert set(np.unique(mask)) <= set(np.unique(result.mask))


def test_an_overlay_is_one_jpeg() -> None:
    result = result_of(Size(400, 200))
    for width, expected in ((100, (50, 100, 3)), (None, (200, 400, 3))):
        data = overlay_jpeg(result, STREET.palette, 1.0, width)
        picture = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
        assert picture is not None
        assert picture.shape == expected
