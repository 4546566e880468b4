"""Upsampling calls to try forms on, without a network around them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import pytest
from numpy.typing import NDArray

from edgeseg.converters.rewrite.form import Form
from edgeseg.converters.rewrite.sites import Site
from edgeseg.converters.rewrite.tents import diagonal_kernel

Array = NDArray[np.float32]


def noise(shape: tuple[int, ...], seed: int = 0) -> Array:
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


class Sites:
    """Makes sites; all shapes are height, width, channels."""

    @staticmethod
    def of(layer: Any, shape: tuple[int, int, int], *, winner_only: bool = False) -> Site:
        kind = getattr(layer, "interpolation", "transpose")
        before = (1, *shape)
        after = tuple(layer.compute_output_shape(before))
        return Site(f"decoder/{layer.name}", kind, layer, before, after, winner_only)

    def resized(
        self,
        factors: Any,
        shape: tuple[int, int, int],
        interpolation: str = "bilinear",
        *,
        winner_only: bool = False,
    ) -> Site:
        layer = keras.layers.UpSampling2D(factors, interpolation=interpolation)
        return self.of(layer, shape, winner_only=winner_only)

    def trained(
        self,
        taps: Any,
        strides: Any,
        shape: tuple[int, int, int],
        channels: int = 3,
        **options: Any,
    ) -> Site:
        """A transposed convolution with random weights."""
        layer = keras.layers.Conv2DTranspose(channels, taps, strides=strides, **options)
        layer.build((1, *shape))
        layer.set_weights([noise(weight.shape, 1) for weight in layer.get_weights()])
        return self.of(layer, shape)

    def bilinear(
        self,
        factors: tuple[int, int],
        shape: tuple[int, int, int],
        scale: Any = 1.0,
        bias: Any = None,
        *,
        winner_only: bool = False,
        **options: Any,
    ) -> Site:
        """A transposed convolution with a bilinear kernel; scale and bias by channel."""
        channels = shape[2]
        kernel = diagonal_kernel(factors, channels) * np.asarray(scale, np.float32)
        options = {"padding": "same", "use_bias": bias is not None, **options}
        layer = keras.layers.Conv2DTranspose(channels, kernel.shape[:2], strides=factors, **options)
        layer.build((1, *shape))
        weights = [kernel] if bias is None else [kernel, np.broadcast_to(bias, channels)]
        layer.set_weights(weights)
        return self.of(layer, shape, winner_only=winner_only)


def both(form: Form, site: Site, features: Array | None = None) -> tuple[Array, Array]:
    """Return what the site's layer and what the form make of features; noise if none are given."""
    x = keras.Input(batch_shape=site.input_shape)
    model = keras.Model(x, form.build(site, x))
    given = noise(site.input_shape) if features is None else features
    return np.asarray(site.layer(given)), np.asarray(model(given))


def error(form: Form, site: Site) -> float:
    """Return the largest error anywhere, border included, relative to the largest output."""
    want, got = both(form, site)
    assert got.shape == want.shape == site.output_shape
    return float(np.abs(got - want).max() / (np.abs(want).max() or 1.0))


@pytest.fixture(scope="session")
def sites() -> Sites:
    """Makes sites."""
    return Sites()


@pytest.fixture(scope="session")
def relative_error() -> Callable[[Form, Site], float]:
    """See error."""
    return error


@pytest.fixture(scope="session")
def side_by_side() -> Callable[..., tuple[Array, Array]]:
    """See both."""
    return both
