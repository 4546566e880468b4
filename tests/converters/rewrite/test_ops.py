"""What forms predict is what a converted file holds, operator by operator."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import keras
import pytest

from edgeseg.converters.delegates.op import Op, Tensor, read_ops
from edgeseg.converters.rewrite.forms import FORMS, form
from edgeseg.converters.rewrite.steps.alone import convert_alone
from edgeseg.errors import ConfigError

CELLS = (5, 4)


def some_cases(sites: Any) -> Iterator[tuple[Any, tuple[str, ...]]]:
    """Yield sites and forms that together hold every form, operator and option."""
    two, three = (*CELLS, 2), (*CELLS, 3)
    both = ("subpixel", "subpixel-reshape")
    yield sites.trained(4, 2, two, padding="same", activation="relu"), ("keep", "subpixel")
    yield (
        sites.trained(3, 2, two, padding="same", activation="softmax", use_bias=False),
        ("keep", *both),
    )
    yield sites.trained((5, 3), (2, 3), two, padding="valid", activation="gelu"), ("keep", *both)
    yield sites.trained(2, (1, 2), two, padding="valid", activation="relu6"), ("subpixel",)
    yield sites.trained(3, 1, two, padding="same"), ("subpixel",)
    yield sites.bilinear((2, 2), three, winner_only=True), ("keep", "bilinear", "bilinear-smooth")
    yield (
        sites.bilinear((8, 8), three, [1, 2, 3], [0, 1, 2], activation="relu"),
        ("bilinear-padded", "bilinear-gain", "bilinear-chain", "bilinear-smooth"),
    )
    yield (
        sites.bilinear((3, 3), three, 2.0, 0.5, activation="sigmoid"),
        ("bilinear-gain", "bilinear-smooth", "bilinear-legacy"),
    )
    yield (
        sites.resized(4, three),
        ("keep", "bilinear-chain", "bilinear-smooth", "bilinear-legacy", "bilinear-align"),
    )
    yield (
        sites.resized((4, 6), three),
        ("bilinear-subpixel", "bilinear-smooth", "transpose"),
    )
    yield sites.resized(2, three), ("bilinear-subpixel", "bilinear-subpixel-reshape")
    yield sites.resized((2, 1), three, "nearest"), ("keep", "transpose")
    yield (
        sites.resized(16, three, "nearest"),
        ("keep", "nearest-resize", "nearest-legacy", "nearest-chain"),
    )
    yield sites.of(keras.layers.Resizing(10, 8, interpolation="nearest"), three), ("keep",)


@pytest.mark.parametrize("dtype", ["float32", "int8"])
def test_files_hold_the_operators_that_forms_predict(dtype: str, sites: Any) -> None:
    compared = set()
    for site, names in some_cases(sites):
        for name in names:
            one = form(name)
            assert one.fits(site) == ""
            x = keras.Input(batch_shape=site.input_shape)
            file = convert_alone(keras.Model(x, one.build(site, x)), site.input_shape, dtype)
            predicted = [told(op) for op in one.ops(site, dtype)]
            assert predicted == [told(op) for op in read_ops(file)], (name, site.name)
            compared.add(name)
    assert compared == {one.name for one in FORMS} - {"refit"}  # which has tests of its own


def test_int16_files_too_where_the_converter_can(sites: Any) -> None:
    site = sites.trained(4, 2, (*CELLS, 2), padding="same", activation="relu")
    for name in ("keep", "subpixel-reshape"):
        x = keras.Input(batch_shape=site.input_shape)
        file = convert_alone(keras.Model(x, form(name).build(site, x)), site.input_shape, "int16")
        assert [told(op) for op in form(name).ops(site, "int16")] == [
            told(op) for op in read_ops(file)
        ]


def test_operators_carry_the_name_of_the_layer_they_stand_for(sites: Any) -> None:
    site = sites.trained(8, 4, (8, 8, 32), 32, padding="same", name="scores_up")
    padded, convolved, shuffled, cropped = form("subpixel").ops(site, "float32")
    assert convolved.layer == "scores_up"
    named = [padded.layer, shuffled.layer, cropped.layer]
    assert named == ["scores_up_pad", "scores_up_shuffle", "scores_up_crop"]


def test_an_unknown_form_is_told_with_those_there_are() -> None:
    with pytest.raises(ConfigError, match=r"did you mean 'subpixel'.*bilinear-padded"):
        form("subpixl")


def test_forms_have_names_of_their_own() -> None:
    names = [one.name for one in FORMS]
    assert len(set(names)) == len(names)
    assert names[0] == "keep"


def told(op: Op) -> tuple[Any, ...]:
    """Return all that a delegate can ask of an operator; constants' names and layers aside."""
    inputs, outputs = ([seen(tensor) for tensor in side] for side in (op.inputs, op.outputs))
    return op.name, op.version, inputs, outputs, dict(op.options), op.macs


def seen(tensor: Tensor | None) -> tuple[Any, ...] | None:
    if tensor is None:
        return None
    axis = tensor.axis if tensor.scales > 1 else 0
    return tensor.shape, tensor.dtype, tensor.is_constant, tensor.scales, axis, tensor.values
