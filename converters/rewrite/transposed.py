"""The weights of a transposed convolution, and whether they interpolate bilinearly."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .sites import Site
from .tail import bilinear_plane

Array = NDArray[np.float32]

# float32 rounding of a kernel that was written as bilinear, not of one that was trained.
_TOLERANCE = 1e-5


def why_not_run(site: Site) -> str:
    """Return why no form stands for the transposed convolution; empty for nearly all."""
    if getattr(site.layer, "groups", 1) != 1:
        return "its channels are in groups"
    cells, output = site.input_shape[1:3], site.output_shape[1:3]
    if site.layer.padding == "same" and any(
        -(-new // stride) != old
        for old, new, stride in zip(cells, output, site.stride, strict=True)
    ):
        return "TensorFlow itself cannot run its output padding"
    return ""


def kernel_of(site: Site) -> Array:
    """Return the kernel [h, w, channels out, channels in], zeros between the taps of a dilation."""
    kernel = np.asarray(site.layer.kernel, np.float32)
    down, across = (int(rate) for rate in site.layer.dilation_rate)
    if down == across == 1:
        return kernel
    rows, columns, *channels = kernel.shape
    spread = np.zeros(((rows - 1) * down + 1, (columns - 1) * across + 1, *channels), np.float32)
    spread[::down, ::across] = kernel
    return spread


def bias_of(site: Site) -> Array | None:
    """Return the bias [channels out], None where there is none or only zeros."""
    if not site.layer.use_bias:
        return None
    bias = np.asarray(site.layer.bias, np.float32)
    return bias if bias.any() else None


def bilinear_scale(site: Site) -> Array | None:
    """Return the factor [channels] by which the site interpolates bilinearly, None if it does not.

    Channels must not mix, and each plane must be that of bilinear_plane times some factor, up to
    float32 rounding.
    """
    kernel, stride = kernel_of(site), site.stride
    rows, columns = tent(kernel.shape[0], stride[0]), tent(kernel.shape[1], stride[1])
    if kernel.shape[2] != kernel.shape[3] or rows is None or columns is None:
        return None
    plane = np.outer(rows, columns)
    scale = np.einsum("hwcc->c", kernel) / plane.sum()
    expected = plane[:, :, None, None] * np.diag(scale)
    error = np.abs(kernel - expected).max(initial=0.0)
    return scale.astype(np.float32) if error <= _TOLERANCE * np.abs(scale).max() else None


def tent(taps: int, stride: int) -> Array | None:
    """Return the line of which bilinear_plane is the outer product; None where it has none."""
    plane = bilinear_plane(taps, stride)
    return None if plane is None else (plane.sum(axis=0) / stride).astype(np.float32)


def taps_of(stride: int) -> int:
    """Return how many taps a bilinear kernel has along an axis."""
    return 2 * stride - stride % 2


def line_of(stride: int) -> Array:
    """Return a bilinear kernel along an axis."""
    line = tent(taps_of(stride), stride)
    assert line is not None  # of that many taps there is one
    return line
