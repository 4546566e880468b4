"""edgeseg.decode: the native kernel against its definition, and both against OpenCV."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any, cast

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from edgeseg import kernels
from edgeseg.decode import Grid, decode, decode_class_map, decode_reference, grid_for
from edgeseg.errors import ConfigError, ModelError
from edgeseg.manifest import Size
from edgeseg.segmenter import open_segmenter
from edgeseg.sources.street import render_street

NATIVE = kernels.available()[:-1]
needs_native = pytest.mark.skipif(not NATIVE, reason="the native extension is not built")

# Few distinct values make ties, many make boundaries; strides leave gaps between the classes.
CASES = st.fixed_dictionaries(
    {
        "shape": st.tuples(
            st.integers(1, 9),
            st.integers(1, 9),
            st.one_of(st.integers(1, 40), st.sampled_from([48, 49, 255, 256])),
        ),
        "dtype": st.sampled_from([np.int8, np.uint8, np.float16, np.float32]),
        "planes": st.booleans(),
        "levels": st.sampled_from([1, 2, 3, 256]),
        "step": st.integers(1, 3),
        "seed": st.integers(0, 2**32 - 1),
    }
)
SIZES = st.builds(Size, st.integers(1, 150), st.integers(1, 70))
SCALES = st.one_of(st.just(1.0), st.floats(0.004, 3.0))
OFFSETS = st.one_of(st.just(0.0), st.floats(-3.0, 12.0))
GRIDS = st.builds(Grid, SCALES, SCALES, OFFSETS, OFFSETS)


def scores(case: dict[str, Any]) -> NDArray[Any]:
    height, width, classes = case["shape"]
    step = case["step"]
    random = np.random.default_rng(case["seed"])
    values = random.integers(0, case["levels"], (height, width * step, classes * step))
    if case["dtype"] in (np.float16, np.float32):
        spread = 12 if case["dtype"] is np.float16 else 40
        exponents = random.integers(-spread, spread // 2, values.shape)
        values = values * 2.0**exponents if case["levels"] == 256 else values / 3
    elif case["dtype"] is np.int8:
        values = values - case["levels"] // 2
    strided = values.astype(case["dtype"])[:, ::step, ::step]
    strided.flags.writeable = False
    if case["planes"]:
        return np.ascontiguousarray(strided.transpose(2, 0, 1)).transpose(1, 2, 0)
    return strided


@contextmanager
def using(name: str) -> Iterator[None]:
    before = os.environ.get(kernels.ENVIRONMENT)
    os.environ[kernels.ENVIRONMENT] = name
    try:
        yield
    finally:
        del os.environ[kernels.ENVIRONMENT]
        if before is not None:
            os.environ[kernels.ENVIRONMENT] = before


def everything(
    decoder: Any, logits: NDArray[Any], size: Size, *more: Any
) -> dict[str, NDArray[Any]]:
    """A class map with all that can be had beside it."""
    shape, classes = (size.height, size.width), logits.shape[2]
    found: dict[str, NDArray[Any]] = {"counts": np.full(classes, 7, np.uint32)}
    found["classes"] = decoder(logits, size, *more, counts=found["counts"])
    if classes > 1:
        found["margins"] = np.full(shape, -1, np.float32)
        found["steps"] = np.full(shape, 99, np.uint8)
        found["ranked"] = decoder(logits, size, *more, confidence=found["margins"])
        decoder(logits, size, *more, confidence=found["steps"], confidence_scale=3.7)
    return found


def smooth(random: np.random.Generator, height: int, width: int, classes: int) -> NDArray[Any]:
    """Scores like a network's: neighbouring cells are alike. float32, -127 to 127."""
    noise = random.standard_normal((height, width, classes)).astype(np.float32)
    blurred = np.stack([cv2.GaussianBlur(plane, (0, 0), 1.5) for plane in noise.transpose(2, 0, 1)])
    return (blurred * (127 / np.abs(blurred).max())).transpose(1, 2, 0)


def opencv(logits: NDArray[Any], size: Size) -> NDArray[Any]:
    """The independent oracle: every class's scores at every pixel, resized in float."""
    resized = cv2.resize(logits.astype(np.float32), size, interpolation=cv2.INTER_LINEAR)
    return resized.reshape(size.height, size.width, -1)


@needs_native
@settings(max_examples=300, deadline=None)
@given(case=CASES, size=SIZES, grid=GRIDS, mode=st.sampled_from(["bilinear", "nearest"]))
def test_all_kernels_equal_the_reference(
    case: dict[str, Any], size: Size, grid: Grid, mode: Any
) -> None:
    logits = scores(case)
    expected = everything(decode_reference, logits, size, grid, mode)
    for name in NATIVE:
        with using(name):
            found = everything(decode, logits, size, grid, mode)
        for output, values in expected.items():
            assert np.array_equal(found[output], values), (name, output)


@settings(max_examples=60)
@given(
    seed=st.integers(0, 2**32 - 1),
    height=st.integers(1, 24),
    width=st.integers(1, 24),
    classes=st.integers(1, 12),
    zoom=st.sampled_from([2, 5.3, 8, 16]),
)
def test_agrees_with_opencv(seed: int, height: int, width: int, classes: int, zoom: float) -> None:
    logits = smooth(np.random.default_rng(seed), height, width, classes)
    size = Size(round(width * zoom), round(height * zoom))
    chosen = decode(logits, size, Grid(width / size.width, height / size.height))
    values = opencv(logits, size)
    lost = values.max(axis=2) - np.take_along_axis(values, chosen[..., None], axis=2)[..., 0]
    # A position is off by at most 1/4096 cell, on two axes, for two classes of slope up to 254.
    assert lost.max() <= 4 * 254 / 4096


def test_agrees_with_opencv_on_a_frame_of_8_bit_scores() -> None:
    logits = np.round(smooth(np.random.default_rng(3), 48, 60, 11)).astype(np.int8)
    size = Size(1280, 720)
    agreeing = decode(logits, size, Grid(60 / 1280, 48 / 720)) == opencv(logits, size).argmax(
        axis=2
    )
    assert agreeing.mean() >= 0.999


@pytest.mark.parametrize("name", ["fcn8", "fcn8-m1", "fcn16", "fcn32"])
def test_agrees_with_opencv_on_what_networks_say(name: str) -> None:
    size = Size(1280, 720)
    frame, _ = render_street(3, 2.0, size)
    with open_segmenter(name) as segmenter:
        logits = segmenter.infer(segmenter.prepare(frame))[0]
    height, width = logits.shape[:2]
    chosen = decode(logits, size, Grid(width / size.width, height / size.height))
    assert (chosen == opencv(logits, size).argmax(axis=2)).mean() >= 0.9999


def test_a_frame_placed_inside_the_input_is_a_crop_of_the_whole() -> None:
    logits = smooth(np.random.default_rng(4), 12, 20, 7)
    placement = cast(Any, SimpleNamespace(x=16.0, y=24.0, width=128.0, height=40.0))
    grid = grid_for(Size(128, 40), placement, 8)
    whole = opencv(logits, Size(160, 96)).argmax(axis=2)
    agreeing = decode(logits, Size(128, 40), grid) == whole[24:64, 16:144]
    assert agreeing.mean() >= 0.999


def test_a_frame_larger_than_its_place_takes_the_same_part_of_the_scores() -> None:
    logits = smooth(np.random.default_rng(5), 12, 20, 7)
    placement = cast(Any, SimpleNamespace(x=0.0, y=12.0, width=160.0, height=72.0))
    frame = Size(640, 288)
    whole = opencv(logits, Size(640, 384)).argmax(axis=2)
    agreeing = decode(logits, frame, grid_for(frame, placement, 8)) == whole[48:336]
    assert agreeing.mean() >= 0.999


def test_ties_go_to_the_lowest_class() -> None:
    logits = np.zeros((3, 4, 5), np.int8)
    logits[..., 2] = logits[..., 4] = 9
    assert (decode(logits, Size(31, 17), Grid(4 / 31, 3 / 17)) == 2).all()


def test_full_size_scores_are_their_argmax() -> None:
    logits = np.random.default_rng(6).integers(-128, 128, (13, 17, 6)).astype(np.int8)
    for mode in ("bilinear", "nearest"):
        classes = decode(logits, Size(17, 13), Grid(1.0, 1.0), mode)  # type: ignore[arg-type]
        assert np.array_equal(classes, logits.argmax(axis=2))


def test_nearest_repeats_cells() -> None:
    logits = np.random.default_rng(7).integers(-128, 128, (3, 5, 6)).astype(np.int8)
    expected = logits.argmax(axis=2).repeat(4, axis=0).repeat(4, axis=1)
    assert np.array_equal(decode(logits, Size(20, 12), Grid(0.25, 0.25), "nearest"), expected)
    class_map = logits.argmax(axis=2)
    assert np.array_equal(decode_class_map(class_map, Size(20, 12), Grid(0.25, 0.25)), expected)


@pytest.mark.parametrize("dtype", [np.float16, np.float64, np.int16])
def test_other_types_are_decoded_as_float32(dtype: Any) -> None:
    logits = np.random.default_rng(8).integers(-500, 500, (6, 6, 4)).astype(dtype)
    grid = Grid(6 / 50, 6 / 40)
    expected = decode(logits.astype(np.float32), Size(50, 40), grid)
    assert np.array_equal(decode(logits, Size(50, 40), grid), expected)


def test_nan_never_wins_and_infinity_does() -> None:
    logits = np.zeros((2, 2, 3), np.float32)
    logits[..., 0], logits[..., 1], logits[..., 2] = np.nan, -1e30, -np.inf
    logits[0, 0, 2] = np.inf
    classes = decode(logits, Size(8, 8), Grid(0.25, 0.25))
    assert np.array_equal(classes, decode_reference(logits, Size(8, 8), Grid(0.25, 0.25)))
    assert classes[0, 0] == 2


@pytest.mark.parametrize(
    ("logits", "message"),
    [
        (np.zeros((2, 2), np.int8), r"shape \[2, 2\]"),
        (np.zeros((2, 0, 3), np.int8), r"shape \[2, 0, 3\]"),
        (np.zeros((2, 2, 257), np.int8), "1 to 256 classes"),
        (np.zeros((2, 2, 3), np.int64), "are int64"),
    ],
)
def test_scores_of_another_form_are_refused(logits: NDArray[Any], message: str) -> None:
    with pytest.raises(ModelError, match=message):
        decode(logits, Size(8, 8), Grid(0.25, 0.25))


@pytest.mark.parametrize(
    "classes", [np.zeros((2, 2, 1), np.int64), np.full((2, 2), 256), np.full((2, 2), -1)]
)
def test_class_maps_of_another_form_are_refused(classes: NDArray[Any]) -> None:
    with pytest.raises(ModelError, match="class map"):
        decode_class_map(classes, Size(8, 8), Grid(0.25, 0.25))


@pytest.mark.parametrize("name", kernels.available())
def test_outputs_go_where_they_are_asked_to(name: str) -> None:
    logits = np.random.default_rng(9).integers(-128, 128, (5, 6, 8)).astype(np.int8)
    size, grid = Size(50, 40), Grid(6 / 50, 5 / 40)
    room = np.full((40, 64), 200, np.uint8)
    margins = np.empty((80, 50), np.float32)[::2]
    with using(name):
        found = decode(logits, size, grid, into=room[:, 3:53], confidence=margins)
    assert np.array_equal(room[:, 3:53], decode(logits, size, grid))
    assert found.base is room
    assert (room[:, :3] == 200).all()
    assert (room[:, 53:] == 200).all()
    expected = np.empty((40, 50), np.float32)
    decode_reference(logits, size, grid, confidence=expected)
    assert np.array_equal(margins, expected)


def test_confidence_is_how_far_the_winner_is_ahead() -> None:
    logits = np.array([[[10, 3, 7], [10, 3, 7]], [[0, 90, 20], [0, 90, 20]]], np.int8)
    margins, steps = np.empty((2, 2), np.float32), np.empty((2, 2), np.uint8)
    decode(logits, Size(2, 2), Grid(1.0, 1.0), confidence=margins, confidence_scale=0.5)
    decode(logits, Size(2, 2), Grid(1.0, 1.0), confidence=steps, confidence_scale=8.0)
    assert margins.tolist() == [[1.5, 1.5], [35.0, 35.0]]
    assert steps.tolist() == [[24, 24], [255, 255]]


@pytest.mark.parametrize(
    ("outputs", "message"),
    [
        ({"into": np.empty((8, 9), np.uint8)}, r"into is uint8 \[8, 9\], expected uint8 \[8, 8\]"),
        ({"into": np.empty((8, 16), np.uint8)[:, ::2]}, "elements side by side"),
        ({"into": np.frombuffer(bytes(64), np.uint8).reshape(8, 8)}, "writable"),
        ({"confidence": np.empty((8, 8), np.float64)}, "expected float32 or uint8"),
        ({"confidence": np.empty((8, 8), np.uint8), "confidence_scale": 0.0}, "scale is 0.0"),
        ({"counts": np.empty(3, np.int64)}, r"counts is int64 \[3\], expected uint32 \[3\]"),
    ],
)
def test_outputs_of_another_form_are_refused(outputs: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        decode(np.zeros((2, 2, 3), np.int8), Size(8, 8), Grid(0.25, 0.25), **outputs)


def test_one_class_has_no_confidence() -> None:
    logits, room = np.zeros((2, 2, 1), np.int8), np.empty((8, 8), np.uint8)
    assert (decode(logits, Size(8, 8), Grid(0.25, 0.25)) == 0).all()
    with pytest.raises(ConfigError, match="no runner-up"):
        decode(logits, Size(8, 8), Grid(0.25, 0.25), confidence=room)


def test_geometry_that_makes_no_sense_is_refused() -> None:
    logits = np.zeros((2, 2, 3), np.int8)
    with pytest.raises(ConfigError, match="above 0"):
        Grid(0.0, 1.0)
    with pytest.raises(ConfigError, match="finite"):
        Grid(1.0, 1.0, float("nan"))
    with pytest.raises(ConfigError, match="0x8"):
        decode(logits, Size(0, 8), Grid(1.0, 1.0))
    with pytest.raises(ConfigError, match="cubic"):
        decode(logits, Size(8, 8), Grid(1.0, 1.0), "cubic")  # type: ignore[arg-type]
