"""Frame to input tensor: geometry, and values against a float reference."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from edgeseg.errors import ConfigError, ModelError, SourceError
from edgeseg.kernels_numpy_pictures import Layout
from edgeseg.manifest import Preparation, Resize, Size
from edgeseg.prepare import place, prepare
from edgeseg.runtimes import TensorSpec

SIDES = st.integers(1, 40)
SIZES = st.builds(Size, SIDES, SIDES)
MEANS = st.tuples(*[st.floats(0, 255)] * 3)
STDS = st.tuples(*[st.floats(1, 300)] * 3)
PREPARATIONS = st.builds(
    Preparation,
    size=SIZES,
    color=st.sampled_from(["rgb", "bgr"]),
    mean=MEANS,
    std=STDS,
    resize=st.sampled_from(["stretch", "letterbox"]),
)


def spec_for(preparation: Preparation, dtype: str, scale: float = 0.0, zero: int = 0) -> TensorSpec:
    width, height = preparation.size
    return TensorSpec((1, height, width, 3), dtype, scale, zero)


def noise(size: Size, seed: int = 0) -> NDArray[np.uint8]:
    return np.random.default_rng(seed).integers(0, 256, (size.height, size.width, 3), np.uint8)


def float_reference(frame: NDArray[np.uint8], preparation: Preparation) -> NDArray[np.float64]:
    """The definition, in float64 and without tables: resize, order, normalise, pad with zero."""
    place_ = place(Size(frame.shape[1], frame.shape[0]), preparation)
    inner = (int(place_.width), int(place_.height))
    shrinks = inner[0] <= frame.shape[1] and inner[1] <= frame.shape[0]
    resized = cv2.resize(
        frame.astype(np.float64),
        inner,
        interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR,
    ).reshape(inner[1], inner[0], 3)
    ordered = resized[..., ::-1] if preparation.color == "rgb" else resized
    values = (ordered - np.array(preparation.mean)) / np.array(preparation.std)
    result = np.zeros((1, preparation.size.height, preparation.size.width, 3))
    x, y = int(place_.x), int(place_.y)
    result[0, y : y + inner[1], x : x + inner[0]] = values
    return result


@given(frame=SIZES, preparation=PREPARATIONS, seed=st.integers(0, 99))
@settings(max_examples=150, deadline=None)
def test_float_tensor_is_the_reference_to_a_pixel_step(
    frame: Size, preparation: Preparation, seed: int
) -> None:
    picture = noise(frame, seed)
    tensor = prepare(picture, preparation, spec_for(preparation, "float32"))
    # The picture is resized to 8 bits: half a step by rounding, and a tenth by fixed-point sums.
    step = 0.6 / min(preparation.std)
    assert tensor.dtype == np.float32
    np.testing.assert_allclose(tensor, float_reference(picture, preparation), atol=step)


@given(
    frame=SIZES,
    preparation=PREPARATIONS,
    dtype=st.sampled_from(["int8", "uint8"]),
    scale=st.floats(0.004, 2.0),
    zero=st.integers(-128, 127),
)
@settings(max_examples=150, deadline=None)
def test_integer_tensor_is_the_quantized_float_tensor(
    frame: Size, preparation: Preparation, dtype: str, scale: float, zero: int
) -> None:
    zero += 128 if dtype == "uint8" else 0
    picture = noise(frame)
    tensor = prepare(picture, preparation, spec_for(preparation, dtype, scale, zero))
    values = prepare(picture, preparation, spec_for(preparation, "float32"))
    limits = np.iinfo(dtype)
    expected = np.clip(np.rint(values.astype(np.float64) / scale) + zero, limits.min, limits.max)
    assert tensor.dtype == dtype
    # float32 and float64 values may round to neighbours.
    assert np.abs(tensor - expected).max() <= 1


def test_usual_int8_input_is_within_one_step_of_the_float_reference() -> None:
    preparation = Preparation(Size(31, 17))
    picture = noise(Size(97, 63))
    tensor = prepare(picture, preparation, spec_for(preparation, "int8", 1 / 127.5, -1))
    real = (tensor.astype(np.float64) + 1) / 127.5
    # Half a step by rounding pixels, half by rounding their values, and a little by 16-bit sums.
    assert np.abs(real - float_reference(picture, preparation)).max() <= 1.05 / 127.5


@given(frame=SIZES, size=SIZES, seed=st.integers(0, 99))
@settings(max_examples=150, deadline=None)
def test_usual_int8_input_is_within_one_step_of_opencv(frame: Size, size: Size, seed: int) -> None:
    preparation = Preparation(size)
    picture = noise(frame, seed)
    spec = spec_for(preparation, "int8", 0.007843137718737125, -1)
    shrinks = size.width <= frame.width and size.height <= frame.height
    how = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    resized = cv2.resize(picture, size, interpolation=how).reshape(*size[::-1], 3)[..., ::-1]
    expected = np.rint((resized - 127.5) / 127.5 / spec.scale) + spec.zero_point
    tensor = prepare(picture, preparation, spec)[0]
    assert np.abs(tensor - expected).max() <= 1


def test_int16_uses_its_range() -> None:
    preparation = Preparation(Size(3, 2))
    picture = np.full((2, 3, 3), 255, np.uint8)
    tensor = prepare(picture, preparation, spec_for(preparation, "int16", 1 / 32767))
    assert (tensor == 32767).all()


def test_uint8_without_scale_takes_the_pixels_as_they_are() -> None:
    preparation = Preparation(Size(5, 4), color="bgr", mean=(0.0,) * 3, std=(1.0,) * 3)
    picture = noise(Size(5, 4))
    assert (prepare(picture, preparation, spec_for(preparation, "uint8"))[0] == picture).all()


def test_colour_order_and_each_channels_own_mean() -> None:
    red = np.zeros((2, 2, 3), np.uint8)
    red[..., 2] = 200
    preparation = Preparation(Size(2, 2), "rgb", (100.0, 10.0, 1.0), (2.0, 1.0, 1.0))
    tensor = prepare(red, preparation, spec_for(preparation, "float32"))
    assert tensor[0, 0, 0].tolist() == [50.0, -10.0, -1.0]


@given(frame=SIZES, size=SIZES)
def test_letterbox_keeps_the_aspect_ratio_and_is_centred(frame: Size, size: Size) -> None:
    where = place(frame, Preparation(size, resize="letterbox"))
    assert 1 <= where.width <= size.width
    assert 1 <= where.height <= size.height
    # One side is filled; the other is off by half a pixel at most.
    assert where.width == size.width or where.height == size.height
    ratio = min(size.width / frame.width, size.height / frame.height)
    assert where.width == pytest.approx(max(1, frame.width * ratio), abs=0.501)
    assert where.height == pytest.approx(max(1, frame.height * ratio), abs=0.501)
    assert 0 <= (size.width - where.width) - 2 * where.x <= 1
    assert 0 <= (size.height - where.height) - 2 * where.y <= 1


@given(frame=SIZES, size=SIZES)
def test_stretch_fills_the_input(frame: Size, size: Size) -> None:
    where = place(frame, Preparation(size))
    assert (where.x, where.y, where.width, where.height) == (0, 0, *size)


def test_letterbox_borders_hold_the_mean() -> None:
    preparation = Preparation(Size(8, 8), resize="letterbox")
    tensor = prepare(noise(Size(16, 8)), preparation, spec_for(preparation, "int8", 0.01, 7))
    assert (tensor[0, [0, 1, 6, 7]] == 7).all()
    assert not (tensor[0, 2:6] == 7).all()


@pytest.mark.parametrize("resize", ["stretch", "letterbox"])
def test_out_is_filled_whole_and_returned(resize: Resize) -> None:
    preparation = Preparation(Size(9, 5), resize=resize)
    spec = spec_for(preparation, "int8", 0.01, 3)
    out = np.full(spec.shape, 99, np.int8)
    picture = noise(Size(20, 30))
    assert prepare(picture, preparation, spec, out) is out
    assert (out == prepare(picture, preparation, spec)).all()


def test_grey_and_bgra_frames_are_converted() -> None:
    preparation = Preparation(Size(6, 4))
    spec = spec_for(preparation, "float32")
    grey = noise(Size(12, 8))[..., 0]
    as_bgr = np.repeat(grey[..., None], 3, axis=2)
    bgra = np.concatenate([as_bgr, np.full_like(grey, 9)[..., None]], axis=2)
    expected = prepare(as_bgr, preparation, spec)
    for frame in (grey, grey[..., None], bgra):
        assert (prepare(frame, preparation, spec) == expected).all()


CAMERA = {"yuyv": cv2.COLOR_YUV2BGR_YUYV, "nv12": cv2.COLOR_YUV2BGR_NV12}


def camera_frame(layout: str, width: int, height: int) -> NDArray[np.uint8]:
    shape = (height, width, 2) if layout == "yuyv" else (height * 3 // 2, width)
    return np.random.default_rng(5).integers(0, 256, shape, np.uint8)


@pytest.mark.parametrize("layout", ["yuyv", "nv12"])
@pytest.mark.parametrize("resize", ["stretch", "letterbox"])
@pytest.mark.parametrize("size", [Size(40, 30), Size(16, 10), Size(61, 47)])
def test_camera_layouts_are_what_opencv_converts_them_to(
    layout: Layout, resize: Resize, size: Size
) -> None:
    preparation = Preparation(size, resize=resize)
    spec = spec_for(preparation, "int8", 1 / 127.5, -1)
    frame = camera_frame(layout, 40, 30)
    expected = prepare(cv2.cvtColor(frame, CAMERA[layout]), preparation, spec)
    assert (prepare(frame, preparation, spec, layout=layout) == expected).all()


def test_rgb_frames_are_bgr_frames_turned_around() -> None:
    preparation = Preparation(Size(6, 4), mean=(1.0, 2.0, 3.0))
    spec = spec_for(preparation, "float32")
    frame = noise(Size(12, 9))
    expected = prepare(frame, preparation, spec)
    assert (prepare(frame[..., ::-1], preparation, spec, layout="rgb") == expected).all()


@pytest.mark.parametrize(
    ("layout", "shape"),
    [
        ("rgb", (4, 4)),
        ("grey", (4, 4, 1)),
        ("yuyv", (4, 5, 2)),
        ("yuyv", (4, 4, 3)),
        ("nv12", (7, 4)),
        ("nv12", (6, 5)),
        ("nv12", (6, 4, 1)),
    ],
)
def test_frames_of_another_shape_than_their_layouts_are_named(
    layout: Layout, shape: tuple[int, ...]
) -> None:
    preparation = Preparation(Size(6, 4))
    with pytest.raises(SourceError, match="expected uint8"):
        prepare(
            np.zeros(shape, np.uint8), preparation, spec_for(preparation, "int8"), layout=layout
        )


def test_unknown_layouts_are_named() -> None:
    preparation = Preparation(Size(6, 4))
    with pytest.raises(ConfigError, match="one of bgr, rgb, grey, yuyv, nv12, not 'uyvy'"):
        prepare(
            noise(Size(6, 4)),
            preparation,
            spec_for(preparation, "int8"),
            layout="uyvy",  # type: ignore[arg-type]
        )


def test_views_of_larger_frames_work() -> None:
    preparation = Preparation(Size(6, 4), color="bgr")
    spec = spec_for(preparation, "float32")
    frame = noise(Size(12, 8))
    for view in (frame[::-1], frame[:, ::-1], frame[2:6, 3:9], frame[::2, ::2]):
        expected = prepare(np.ascontiguousarray(view), preparation, spec)
        assert (prepare(view, preparation, spec) == expected).all()


@pytest.mark.parametrize(
    "frame",
    [
        np.zeros((4, 4, 3), np.uint16),
        np.zeros((4, 4, 3), np.float32),
        np.zeros((4, 4, 2), np.uint8),
        np.zeros((0, 4, 3), np.uint8),
        np.zeros((4,), np.uint8),
        np.zeros((1, 4, 4, 3), np.uint8),
    ],
)
def test_what_is_no_picture_is_named(frame: NDArray[Any]) -> None:
    preparation = Preparation(Size(6, 4))
    with pytest.raises(SourceError, match="expected uint8"):
        prepare(frame, preparation, spec_for(preparation, "float32"))


@pytest.mark.parametrize(
    "spec",
    [
        TensorSpec((1, 6, 4, 3), "float32"),
        TensorSpec((4, 6, 3), "float32"),
        TensorSpec((1, 4, 6, 1), "float32"),
        TensorSpec((1, 4, 6, 3), "int32"),
    ],
)
def test_a_tensor_that_holds_no_such_picture_is_named(spec: TensorSpec) -> None:
    with pytest.raises(ModelError, match="6x4"):
        prepare(noise(Size(6, 4)), Preparation(Size(6, 4)), spec)


def test_an_unfit_out_is_refused() -> None:
    preparation = Preparation(Size(6, 4))
    out = np.zeros((1, 4, 6, 3), np.float64)
    with pytest.raises(ModelError, match="out is float64"):
        prepare(noise(Size(6, 4)), preparation, spec_for(preparation, "float32"), out)
