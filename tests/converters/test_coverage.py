"""What calibration did not cover is found and told."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from edgeseg.converters.coverage import clipped_layers, clipping_warnings, frame_warnings
from edgeseg.converters.export import export
from edgeseg.converters.frames import Images
from edgeseg.manifest import Size

pytestmark = pytest.mark.convert
SIZE = Size(64, 64)


def frames(brightest: float, count: int = 6) -> list[Any]:
    rng = np.random.default_rng(1)
    return [rng.uniform(-1, brightest, (1, 64, 64, 3)).astype(np.float32) for _ in range(count)]


@pytest.fixture(scope="module")
def exact(color_net: Any) -> bytes:
    return export(color_net(), SIZE, "float32", "float32", lambda: iter(()))


def quantized(color_net: Any, calibration: list[Any], precision: Any = "int8") -> bytes:
    def samples() -> Iterator[list[Any]]:
        return ([tensor] for tensor in calibration)

    return export(color_net(), SIZE, precision, "float32", samples)


@pytest.mark.parametrize("precision", ["int8", "int16x8"])
def test_held_out_frames_in_range_pass(color_net: Any, exact: bytes, precision: Any) -> None:
    file = quantized(color_net, frames(1.0, 12), precision)
    assert clipping_warnings(file, exact, frames(0.9), could_use_more=True) == ()
    assert clipped_layers(file, exact, frames(0.9))  # there was something to look at


@pytest.mark.parametrize("precision", ["int8", "int16x8"])
def test_brighter_frames_are_clipped_and_the_layers_named(
    color_net: Any, exact: bytes, precision: Any
) -> None:
    file = quantized(color_net, frames(0.2), precision)
    layers = clipped_layers(file, exact, frames(3.0))
    assert layers[0].share == max(layer.share for layer in layers) > 0.1
    assert layers[0].seen > layers[0].high > layers[0].low
    (warning,) = clipping_warnings(file, exact, frames(3.0), could_use_more=True)
    assert "held-out frames leave the calibrated ranges" in warning
    assert f"{layers[0].share:.1%} of {layers[0].name} {layers[0].op} (up to" in warning
    assert "add --calib-frames 400" in warning
    (alone,) = clipping_warnings(file, exact, frames(3.0), could_use_more=False)
    assert "--calib-frames" not in alone
    assert "--calib" in alone


def test_the_share_is_counted_in_values(color_net: Any, exact: bytes) -> None:
    """A frame of which a quarter is too bright clips about a quarter of the scores."""
    calm = [np.full((1, 64, 64, 3), level, np.float32) for level in (0.0, 0.5, 1.0)]
    file = quantized(color_net, calm)
    bright = np.zeros((1, 64, 64, 3), np.float32)
    bright[:, :32, :32] = 4.0
    scores = max(clipped_layers(file, exact, [bright]), key=lambda layer: layer.seen)
    assert 0.2 < scores.share < 0.3
    # Three layers add 0.15 each to what they average, and the scores are four times that.
    assert scores.seen == pytest.approx(4 * (4.0 + 3 * 0.15), rel=1e-3)


def test_one_frame_is_one_frame() -> None:
    pool = Images("images", [], {})
    (warning,) = frame_warnings([np.zeros(768, np.float32)], pool)
    assert warning.startswith("1 calibration frame leaves")
