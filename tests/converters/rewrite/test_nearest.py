"""Forms of nearest upsampling repeat the very same numbers."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from edgeseg.converters.rewrite.forms import FORMS, form

factor = st.one_of(st.integers(1, 5), st.sampled_from([8, 16, 32]))


@settings(max_examples=12)
@given(
    factors=st.tuples(factor, factor).filter(lambda pair: pair != (1, 1)),
    cells=st.tuples(st.integers(1, 5), st.integers(1, 5)),
    channels=st.integers(1, 3),
)
def test_every_form_repeats_the_same_numbers(
    factors: Any, cells: Any, channels: int, sites: Any, side_by_side: Any
) -> None:
    site = sites.resized(factors, (*cells, channels), "nearest")
    fitting = [one for one in FORMS if one.name != "keep" and not one.fits(site)]
    assert {"nearest-resize", "nearest-legacy", "transpose"} <= {one.name for one in fitting}
    for one in fitting:
        want, got = side_by_side(one, site)
        np.testing.assert_allclose(got, want, atol=1e-6, err_msg=one.name)


def test_a_chain_takes_steps_of_at_most_eight(sites: Any) -> None:
    ops = form("nearest-chain").ops(sites.resized(32, (3, 3, 2), "nearest"), "int8")
    assert [op.output.shape[1] for op in ops] == [12, 96]
    assert "one step" in form("nearest-chain").fits(sites.resized(8, (3, 3, 2), "nearest"))
    assert "no power of two" in form("nearest-chain").fits(sites.resized(24, (3, 3, 2), "nearest"))


def test_a_nearest_resizing_layer_is_one_already(sites: Any) -> None:
    site = sites.of(keras.layers.Resizing(6, 8, interpolation="nearest"), (3, 4, 2))
    assert "already" in form("nearest-resize").fits(site)
    assert form("nearest-legacy").fits(site) == ""


def test_bilinear_sites_are_refused(sites: Any) -> None:
    site = sites.resized(4, (3, 3, 2))
    for name in ("nearest-resize", "nearest-legacy", "nearest-chain"):
        assert "does not interpolate to the nearest" in form(name).fits(site)
