"""prepare, colorize and overlay: every set of native kernels against NumPy, bit for bit."""

from __future__ import annotations

from typing import Any, get_args

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from edgeseg import kernels
from edgeseg.kernels_numpy_pictures import InputValues, Layout, Place, resized

NATIVE = kernels.available()[:-1]
pytestmark = pytest.mark.skipif(not NATIVE, reason="the native extension is not built")

SEEDS = st.integers(0, 2**32 - 1)
SIDES = st.one_of(st.integers(1, 12), st.integers(1, 150))
# Nearly all quantized models have the first, whose table has a kink where halves go to even.
VALUES = st.one_of(
    st.just(InputValues("int8", (127.5,) * 3, (127.5,) * 3, 0.007843137718737125, -1)),
    st.just(InputValues("float32", (123.68, 116.779, 103.939), (58.4, 57.12, 57.38), 0.0, 0)),
    st.builds(
        InputValues,
        dtype=st.sampled_from(["int8", "uint8", "int16", "float32"]),
        mean=st.tuples(*[st.floats(0, 255)] * 3),
        std=st.tuples(*[st.floats(1, 300)] * 3),
        scale=st.one_of(st.just(0.0), st.floats(0.001, 2)),
        zero_point=st.integers(0, 127),
    ),
)


def frame_of(layout: Layout, width: int, height: int, seed: int) -> NDArray[np.uint8]:
    """Noise, or one colour, in rows that lie apart; read-only."""
    random = np.random.default_rng(seed)
    if layout in ("yuyv", "nv12"):
        width, height = width + width % 2, height + height % 2
    rows = height * 3 // 2 if layout == "nv12" else height
    deep = {"bgr": (3,), "rgb": (3,), "yuyv": (2,)}.get(layout, ())
    whole = random.integers(0, 256, (rows + 2, width + 3, *deep), np.uint8)
    if seed % 4 == 0:
        whole[:] = random.integers(0, 256, deep, np.uint8)
    frame = whole[1:-1, 1:-2] if seed % 2 else np.ascontiguousarray(whole[1:-1, 1:-2])
    frame.flags.writeable = False
    return frame


@st.composite
def places(draw: st.DrawFn) -> tuple[tuple[int, int], Place]:
    """An input's height and width, and where in it the frame goes."""
    width, height = draw(SIDES), draw(SIDES)
    x, y = draw(st.integers(0, width - 1)), draw(st.integers(0, height - 1))
    if draw(st.booleans()):
        return (height, width), Place(0, 0, width, height)
    return (height, width), Place(
        x, y, draw(st.integers(1, width - x)), draw(st.integers(1, height - y))
    )


def each_result(
    monkeypatch: pytest.MonkeyPatch, run: Any, shape: tuple[int, ...], dtype: Any
) -> dict[str, NDArray[Any]]:
    results = {}
    for name in kernels.available():
        monkeypatch.setenv(kernels.ENVIRONMENT, name)
        # Guards around the output show writes beyond it.
        whole = np.full((shape[0] + 2, *shape[1:]), 77, dtype)
        run(whole[1:-1])
        assert (whole[[0, -1]] == 77).all()
        results[name] = whole[1:-1]
    return results


def assert_all_equal(results: dict[str, NDArray[Any]]) -> None:
    for name in NATIVE:
        np.testing.assert_array_equal(results[name], results["numpy"], err_msg=name)


@given(
    layout=st.sampled_from(get_args(Layout)),
    size=st.tuples(SIDES, SIDES),
    where=places(),
    values=VALUES,
    rgb=st.booleans(),
    seed=SEEDS,
)
@settings(max_examples=300, deadline=None)
def test_prepare(
    layout: Layout,
    size: tuple[int, int],
    where: tuple[tuple[int, int], Place],
    values: InputValues,
    rgb: bool,
    seed: int,
) -> None:
    frame = frame_of(layout, *size, seed)
    before = frame.copy()
    shape, place = where
    with pytest.MonkeyPatch.context() as monkeypatch:
        results = each_result(
            monkeypatch,
            lambda out: kernels.prepare(frame, layout, values, out, rgb=rgb, place=place),
            (*shape, 3),
            values.dtype,
        )
    assert_all_equal(results)
    assert (frame == before).all()


@pytest.mark.parametrize(
    ("width", "height", "to_width", "to_height"),
    [
        (1280, 720, 480, 352),
        (640, 480, 320, 240),
        (1, 1, 1, 1),
        (1, 1, 300, 200),
        (400, 3, 6, 3),  # few taps down, many across
        (3, 400, 3, 6),  # many down, few across
        (700, 700, 3, 2),
        (64, 64, 1, 1),
        (65, 65, 1, 1),
        (16384, 2, 2, 1),
    ],
)
def test_prepare_at_sizes_of_all_paths(
    width: int, height: int, to_width: int, to_height: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    values = InputValues("uint8", (0.0,) * 3, (1.0,) * 3, 0.0, 0)
    picture = np.random.default_rng(1).integers(0, 256, (height, width, 3), np.uint8)
    place = Place(0, 0, to_width, to_height)
    for frame in (picture, np.full_like(picture, 255)):
        results = each_result(
            monkeypatch,
            lambda out, frame=frame: kernels.prepare(
                frame, "bgr", values, out, rgb=False, place=place
            ),
            (to_height, to_width, 3),
            np.uint8,
        )
        assert_all_equal(results)
        shrinks = to_width <= width and to_height <= height
        how = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
        exact = cv2.resize(frame.astype(np.float64), (to_width, to_height), interpolation=how)
        assert np.abs(results["numpy"] - exact.reshape(results["numpy"].shape)).max() <= 0.6


def test_one_colour_stays_that_colour() -> None:
    for width, height in ((7, 5), (100, 90), (640, 2)):
        for value in range(256):
            frame = np.full((height, width, 3), value, np.uint8)
            for size in ((3, 2), (11, 9), (width, 1), (1, height)):
                assert (resized(frame, *size) == value).all()


@given(size=st.tuples(SIDES, SIDES), count=st.integers(1, 256), seed=SEEDS)
@settings(max_examples=60, deadline=None)
def test_colorize(size: tuple[int, int], count: int, seed: int) -> None:
    mask, palette = mask_of(size, seed), palette_of(count, seed)
    with pytest.MonkeyPatch.context() as monkeypatch:
        results = each_result(
            monkeypatch,
            lambda out: kernels.colorize(mask, palette, out),
            (*mask.shape, 3),
            np.uint8,
        )
    assert_all_equal(results)


@given(
    size=st.tuples(SIDES, SIDES),
    count=st.integers(1, 256),
    alpha=st.one_of(st.sampled_from([0.0, 0.5, 1.0]), st.floats(0, 1)),
    contour=st.sampled_from([0, 1, 2, 5, 64]),
    in_place=st.booleans(),
    seed=SEEDS,
)
@settings(max_examples=200, deadline=None)
def test_overlay(
    size: tuple[int, int], count: int, alpha: float, contour: int, in_place: bool, seed: int
) -> None:
    mask, palette = mask_of(size, seed), palette_of(count, seed)
    frame = frame_of("bgr", mask.shape[1], mask.shape[0], seed)
    lines = palette_of(256, seed + 1)

    def run(out: NDArray[np.uint8]) -> None:
        source = frame
        if in_place:
            out[:] = frame
            source = out
        kernels.overlay(source, mask, palette, alpha, out, contour=contour, contour_palette=lines)

    with pytest.MonkeyPatch.context() as monkeypatch:
        results = each_result(monkeypatch, run, frame.shape, np.uint8)
    assert_all_equal(results)


def mask_of(size: tuple[int, int], seed: int) -> NDArray[np.uint8]:
    """Classes in areas, as masks have them, or noise; read-only."""
    width, height = size
    cell = 1 + seed % 40
    cells = np.random.default_rng(seed).integers(
        0, 256, (-(-height // cell), -(-width // cell)), np.uint8
    )
    mask = np.repeat(np.repeat(cells, cell, axis=0), cell, axis=1)[:height, :width]
    mask.flags.writeable = False
    return mask


def palette_of(count: int, seed: int) -> NDArray[np.uint8]:
    return np.random.default_rng(seed).integers(0, 256, (count, 3), np.uint8)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"frame": np.zeros((4, 4), np.uint8)}, "frame has 2 dimensions, expected 3"),
        ({"frame": np.zeros((4, 4, 4), np.uint8)}, "frame has 4 channels, expected 3"),
        ({"frame": np.zeros((4, 4, 3), np.int8)}, "frame is not uint8"),
        ({"frame": np.zeros((4, 8, 3), np.uint8)[:, ::2]}, "frame's pixels lie apart"),
        ({"frame": np.zeros((0, 4, 3), np.uint8)}, "a side of 0"),
        ({"frame": np.zeros((4, 3, 2), np.uint8), "layout": "yuyv"}, "3 pixels wide"),
        ({"frame": np.zeros((4, 4), np.uint8), "layout": "nv12"}, "that of NV12"),
        ({"frame": np.zeros((3, 4), np.uint8), "layout": "nv12"}, None),
        ({"frame": np.zeros((3, 5), np.uint8), "layout": "nv12"}, "5 pixels wide"),
        ({"out": np.zeros((4, 4, 3), np.uint8)}, "out is not of the values' type"),
        ({"out": np.zeros((4, 4, 4), np.int8)}, r"not \[height, width, 3\]"),
        ({"place": Place(1, 0, 4, 4)}, "does not lie within"),
        ({"place": Place(0, 0, 4, 0)}, "does not lie within"),
        ({"place": Place(-1, 0, 4, 4)}, "does not lie within"),
        ({"values": InputValues("int8", (0.0,) * 3, (0.0,) * 3, 1.0, 0)}, "deviation 0"),
        ({"values": InputValues("int8", (0.0,) * 3, (1.0,) * 3, 1.0, 128)}, "zero_point is 128"),
        ({"values": InputValues("int8", (0.0,) * 3, (1.0,) * 3, np.inf, 0)}, "scale is inf"),
    ],
)
def test_native_prepare_checks_every_argument(
    change: dict[str, Any], message: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(kernels.ENVIRONMENT, raising=False)
    arguments: dict[str, Any] = {
        "frame": np.zeros((4, 4, 3), np.uint8),
        "layout": "bgr",
        "values": InputValues("int8", (0.0,) * 3, (1.0,) * 3, 1.0, 0),
        "out": np.zeros((4, 4, 3), np.int8),
        "rgb": False,
        "place": Place(0, 0, 4, 4),
    }
    if message is None:
        kernels.prepare(**(arguments | change))
        return
    with pytest.raises(ValueError, match=message):
        kernels.prepare(**(arguments | change))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"frame": np.zeros((4, 5, 3), np.uint8)}, "frame has not the mask's size"),
        ({"out": np.zeros((5, 4, 3), np.uint8)}, "out has not the mask's size"),
        ({"out": np.zeros((4, 4, 3), np.int8)}, "out is not uint8"),
        ({"mask": np.zeros((4, 4), np.int16)}, "mask is not uint8"),
        ({"mask": np.zeros((4, 8), np.uint8)[:, ::2]}, "mask's pixels lie apart"),
        ({"palette": np.zeros((257, 3), np.uint8)}, "257 colours, expected 0 to 256"),
        ({"palette": np.zeros((2, 4), np.uint8)}, "palette is not uint8"),
        ({"alpha": 1.5}, "alpha is 1.5, expected 0 to 1"),
        ({"alpha": float("nan")}, "alpha is nan"),
        ({"contour": -1}, "width is -1, expected 0 to 64"),
        ({"contour": 65}, "width is 65, expected 0 to 64"),
    ],
)
def test_native_overlay_checks_every_argument(
    change: dict[str, Any], message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(kernels.ENVIRONMENT, raising=False)
    arguments: dict[str, Any] = {
        "frame": np.zeros((4, 4, 3), np.uint8),
        "mask": np.zeros((4, 4), np.uint8),
        "palette": np.zeros((2, 3), np.uint8),
        "alpha": 0.5,
        "out": np.zeros((4, 4, 3), np.uint8),
        "contour": 1,
        "contour_palette": np.zeros((2, 3), np.uint8),
    }
    kernels.overlay(**arguments)
    with pytest.raises(ValueError, match=message):
        kernels.overlay(**(arguments | change))
