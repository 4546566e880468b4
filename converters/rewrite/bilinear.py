"""Transposed convolution with a bilinear kernel, as a bilinear resize.

Away from the border it is the half-pixel resize times the kernel's factor. In the outermost half
stride a resize repeats the last cell, and the transposed convolution fades towards zero. Three ways
to deal with that: zeros around the input, so that the resize fades as well, and a crop; the fading
as a constant factor; or nothing, where only the winner matters, which a positive factor that all
channels share does not change.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from edgeseg.errors import ConfigError

from .graph import activation_name
from .phases import cut_off
from .sites import Site
from .stepped import stepped
from .steps import Step
from .steps.elementwise import Activate, Plus, Times, activation_of, fused_name
from .steps.moves import Border, Crop, Pad
from .steps.resize import Resize
from .tail import MONOTONE
from .transposed import Array, bias_of, bilinear_scale, tent, why_not_run

_CLOSE = 1e-5


def fits(site: Site) -> str:
    """Return why the site is no transposed convolution with a bilinear kernel."""
    if site.kind != "transpose":
        return "it is no transposed convolution"
    if reason := why_not_run(site):
        return reason
    taps, stride = site.layer.kernel_size, site.stride
    if stride == (1, 1):
        return "it enlarges nothing"
    if any(tent(*axis) is None for axis in zip(taps, stride, strict=True)):
        return (
            "its kernel is not 2s taps long for an even stride s, or 2s - 1 for an odd one, "
            "so that it cannot interpolate between pixel centres"
        )
    if bilinear_scale(site) is None:
        return "its kernel is not bilinear (it was trained)"
    return ""


def _fits_plain(site: Site) -> str:
    if reason := fits(site):
        return reason
    reasons = [
        reason
        for reason, wrong in (
            ("more than the winner at a pixel counts behind it", not site.winner_only),
            ("its output is not its input times the stride", not _is_whole(site)),
            ("its factor differs by channel or is not positive", not _is_shared(site)),
            ("its bias differs by channel", _differs(bias_of(site))),
            ("its activation can change the winner", not _keeps_winner(site)),
        )
        if wrong
    ]
    return f"{', '.join(reasons)}: the outermost half stride would differ" if reasons else ""


def _fits_padded(site: Site) -> str:
    if reason := fits(site):
        return reason
    if min(min(sides) for sides in _crop(site)) < 0:
        return "its output padding reaches beyond a resize"
    return ""


def _fits_gain(site: Site) -> str:
    if reason := fits(site):
        return reason
    return "" if _is_whole(site) else "its output is not its input times the stride"


def _plain(site: Site) -> list[Step]:
    channels = (site.input_shape[3], site.output_shape[3])
    if channels[0] != channels[1]:
        raise ConfigError(
            f"{site.name} turns {channels[0]} channels into {channels[1]}, which no resize does; "
            "take another --swap"
        )
    scale = bilinear_scale(site)
    resize = Resize("bilinear", site.output_shape[1:3])
    return [*_scaled(scale), resize, *_finished(site)]


def _padded(site: Site) -> list[Step]:
    _, height, width, _ = site.input_shape
    down, across = site.stride
    resize = Resize("bilinear", ((height + 2) * down, (width + 2) * across))
    return [
        *_scaled(bilinear_scale(site)),
        Pad(((1, 1), (1, 1))),
        resize,
        Crop(_crop(site)),
        *_finished(site),
    ]


def _gained(site: Site) -> list[Step]:
    scale = _scale(site)
    mask = gain(site)
    if _equal(scale):
        mask, scale = mask * scale[0], np.ones_like(scale)
    resize = Resize("bilinear", site.output_shape[1:3])
    return [*_scaled(scale), resize, Times(mask, "gain"), *_finished(site)]


def gain(site: Site) -> Array:
    """Return how far a bilinear transposed convolution fades at the border, [1, h, w, 1]."""
    down, across = (_fading(site, axis) for axis in (0, 1))
    return np.outer(down, across)[None, :, :, None].astype(np.float32)


def _fading(site: Site, axis: int) -> Array:
    """Return the sum of the kernel's taps that meet a cell, along an axis."""
    taps, stride, cells = (
        site.layer.kernel_size[axis],
        site.stride[axis],
        site.input_shape[axis + 1],
    )
    line = tent(taps, stride)
    assert line is not None  # fits() says so
    full = np.zeros((cells - 1) * stride + taps, np.float32)
    for cell in range(cells):
        full[cell * stride : cell * stride + taps] += line
    before = (taps - stride) // 2
    return full[before : before + cells * stride]


def _crop(site: Site) -> Border:
    """Return what the resize of the input with a row of zeros around has too much."""
    sides = []
    for axis in (0, 1):
        cells, output = site.input_shape[axis + 1], site.output_shape[axis + 1]
        stride, taps = site.stride[axis], site.layer.kernel_size[axis]
        before = cut_off(cells, stride, taps, output, site.layer.padding) + (stride + 1) // 2
        sides.append((before, (cells + 2) * stride - before - output))
    return sides[0], sides[1]


def _scaled(scale: Array | None) -> Iterator[Step]:
    """Yield the kernel's factor: before the resize, where numbers are few."""
    if scale is not None and not np.allclose(scale, 1, rtol=0, atol=_CLOSE / 10):
        yield Times(scale)


def _finished(site: Site) -> Iterator[Step]:
    """Yield the bias and the activation."""
    bias, activation = bias_of(site), activation_of(site.layer)
    fused = fused_name(activation)
    if bias is not None:
        yield Plus(bias, fused)
    if activation is not None and (bias is None or fused == "none"):
        yield Activate(activation)


def _is_whole(site: Site) -> bool:
    """Whether the output is the input times the stride, cut as 'same' cuts it."""
    sides = zip(site.input_shape[1:3], site.output_shape[1:3], site.stride, strict=True)
    return site.layer.padding == "same" and all(old * s == new for old, new, s in sides)


def _scale(site: Site) -> Array:
    scale = bilinear_scale(site)
    return np.ones(site.input_shape[3], np.float32) if scale is None else scale


def _is_shared(site: Site) -> bool:
    scale = _scale(site)
    return _equal(scale) and bool(scale[0] > 0)


def _equal(values: Array) -> bool:
    return bool(np.ptp(values) <= _CLOSE * float(np.abs(values).max()))


def _differs(bias: Array | None) -> bool:
    return bias is not None and not _equal(bias)


def _keeps_winner(site: Site) -> bool:
    """Whether the activation leaves the winner alone, whatever factor comes before it."""
    return activation_name(site.layer) in MONOTONE


BILINEAR = stepped("bilinear", "bilinear resize", _fits_plain, _plain)
BILINEAR_PADDED = stepped(
    "bilinear-padded", "zeros around, bilinear resize, crop", _fits_padded, _padded
)
BILINEAR_GAIN = stepped(
    "bilinear-gain", "bilinear resize, faded at the border", _fits_gain, _gained
)
