"""Resizes as transposed convolutions with fixed kernels, where a target has no other upsampling.

A bilinear kernel gives the resize, faded towards zero at the border. Divided by the fading it is
the resize itself; as the fading is positive and the same for all channels, it may stay where only
the winner at a pixel matters. A kernel of ones repeats a value: the nearest resize.
"""

from __future__ import annotations

import numpy as np

from .sites import Site
from .stepped import stepped
from .steps import Step
from .steps.convolutions import Transposed
from .steps.elementwise import Times
from .tents import diagonal_kernel, gain, tents


def _fits(site: Site) -> str:
    if site.kind == "transpose":
        return "it is a transposed convolution already"
    return "it enlarges nothing" if site.stride == (1, 1) else ""


def _steps(site: Site) -> list[Step]:
    return _repeated(site) if site.kind == "nearest" else _interpolated(site)


def _repeated(site: Site) -> list[Step]:
    channels = site.input_shape[3]
    kernel = np.ones((*site.stride, 1, 1), np.float32) * np.eye(channels, dtype=np.float32)
    return [Transposed(kernel, site.stride, site.output_shape[1:3], "same")]


def _interpolated(site: Site) -> list[Step]:
    found = tents(site)
    kernel = diagonal_kernel(found.factors, found.channels)
    steps: list[Step] = [Transposed(kernel, found.factors, found.pixels, "same")]
    if not site.winner_only:
        steps.append(Times(np.reciprocal(gain(found.cells, found.factors)), "gain"))
    return steps


TRANSPOSE = stepped("transpose", "fixed transposed convolution", _fits, _steps)
