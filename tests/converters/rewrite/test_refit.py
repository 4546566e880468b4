"""Refitting finds what least squares finds, by the convolution that is worth its cost."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from edgeseg.converters.delegates.op import read_ops
from edgeseg.converters.export import export
from edgeseg.converters.rewrite.refit import REFIT, fit, fits, projected
from edgeseg.converters.rewrite.sites import Site
from edgeseg.manifest import Size

layers = keras.layers
Array = NDArray[Any]
HEIGHT, WIDTH = 8, 7


def site_of(layer: Any, channels: int) -> Site:
    """Return the layer on cells of the test's size, its weights random."""
    x = keras.Input(batch_shape=(1, HEIGHT, WIDTH, channels))
    y = layer(x)
    rng = np.random.default_rng(1)
    layer.set_weights([rng.normal(size=each.shape) for each in layer.get_weights()])
    return Site(layer.name, "transpose", layer, tuple(x.shape), tuple(y.shape))


def upward(taps: int, stride: int, padding: str = "same", out: int = 3, **more: Any) -> Any:
    return layers.Conv2DTranspose(out, taps, strides=stride, padding=padding, **more)


def with_kernel(site: Site, kernel: Array) -> Site:
    site.layer.set_weights([kernel, *site.layer.get_weights()[1:]])
    return site


def features(channels: int, frames: int = 3) -> list[NDArray[np.float32]]:
    shape = (frames, 1, HEIGHT, WIDTH, channels)
    return list(np.random.default_rng(2).normal(size=shape).astype(np.float32))


def line(taps: int, stride: int, moved: float = 0.0) -> Array:
    """Return bilinear taps, moved by some pixels."""
    return np.maximum(1 - np.abs(np.arange(taps) - (taps - 1) / 2 - moved) / stride, 0)


def mixed(taps: int, stride: int, mixing: Array, moved: float = 0.0) -> Array:
    """Return the kernel that mixes channels by [out, in] and resizes bilinearly."""
    along = line(taps, stride, moved)
    return np.asarray(np.outer(along, along)[:, :, None, None] * mixing)


def outputs(site: Site, build: Any, frame: Array) -> tuple[Array, Array]:
    x = keras.Input(batch_shape=site.input_shape)
    made = keras.Model(x, build(site, x))
    return np.asarray(site.layer(frame)), np.asarray(made(frame))


def off(old: Array, new: Array, border: int) -> float:
    inner = np.s_[:, border:-border, border:-border] if border else np.s_[:]
    return float(np.abs(new - old)[inner].max() / np.abs(old).max())


@settings(max_examples=12)
@given(
    stride=st.integers(2, 5),
    padding=st.sampled_from(["same", "valid"]),
    channels=st.integers(1, 4),
    out=st.integers(1, 4),
    bias=st.booleans(),
    seed=st.integers(0, 99),
)
def test_a_bilinear_kernel_on_mixed_channels_is_found_exactly(
    stride: int, padding: str, channels: int, out: int, bias: bool, seed: int
) -> None:
    taps = 2 * stride - stride % 2
    site = site_of(upward(taps, stride, padding, out, use_bias=bias), channels)
    mixing = np.random.default_rng(seed).normal(size=(out, channels))
    with_kernel(site, mixed(taps, stride, mixing))
    fitted = fit(site, features(channels))
    assert fitted.convolution == "1x1 convolution"
    assert fitted.residual is not None
    assert fitted.residual.interior < 1e-5
    for build in (fitted, projected(site)):
        old, new = outputs(site, build, features(channels)[0])
        # A 'valid' one fades beyond the cells, as zeros resized do: it is exact to the edge.
        assert off(old, new, stride if padding == "same" else 0) < 1e-5
    assert (fitted.residual.border > 0.05) is (padding == "same")


def least_squares(site: Site, taps: int) -> tuple[Array, float]:
    """Solve it pixel by pixel; return the weights and what is left, relative, of the interior."""
    stride = site.stride[0]
    resize = layers.UpSampling2D(stride, interpolation="bilinear")
    reach = max(stride + stride // 2, site.layer.kernel_size[0] - stride)
    inner = np.s_[0, reach:-reach, reach:-reach]
    seen, met = [], []
    for frame in features(site.input_shape[3]):
        around = np.pad(frame, ((0, 0), (1, 1), (1, 1), (0, 0)))
        places = [(1, 1)] if taps == 1 else [(y, x) for y in range(3) for x in range(3)]
        parts = [around[:, y : y + HEIGHT, x : x + WIDTH] for y, x in places]
        pixels = np.asarray(resize(np.concatenate(parts, -1)))[inner]
        seen.append(pixels.reshape(-1, pixels.shape[-1]))
        met.append(np.asarray(site.layer(frame))[inner].reshape(-1, site.output_shape[3]))
    regressors = np.concatenate(seen).astype(np.float64)
    regressors = np.pad(regressors, ((0, 0), (0, 1)), constant_values=1)
    target = np.concatenate(met).astype(np.float64)
    found = np.linalg.lstsq(regressors, target, rcond=None)[0]
    left = np.square(target - regressors @ found).sum() / np.square(target).sum()
    return found, float(np.sqrt(left))


def scattered() -> Array:
    """Return a kernel that moves each pair of channels elsewhere."""
    rng = np.random.default_rng(3)
    kernel = np.zeros((4, 4, 3, 2))
    for out, channel in np.ndindex(3, 2):
        down, across = (line(4, 2, rng.uniform(-1.5, 1.5)) for _ in range(2))
        kernel[:, :, out, channel] = np.outer(down, across) * rng.normal()
    return kernel


def test_noise_is_left_over_as_numpy_finds_it() -> None:
    noise = 0.2 * np.random.default_rng(0).normal(size=(8, 8, 3, 2))
    kernel = mixed(8, 4, np.random.default_rng(1).normal(size=(3, 2))) + noise
    site = with_kernel(site_of(upward(8, 4), 2), kernel)
    weights, left = least_squares(site, 1)
    fitted = fit(site, features(2))
    assert fitted.convolution == "1x1 convolution"
    assert fitted.residual is not None
    assert fitted.residual.interior == pytest.approx(left, rel=1e-3)
    assert 0.1 < left < 0.9
    kernel, bias = fitted.steps[0].kernel, fitted.steps[0].bias  # type: ignore[attr-defined]
    np.testing.assert_allclose([*kernel[0, 0], bias], weights, atol=1e-3)


def test_a_moved_kernel_takes_a_depthwise_convolution() -> None:
    mixing = np.random.default_rng(1).normal(size=(3, 2))
    site = with_kernel(site_of(upward(12, 4), 2), mixed(12, 4, mixing, moved=2))
    fitted = fit(site, features(2))
    assert fitted.convolution == "3x3 depthwise and 1x1 convolution"
    assert fitted.residual is not None
    _, pointwise = least_squares(site, 1)
    _, whole = least_squares(site, 9)
    assert whole <= fitted.residual.interior + 1e-6
    assert fitted.residual.interior < 1.05 * whole < 0.7 * pointwise


def test_channels_that_move_apart_take_a_whole_convolution() -> None:
    site = with_kernel(site_of(upward(4, 2), 2), scattered())
    fitted = fit(site, features(2))
    _, left = least_squares(site, 9)
    assert fitted.convolution == "3x3 convolution"
    assert fitted.residual is not None
    assert fitted.residual.interior == pytest.approx(left, rel=1e-3)


@settings(max_examples=8)
@given(
    taps=st.integers(1, 7),
    stride=st.integers(2, 4),
    padding=st.sampled_from(["same", "valid"]),
)
def test_what_is_reported_is_what_the_layers_leave(taps: int, stride: int, padding: str) -> None:
    site = site_of(upward(taps, stride, padding), 2)
    fitted = fit(site, features(2))
    assert fitted.residual is not None
    old, new = (
        np.concatenate(parts)
        for parts in zip(*(outputs(site, fitted, each) for each in features(2)), strict=True)
    )
    reach = max(stride + stride // 2, taps - stride)
    inner = np.zeros(old.shape, bool)
    inner[:, reach:-reach, reach:-reach] = True
    for part, told in ((inner, fitted.residual.interior), (~inner, fitted.residual.border)):
        left = np.square(new - old)[part].sum() / np.square(old)[part].sum()
        assert told == pytest.approx(np.sqrt(left), rel=1e-3)


def test_a_channel_that_is_silent_on_the_frames_stays_as_projected() -> None:
    site = site_of(upward(4, 2), 3)
    frames = features(3)
    for frame in frames:
        frame[..., 1] = 0
    kernel, plain = (
        build.steps[0].kernel  # type: ignore[attr-defined]
        for build in (fit(site, frames), projected(site))
    )
    rows = kernel.reshape(-1, *kernel.shape[2:])
    np.testing.assert_allclose(rows.sum(axis=0)[1], plain[0, 0, 1], rtol=1e-3)


def test_the_activation_comes_behind_the_resize() -> None:
    site = site_of(upward(8, 4, activation="relu"), 2)
    with_kernel(site, mixed(8, 4, np.random.default_rng(1).normal(size=(3, 2))))
    old, new = outputs(site, fit(site, features(2)), features(2)[0])
    assert old.min() == 0
    assert off(old, new, 4) < 1e-5


@pytest.mark.parametrize("padding", ["same", "valid"])
@pytest.mark.parametrize("precision", ["float32", "int8"])
def test_the_operators_are_those_of_the_file(padding: str, precision: Any) -> None:
    site = site_of(upward(4, 2, padding, activation="relu"), 3)

    def frames() -> Iterator[list[NDArray[np.float32]]]:
        for frame in features(3):
            yield [frame]

    x = keras.Input(batch_shape=site.input_shape)
    model = keras.Model(x, projected(site)(site, x))
    ops = read_ops(export(model, Size(WIDTH, HEIGHT), precision, precision, frames))
    told = REFIT.ops(site, precision)
    assert [(op.name, op.version, op.output.shape) for op in ops] == [
        (op.name, op.version, op.output.shape) for op in told
    ]


def test_what_cannot_be_refitted_is_told() -> None:
    for layer, reason in (
        (upward(3, 1, dilation_rate=2), "dilated"),
        (upward(3, 2, output_padding=1), "output padding"),
        (upward(3, 1), "enlarges nothing"),
    ):
        assert reason in fits(site_of(layer, 2))
    resize = layers.UpSampling2D(2)
    assert "no kernel" in fits(Site("up", "nearest", resize, (1, 4, 4, 2), (1, 8, 8, 2)))
    assert fits(site_of(upward(4, 2), 2)) == ""
