"""What is said of a swap is what the swap does: errors, and how far edges move."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest

from edgeseg.converters.rewrite.forms import form
from edgeseg.converters.rewrite.sites import Site
from edgeseg.converters.swaps import describe_layer, measure
from edgeseg.fcn import bilinear_kernel

SHAPE = (1, 12, 10, 3)


def transposed(stride: int, kernel: Any = None) -> Site:
    """A transposed convolution as a site; bilinear without a kernel."""
    layer = keras.layers.Conv2DTranspose(
        3, 2 * stride, strides=stride, padding="same", use_bias=False, name="up"
    )
    layer(keras.Input(batch_shape=SHAPE))
    layer.set_weights([bilinear_kernel(stride, 3) if kernel is None else kernel])
    _, height, width, channels = SHAPE
    return Site("up", "transpose", layer, SHAPE, (1, stride * height, stride * width, channels))


def features(count: int = 3) -> list[Any]:
    rng = np.random.default_rng(0)
    return [rng.normal(size=SHAPE).astype(np.float32) for _ in range(count)]


def test_an_exact_form_has_no_error_and_no_shift() -> None:
    rng = np.random.default_rng(1)
    site = transposed(4, rng.normal(size=(8, 8, 3, 3)).astype(np.float32))
    found = measure(site, form("subpixel").build, features())
    assert found.largest < 1e-5
    assert found.shift_px == 0


def test_a_plain_resize_errs_at_the_border_only() -> None:
    found = measure(transposed(4), form("bilinear").build, features())
    assert found.max_interior < 1e-5
    assert found.max_border > 0.1
    assert found.shift_px == 0


def test_errors_are_relative_to_the_old_layer() -> None:
    site = transposed(2)

    def louder(site: Site, inputs: Any) -> Any:
        return site.layer(inputs) * 1.25

    found = measure(site, louder, features())
    assert found.rms_interior == pytest.approx(0.25 * _share(site, inner=True), rel=1e-4)
    assert found.largest == pytest.approx(0.25, rel=1e-4)


def _share(site: Site, *, inner: bool) -> float:
    """The rms of a part of the old output, relative to the whole."""
    outputs = np.concatenate([np.asarray(site.layer(frame)) for frame in features()])
    down, across = site.stride
    part = outputs[:, down:-down, across:-across] if inner else outputs
    return float(np.sqrt((part**2).mean() / (outputs**2).mean()))


@pytest.mark.parametrize("pixels", [1, 2, 3])
def test_a_shift_by_whole_pixels_is_found(pixels: int) -> None:
    def moved(site: Site, inputs: Any) -> Any:
        return keras.ops.roll(site.layer(inputs), pixels, axis=2)

    assert measure(transposed(8), moved, features()).shift_px == pytest.approx(pixels, abs=0.02)


@pytest.mark.parametrize("part", [0.1, 0.25, 0.5])
def test_a_shift_by_part_of_a_pixel_is_found(part: float) -> None:
    def moved(site: Site, inputs: Any) -> Any:
        plain = site.layer(inputs)
        return (1 - part) * plain + part * keras.ops.roll(plain, 1, axis=1)

    assert measure(transposed(8), moved, features()).shift_px == pytest.approx(part, abs=0.02)


def test_a_form_that_bends_ramps_moves_no_edge() -> None:
    found = measure(transposed(8), form("bilinear-chain").build, features())
    assert found.rms_interior > 0.01
    assert found.shift_px <= 0.01


@pytest.mark.parametrize("sides", [(2, 3), (1, 1), (3, 2)])
def test_small_features_have_shifts_too(sides: tuple[int, int]) -> None:
    shape = (1, *sides, 3)
    layer = keras.layers.UpSampling2D(2, interpolation="bilinear", name="up")
    site = Site("up", "bilinear", layer, shape, (1, 2 * sides[0], 2 * sides[1], 3))
    rng = np.random.default_rng(2)
    small = [rng.normal(size=shape).astype(np.float32)]
    assert measure(site, form("transpose").build, small).shift_px < 0.01


def test_layers_are_told_by_kind_kernel_and_factor() -> None:
    assert describe_layer(transposed(8)) == "transposed convolution 16x16, stride 8"
