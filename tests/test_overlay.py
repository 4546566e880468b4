"""Overlays: colours, blending, fitting, legend and status at any size."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from edgeseg.errors import ConfigError
from edgeseg.labels import STREET, palette_for
from edgeseg.loop import FrameResult
from edgeseg.manifest import Size
from edgeseg.overlay import Painter, colorize, fit, overlay
from edgeseg.panels import legend_panel, status_panel
from edgeseg.segmenter import StageTimes
from edgeseg.sources import Frame

ENTRIES = tuple(zip(STREET.names, STREET.palette, strict=True))


def result_of(size: Size, mask: NDArray[np.uint8] | None = None) -> FrameResult:
    pixels = np.full((size.height, size.width, 3), 90, np.uint8)
    if mask is None:
        mask = np.full(pixels.shape[:2], 3, np.uint8)
    frame = Frame(0, pixels, time.monotonic(), name="000000")
    return FrameResult(frame, mask, StageTimes(0, 0, 0), 12.0)


def test_colours_are_the_palettes_in_bgr() -> None:
    mask = np.array([[0, 1], [10, 200]], np.uint8)
    colors = colorize(mask, STREET.palette)
    assert colors[0, 0].tolist() == list(STREET.palette[0][::-1])
    assert colors[1, 0].tolist() == list(STREET.palette[10][::-1])
    assert colors[1, 1].tolist() == [0, 0, 0]


@pytest.mark.parametrize("alpha", [0.0, 0.3, 1.0])
def test_overlay_blends(alpha: float) -> None:
    rng = np.random.default_rng(1)
    frame = rng.integers(0, 256, (7, 5, 3), np.uint8)
    mask = rng.integers(0, 11, (7, 5), np.uint8)
    expected = frame * (1 - alpha) + colorize(mask, STREET.palette) * alpha
    assert np.abs(overlay(frame, mask, STREET.palette, alpha) - expected).max() <= 0.51


def test_contours_lie_on_the_left_and_upper_side_of_a_boundary() -> None:
    frame = np.zeros((5, 6, 3), np.uint8)
    mask = np.zeros((5, 6), np.uint8)
    mask[3:, 4:] = 1
    palette = ((10, 20, 30), (40, 50, 60))
    thin = overlay(frame, mask, palette, alpha=0, contour=1)
    lines = (thin != 0).any(axis=2)
    assert sorted(zip(*np.nonzero(lines), strict=True)) == [(2, 4), (2, 5), (3, 3), (4, 3)]
    assert thin[3, 3].tolist() == [30, 20, 10]
    wide = overlay(frame, mask, palette, alpha=0, contour=2, contour_color=(1, 2, 3))
    assert (wide[1:3, 4:] == (3, 2, 1)).all()
    assert (wide[3:, 2:4] == (3, 2, 1)).all()
    assert np.count_nonzero(wide.any(axis=2)) == 8


def test_overlay_in_place_and_of_parts_of_frames() -> None:
    rng = np.random.default_rng(3)
    frame = rng.integers(0, 256, (30, 40, 3), np.uint8)
    mask = rng.integers(0, 11, (30, 40), np.uint8)
    expected = overlay(frame, mask, STREET.palette, 0.4)
    part = (slice(3, 21), slice(5, 36))
    assert (overlay(frame[part], mask[part], STREET.palette, 0.4) == expected[part]).all()
    turned = overlay(frame[:, ::-1], mask[:, ::-1], STREET.palette, 0.4)
    assert (turned == expected[:, ::-1]).all()
    before = frame.copy()
    assert overlay(frame[part], mask[part], STREET.palette, 0.4, out=frame[part]).base is frame
    assert (frame[part] == expected[part]).all()
    frame[part] = before[part]
    assert (frame == before).all()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"alpha": 1.01}, "alpha is 1.01"),
        ({"alpha": float("nan")}, "alpha is nan"),
        ({"contour": 65}, "contour is 65"),
        ({"mask": np.zeros((7, 5), np.int64)}, "class map is int64"),
        ({"mask": np.zeros((7, 5, 1), np.uint8)}, "class map is uint8"),
        ({"frame": np.zeros((7, 6, 3), np.uint8)}, "frame is uint8"),
        ({"out": np.zeros((7, 5, 3), np.int8)}, "out is int8"),
        ({"out": np.zeros((7, 10, 3), np.uint8)[:, ::2]}, "side by side"),
    ],
)
def test_what_does_not_fit_is_named(change: dict[str, Any], message: str) -> None:
    arguments: dict[str, Any] = {
        "frame": np.zeros((7, 5, 3), np.uint8),
        "mask": np.zeros((7, 5), np.uint8),
        "palette": STREET.palette,
    }
    with pytest.raises(ConfigError, match=message):
        overlay(**(arguments | change))


def test_fit_keeps_the_aspect_ratio() -> None:
    white = np.full((100, 200, 3), 255, np.uint8)
    fitted = fit(white, Size(100, 100))
    assert fitted.shape == (100, 100, 3)
    assert fitted[:24].max() == 0
    assert fitted[76:].max() == 0
    assert fitted[26:74].min() == 255
    assert fit(white, Size(200, 100)) is white


@pytest.mark.parametrize(
    "size", [Size(320, 240), Size(640, 360), Size(1920, 1080), Size(360, 640), Size(2000, 150)]
)
def test_the_legend_fits_and_names_its_classes(size: Size) -> None:
    panel = legend_panel(ENTRIES, size)
    assert panel is not None
    height, width = panel.keep.shape[:2]
    assert height < size.height
    assert width < size.width
    for _, color in ENTRIES:  # every class has its square, opaque and in its own colour
        assert (np.abs(panel.color - color[::-1]).max(axis=2) < 1).any()


@pytest.mark.parametrize("size", [Size(1, 1), Size(16, 16), Size(64, 3)])
def test_frames_too_small_for_text_get_none(size: Size) -> None:
    assert legend_panel(ENTRIES, size) is None
    assert status_panel("25.0 fps", size) is None
    painter = Painter(STREET.names, STREET.palette, status=True)
    assert painter.paint(result_of(size)).shape == (size.height, size.width, 3)


def test_no_class_no_legend() -> None:
    assert legend_panel((), Size(640, 360)) is None


def test_text_covers_little_of_the_frame() -> None:
    size = Size(640, 360)
    plain = Painter(STREET.names, STREET.palette, legend=False).paint(result_of(size))
    full = Painter(STREET.names, STREET.palette, status=True).paint(result_of(size))
    changed = (plain != full).any(axis=2)
    assert 0.02 < changed.mean() < 0.15
    assert not changed[:, size.width // 2 :].any()


def test_many_classes_show_only_those_in_the_picture() -> None:
    names = tuple(f"class {index}" for index in range(150))
    size = Size(640, 360)
    mask = np.full((size.height, size.width), 7, np.uint8)
    mask[:100] = 149
    picture = Painter(names, palette_for(150), alpha=0).paint(result_of(size, mask))
    colors = {tuple(color) for color in picture.reshape(-1, 3).tolist()}
    palette = palette_for(150)
    assert palette[7][::-1] in colors
    assert palette[149][::-1] in colors
    assert palette[42][::-1] not in colors


def test_a_result_is_painted_once() -> None:
    painter = Painter(STREET.names, STREET.palette)
    result = result_of(Size(64, 48))
    assert painter.paint(result) is painter.paint(result)


def test_other_letters_do_no_harm() -> None:
    assert legend_panel((("Straße 道", (1, 2, 3)),), Size(640, 360)) is not None
