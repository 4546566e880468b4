"""Transposed convolution with a bilinear kernel, as a bilinear resize.

Away from the border it is the half-pixel resize times the kernel's factor. In the outermost half
stride a resize holds the last cell, and the transposed convolution fades towards zero. Three ways
to deal with that: zeros around the input, so that the resize fades as well, and a crop; the fading
as a constant factor; or nothing, where only the winner matters, which a positive factor that all
channels share does not change.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from edgeseg.errors import ConfigError

from .graph import activation_name
from .phases import cut_off
from .sites import Site
from .stepped import stepped
from .steps import Step
from .steps.elementwise import Times
from .steps.moves import Border, Crop, Pad
from .steps.resize import Resize
from .tail import MONOTONE
from .tents import Tents, equal, gain, tents, why_no_tents, why_not_whole


def _of_transposed(site: Site) -> str:
    return "" if site.kind == "transpose" else "it is no transposed convolution"


def why_border_counts(site: Site) -> str:
    """Return why a transposed convolution's fading at the border cannot be left out."""
    found = tents(site)
    reasons = [
        reason
        for reason, wrong in (
            ("more than the winner at a pixel counts behind it", not site.winner_only),
            ("its factor differs by channel or is not positive", not _is_shared(found)),
            ("its bias differs by channel", found.bias is not None and not equal(found.bias)),
            ("its activation can change the winner", not _keeps_winner(site)),
        )
        if wrong
    ]
    return f"{', '.join(reasons)}: the outermost half stride would differ" if reasons else ""


def _is_shared(found: Tents) -> bool:
    return equal(found.scale) and bool(found.scale[0] > 0)


def _keeps_winner(site: Site) -> bool:
    """Whether the activation leaves the winner alone, whatever factor comes before it."""
    return activation_name(site.layer) in MONOTONE


def _fits_plain(site: Site) -> str:
    return _of_transposed(site) or why_not_whole(site) or why_border_counts(site)


def _fits_padded(site: Site) -> str:
    if reason := _of_transposed(site) or why_no_tents(site):
        return reason
    if min(min(sides) for sides in _crop(site)) < 0:
        return "its output padding reaches beyond a resize"
    return ""


def _fits_gain(site: Site) -> str:
    return _of_transposed(site) or why_not_whole(site)


def _plain(site: Site) -> list[Step]:
    before, after = site.input_shape[3], site.output_shape[3]
    if before != after:
        raise ConfigError(
            f"{site.name} turns {before} channels into {after}, which no resize does; take another "
            "--swap"
        )
    found = tents(site)
    resize = Resize("bilinear", site.output_shape[1:3])
    return [*found.scaled(), resize, *found.finished()]


def _padded(site: Site) -> list[Step]:
    found = tents(site)
    (height, width), (down, across) = found.cells, found.factors
    resize = Resize("bilinear", ((height + 2) * down, (width + 2) * across))
    zeros = Pad(((1, 1), (1, 1)))
    return [*found.scaled(), zeros, resize, Crop(_crop(site)), *found.finished()]


def _crop(site: Site) -> Border:
    """Return what the resize of the input with a row of zeros around has too much."""
    sides = []
    for axis in (0, 1):
        cells, output = site.input_shape[axis + 1], site.output_shape[axis + 1]
        stride, taps = site.stride[axis], site.layer.kernel_size[axis]
        before = cut_off(cells, stride, taps, output, site.layer.padding) + (stride + 1) // 2
        sides.append((before, (cells + 2) * stride - before - output))
    return sides[0], sides[1]


def _gained(site: Site) -> list[Step]:
    found = tents(site)
    mask = gain(found.cells, found.factors)
    if equal(found.scale):
        mask, found = mask * found.scale[0], replace(found, scale=np.ones_like(found.scale))
    resize = Resize("bilinear", found.pixels)
    return [*found.scaled(), resize, Times(mask, "gain"), *found.finished()]


BILINEAR = stepped("bilinear", "bilinear resize", _fits_plain, _plain)
BILINEAR_PADDED = stepped(
    "bilinear-padded", "zeros around, bilinear resize, crop", _fits_padded, _padded
)
BILINEAR_GAIN = stepped(
    "bilinear-gain", "bilinear resize, faded at the border", _fits_gain, _gained
)
