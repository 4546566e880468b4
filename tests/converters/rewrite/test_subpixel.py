"""The sub-pixel form computes what the transposed convolution computes, whatever it is."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgeseg.converters.rewrite.forms import form
from edgeseg.converters.rewrite.phases import Line, ways

CLOSE = 1e-5
small = st.integers(1, 5)


@settings(max_examples=40)
@given(
    taps=st.tuples(st.integers(1, 9), st.integers(1, 9)),
    strides=st.tuples(small, small),
    cells=st.tuples(small, small),
    channels=st.tuples(st.integers(1, 3), st.integers(2, 3)),
    padding=st.sampled_from(["same", "valid"]),
    activation=st.sampled_from([None, "relu", "tanh", "softmax"]),
    use_bias=st.booleans(),
    name=st.sampled_from(["subpixel", "subpixel-reshape"]),
)
def test_it_is_exact_for_any_transposed_convolution(
    taps: Any,
    strides: Any,
    cells: Any,
    channels: Any,
    padding: Any,
    activation: Any,
    use_bias: bool,
    name: str,
    sites: Any,
    relative_error: Any,
) -> None:
    options = {"padding": padding, "activation": activation, "use_bias": use_bias}
    site = sites.trained(taps, strides, (*cells, channels[0]), channels[1], **options)
    assert form(name).fits(site) == ""
    assert relative_error(form(name), site) < CLOSE


@pytest.mark.parametrize("padding", ["same", "valid"])
@pytest.mark.parametrize(("taps", "stride", "extra"), [(3, 2, 1), (4, 4, 2), (5, 3, 0), (3, 3, 1)])
def test_output_padding_is_kept(
    taps: int, stride: int, extra: int, padding: str, sites: Any, relative_error: Any
) -> None:
    site = sites.trained(taps, stride, (5, 4, 2), padding=padding, output_padding=extra)
    if site.output_shape[1] > stride * 5 and padding == "same":
        assert "output padding" in form("subpixel").fits(site)
    else:
        assert form("subpixel").fits(site) == ""
        assert relative_error(form("subpixel"), site) < CLOSE


def test_zeros_are_padded_before_and_not_after_for_three_taps_of_stride_2(sites: Any) -> None:
    site = sites.trained(3, 2, (5, 4, 2), padding="same")
    padded, convolved, shuffled = form("subpixel").ops(site, "float32")
    assert padded.inputs[1].values == (0, 0, 1, 0, 1, 0, 0, 0)
    assert convolved.inputs[1].shape == (12, 2, 2, 2)
    assert shuffled.name == "DEPTH_TO_SPACE"


def test_twice_the_stride_takes_two_taps_and_a_crop_where_channels_are_many(sites: Any) -> None:
    many = form("subpixel").ops(sites.trained(8, 4, (6, 5, 32), 32, padding="same"), "float32")
    assert [op.name for op in many] == ["PAD", "CONV_2D", "DEPTH_TO_SPACE", "STRIDED_SLICE"]
    assert many[1].inputs[1].shape[1:3] == (2, 2)
    few = form("subpixel").ops(sites.trained(8, 4, (6, 5, 1), 1, padding="same"), "float32")
    assert [op.name for op in few] == ["CONV_2D", "DEPTH_TO_SPACE"]
    assert few[0].option("padding") == "same"


def test_zeros_around_a_kernel_are_not_multiplied(sites: Any, relative_error: Any) -> None:
    site = sites.trained(8, 4, (5, 4, 2), padding="same")
    kernel, bias = site.layer.get_weights()
    kernel[[0, 1, -1, -2]] = 0
    kernel[:, :3] = 0
    site.layer.set_weights([kernel, bias])
    assert relative_error(form("subpixel"), site) < CLOSE
    convolved = next(op for op in form("subpixel").ops(site, "float32") if op.name == "CONV_2D")
    assert convolved.inputs[1].shape[1] == 1


def test_a_kernel_of_zeros_is_taken_apart_too(sites: Any) -> None:
    site = sites.trained(4, 2, (3, 3, 2), padding="same", use_bias=False)
    site.layer.set_weights([np.zeros_like(site.layer.get_weights()[0])])
    x = keras.Input(batch_shape=site.input_shape)
    model = keras.Model(x, form("subpixel").build(site, x))
    assert not np.asarray(model(np.ones(site.input_shape))).any()


def test_dilated_taps_are_spread(sites: Any) -> None:
    """Checked against a kernel with zeros between its taps: TensorFlow runs no dilated one here."""
    dilated = sites.trained(3, 1, (6, 5, 2), padding="valid", dilation_rate=2)
    plain = sites.trained(5, 1, (6, 5, 2), padding="valid")
    kernel, bias = dilated.layer.get_weights()
    spread = np.zeros_like(plain.layer.get_weights()[0])
    spread[::2, ::2] = kernel
    plain.layer.set_weights([spread, bias])
    assert dilated.output_shape == plain.output_shape
    x = keras.Input(batch_shape=dilated.input_shape)
    features = np.random.default_rng(0).standard_normal(dilated.input_shape).astype(np.float32)
    got = keras.Model(x, form("subpixel").build(dilated, x))(features)
    np.testing.assert_allclose(got, plain.layer(features), atol=1e-5)
    assert "dilation" in form("keep").fits(dilated)


def test_an_activation_over_channels_comes_after_the_shuffle(sites: Any) -> None:
    early = form("subpixel").ops(sites.trained(4, 2, (3, 3, 2), activation="relu"), "int8")
    late = form("subpixel").ops(sites.trained(4, 2, (3, 3, 2), activation="softmax"), "int8")
    assert early[0].option("activation") == "relu" or early[1].option("activation") == "relu"
    assert late[-1].name == "SOFTMAX"


@given(
    cells=st.integers(1, 6),
    stride=st.integers(1, 9),
    taps=st.integers(1, 12),
    before=st.integers(0, 5),
)
def test_no_way_takes_more_cells_than_it_must(
    cells: int, stride: int, taps: int, before: int
) -> None:
    output = max((cells - 1) * stride + taps - before, 1)
    line = Line(cells, stride, taps, before, output, 0, taps - 1)
    depths = [way.depth for way in ways(line)]
    assert min(depths) == -(-taps // stride)
    assert max(depths) <= min(depths) + 1


def test_other_layers_are_refused_in_words(sites: Any) -> None:
    assert "no transposed" in form("subpixel").fits(sites.resized(2, (3, 3, 2)))
