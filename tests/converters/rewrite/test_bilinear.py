"""Forms of bilinear upsampling: exact where they say so, and refused in words elsewhere."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgeseg.converters.rewrite.forms import FORMS, form
from edgeseg.converters.rewrite.tail import bilinear_plane
from edgeseg.converters.rewrite.tents import gain
from edgeseg.converters.rewrite.transposed import line_of, tent
from edgeseg.errors import ConfigError

CLOSE = 1e-5
EVERYWHERE = ("bilinear-smooth", "bilinear-legacy", "bilinear-align")
OF_TRANSPOSED = ("bilinear-padded", "bilinear-gain", "subpixel", "subpixel-reshape", *EVERYWHERE)
OF_RESIZES = ("bilinear-subpixel", "bilinear-subpixel-reshape", "transpose", *EVERYWHERE)

factor = st.one_of(st.integers(1, 7), st.sampled_from([8, 12, 16]))
factors = st.tuples(factor, factor).filter(lambda pair: pair != (1, 1))
cells = st.tuples(st.integers(1, 5), st.integers(1, 5))


@settings(max_examples=15)
@given(
    factors=factors,
    cells=cells,
    scale=st.lists(st.sampled_from([-1.5, 0.0, 0.5, 1.0, 2.0]), min_size=2, max_size=2),
    bias=st.sampled_from([None, 0.25, [1.0, -2.0]]),
    activation=st.sampled_from([None, "relu", "sigmoid", "softmax"]),
)
def test_exact_forms_of_a_bilinear_kernel_are_exact_to_the_border(
    factors: Any,
    cells: Any,
    scale: Any,
    bias: Any,
    activation: Any,
    sites: Any,
    relative_error: Any,
) -> None:
    site = sites.bilinear(factors, (*cells, 2), scale, bias, activation=activation)
    fitting = [one for one in FORMS if one.exact and one.name != "keep" and not one.fits(site)]
    if any(scale):
        assert [one.name for one in fitting] == [
            one.name for one in FORMS if one.name in OF_TRANSPOSED
        ]
    for one in fitting:
        assert relative_error(one, site) < CLOSE, one.name


@settings(max_examples=15)
@given(factors=factors, cells=cells, channels=st.integers(1, 3))
def test_exact_forms_of_a_resize_are_exact_to_the_border(
    factors: Any, cells: Any, channels: int, sites: Any, relative_error: Any
) -> None:
    site = sites.resized(factors, (*cells, channels))
    fitting = [one for one in FORMS if one.exact and one.name != "keep" and not one.fits(site)]
    assert {one.name for one in fitting} == set(OF_RESIZES)
    for one in fitting:
        assert relative_error(one, site) < CLOSE, one.name


@pytest.mark.parametrize("factors", [(2, 2), (3, 3), (8, 8), (4, 2)])
def test_valid_padding_is_an_interpolation_too(
    factors: Any, sites: Any, relative_error: Any
) -> None:
    site = sites.bilinear(factors, (4, 5, 2), padding="valid")
    assert form("bilinear-padded").fits(site) == ""
    assert relative_error(form("bilinear-padded"), site) < CLOSE
    assert form("bilinear-gain").fits(site)


@pytest.mark.parametrize("stride", [2, 3, 8])
def test_where_only_the_winner_counts_no_border_is_needed(
    stride: int, sites: Any, side_by_side: Any
) -> None:
    site = sites.bilinear((stride, stride), (5, 4, 3), 2.5, 0.5, winner_only=True)
    assert form("bilinear").fits(site) == ""
    want, got = side_by_side(form("bilinear"), site)
    inner = np.s_[:, stride:-stride, stride:-stride]
    np.testing.assert_allclose(got[inner], want[inner], atol=1e-5)
    np.testing.assert_array_equal(got.argmax(-1), want.argmax(-1))
    assert np.abs(got - want).max() > 0.01  # the border differs: it is the winner that does not


@pytest.mark.parametrize("stride", [2, 5, 8])
def test_a_fixed_transposed_convolution_fades_where_only_the_winner_counts(
    stride: int, sites: Any, side_by_side: Any
) -> None:
    site = sites.resized(stride, (5, 4, 3), winner_only=True)
    (made,) = form("transpose").ops(site, "float32")
    assert (made.name, made.version) == ("TRANSPOSE_CONV", 1)  # what Core ML takes
    want, got = side_by_side(form("transpose"), site)
    np.testing.assert_array_equal(got.argmax(-1), want.argmax(-1))
    faded = want * gain((5, 4), (stride, stride))
    np.testing.assert_allclose(got, faded, atol=1e-5)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"winner_only": False}, "more than the winner"),
        ({"scale": [1.0, 2.0]}, "differs by channel"),
        ({"scale": -1.0}, "not positive"),
        ({"bias": [0.0, 1.0]}, "bias differs"),
        ({"activation": "relu6"}, "activation can change the winner"),
        ({"padding": "valid"}, "not its input times the stride"),
    ],
)
def test_a_plain_resize_is_refused_where_the_border_counts(
    change: dict[str, Any], words: str, sites: Any
) -> None:
    given = {"scale": 1.0, "winner_only": True, **change}
    site = sites.bilinear((4, 4), (3, 3, 2), **given)
    assert words in form("bilinear").fits(site)


def test_a_kernel_that_is_nearly_bilinear_is_refused(sites: Any) -> None:
    site = sites.bilinear((4, 4), (3, 3, 2), winner_only=True)
    kernel = site.layer.get_weights()[0]
    kernel[3, 3, 0, 0] += 1e-3
    site.layer.set_weights([kernel])
    for name in ("bilinear", "bilinear-padded", "bilinear-gain", "bilinear-chain", *EVERYWHERE):
        assert "trained" in form(name).fits(site), name


def test_a_kernel_that_mixes_channels_is_refused(sites: Any) -> None:
    site = sites.bilinear((4, 4), (3, 3, 2), winner_only=True)
    kernel = site.layer.get_weights()[0]
    kernel[:, :, 0, 1] = 0.1 * kernel[:, :, 0, 0]
    site.layer.set_weights([kernel])
    assert "trained" in form("bilinear-padded").fits(site)


def test_twice_an_odd_stride_is_no_interpolation_between_centres(
    sites: Any, side_by_side: Any
) -> None:
    site = sites.trained(6, 3, (4, 4, 2), 2, padding="same", use_bias=False)
    line = 1 - np.abs(np.arange(6) - 2.5) / 3
    site.layer.set_weights([np.outer(line, line)[:, :, None, None] * np.eye(2)])
    for name in ("bilinear", "bilinear-padded", "bilinear-gain", *EVERYWHERE):
        assert "pixel centres" in form(name).fits(site), name
    # With reason: a resize moves every edge by half a pixel.
    want, got = side_by_side(form("bilinear"), site, edge(site))
    assert abs(place(got) - place(want)) == pytest.approx(0.5, abs=0.01)


def test_forced_upon_a_trained_kernel_it_is_a_plain_resize(sites: Any, side_by_side: Any) -> None:
    site = sites.trained(8, 4, (3, 5, 2), 2, padding="same", use_bias=False)
    _, got = side_by_side(form("bilinear"), site)
    _, resized = side_by_side(form("keep"), sites.resized(4, (3, 5, 2)))
    np.testing.assert_allclose(got, resized, atol=1e-6)
    valid = sites.trained(5, 2, (3, 5, 2), 2, padding="valid")
    assert side_by_side(form("bilinear"), valid)[1].shape == valid.output_shape


def test_forced_upon_other_channels_it_says_why_not(sites: Any, side_by_side: Any) -> None:
    with pytest.raises(ConfigError, match="2 channels into 3"):
        side_by_side(form("bilinear"), sites.trained(8, 4, (3, 5, 2), 3, padding="same"))


@pytest.mark.parametrize("kind", ["bilinear", "transpose"])
@pytest.mark.parametrize("stride", [4, 8, 16])
def test_a_chain_rounds_edges_and_leaves_them_where_they_are(
    kind: str, stride: int, sites: Any, side_by_side: Any
) -> None:
    make = sites.resized if kind == "bilinear" else sites.bilinear
    site = make((stride, stride), (8, 8, 2))
    chain = form("bilinear-chain")
    assert not chain.exact
    assert chain.fits(site) == ""
    want, got = side_by_side(chain, site, edge(site))
    assert abs(place(got) - place(want)) < 0.01
    assert np.abs(got - want).max() > 0.01


def test_a_chain_is_for_powers_of_two_beyond_two(sites: Any) -> None:
    chain = form("bilinear-chain")
    assert "one step" in chain.fits(sites.resized(2, (3, 3, 1)))
    assert "no power of two" in chain.fits(sites.resized(6, (3, 3, 1)))


def test_smoothing_in_stages_never_takes_a_large_mean(sites: Any) -> None:
    ops = form("bilinear-smooth").ops(sites.resized(32, (4, 4, 3)), "int8")
    means = [op.inputs[1].shape[1:3] for op in ops if op.name == "DEPTHWISE_CONV_2D"]
    assert means == [(2, 2)] * 4 + [(3, 3)]
    nearest = [op for op in ops if op.name == "RESIZE_NEAREST_NEIGHBOR"]
    assert all(op.version == 2 for op in nearest)


@pytest.mark.parametrize("stride", range(1, 10))
def test_lines_are_those_of_the_bilinear_plane(stride: int) -> None:
    line = line_of(stride)
    np.testing.assert_allclose(np.outer(line, line), bilinear_plane(len(line), stride), atol=1e-6)
    assert tent(len(line) + 1, stride) is None


def edge(site: Any) -> Any:
    """Return features with a step from 0 to 1 in the middle, left to right."""
    features = np.zeros(site.input_shape, np.float32)
    features[:, :, site.input_shape[2] // 2 :] = 1
    return features


def place(output: Any) -> float:
    """Return where, along the middle line, the output is halfway up."""
    line = output[0, output.shape[1] // 2, :, 0]
    above = int(np.flatnonzero(line >= 0.5)[0])
    low, high = line[above - 1 : above + 1]
    return float(above - (high - 0.5) / (high - low))
