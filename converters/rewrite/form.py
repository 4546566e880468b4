"""What may stand for an upsampling call: a form, with its condition and its operators."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgeseg.converters.delegates.op import Op

from .sites import Site

Features = Sequence[NDArray[np.float32]]
"""What goes into a site on calibration frames, float32 [1, h, w, channels] each."""


@dataclass(frozen=True)
class Form:
    """One way to compute an upsampling.

    Attributes:
        name: as in `--swap`.
        title: in words, for the plan: "2x2 convolution, depth to space, crop".
        exact: it computes the same numbers, up to float32 rounding, or (only behind a site's
            `winner_only`) numbers with the same winner.
        fits: why it cannot stand for a site; empty where it can. For an exact form: why it would
            not be exact there.
        build: the site and the Keras tensor that goes in, to the tensor that comes out.
        ops: the operators that a .tflite of the given activation type has for it, in order.
        fit: for a form that is fitted to features: returns the `build` of the fitted form.
        note: what the user should know where it is taken: "moves edges by 0.5 px".
    """

    name: str
    title: str
    exact: bool
    fits: Callable[[Site], str]
    build: Callable[[Site, Any], Any]
    ops: Callable[[Site, str], tuple[Op, ...]]
    fit: Callable[[Site, Features], Callable[[Site, Any], Any]] | None = None
    note: str = ""
