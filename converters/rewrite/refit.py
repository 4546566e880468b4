"""A trained transposed convolution as a small convolution and a resize: the nearest there is.

Without features it is the projection of the kernel on mixed channels times the bilinear plane; with
features it is what least squares finds on them (edgeseg.converters.rewrite.least_squares). The
interior alone is fitted: at the border a transposed convolution fades, which a resize cannot.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgeseg.converters.delegates.op import Op

from . import least_squares as lsq
from .form import Features, Form
from .sites import Site
from .stepped import layer_name
from .steps import Step, build_steps, steps_ops
from .steps.convolutions import Conv
from .steps.elementwise import Activate, activation_of
from .steps.moves import Crop, Pad, is_none
from .steps.resize import Resize

Array = NDArray[np.float64]

# A dearer convolution is taken where it leaves at most so much of the cheaper one's error.
_WORTH = 0.8
# Errors below this, relative, are as good as none.
_NOTHING = 1e-3
# Regressors of a 3x3 convolution; beyond that its equations take longer than they bring.
_MOST = 1200


@dataclass(frozen=True)
class Residual:
    """What is left of an output after fitting, root mean square, relative to the output's own.

    Attributes:
        interior: where no border reaches.
        border: the rest; 0 where there is none.
    """

    interior: float
    border: float


@dataclass(frozen=True)
class Refitted:
    """A fitted form; called, it builds the layers.

    Attributes:
        convolution: in words, "1x1 convolution".
        steps: what it is made of.
        residual: on the features that it was fitted to; None where there were none.
    """

    convolution: str
    steps: tuple[Step, ...]
    residual: Residual | None = None

    def __call__(self, site: Site, x: Any) -> Any:
        """Return the Keras tensor that comes out for the Keras tensor `x` that goes in."""
        return build_steps(self.steps, x, layer_name(site))


def fits(site: Site) -> str:
    """Return why no convolution and resize can stand for the site; empty where they can."""
    if site.kind != "transpose":
        return "it has no kernel to fit"
    layer = site.layer
    if set(layer.dilation_rate) != {1}:
        return "its kernel is dilated"
    if getattr(layer, "output_padding", None) is not None:
        return "it has output padding"
    if max(site.stride) == 1:
        return "it enlarges nothing"
    return ""


def fit(site: Site, features: Features) -> Refitted:
    """Fit to features: 1x1, depthwise and pointwise, or 3x3, whichever is worth its cost.

    Minimises the squared difference to the transposed convolution's output, before its activation,
    over the interior of all frames. A dearer convolution is taken only where the error falls to
    four fifths or less.

    Args:
        site: a transposed convolution that `fits`.
        features: what goes into it on calibration frames, float32 [1, h, w, channels] each.
    """
    frames = [(_padded(frame[0], site), output) for frame, output in _outputs(site, features)]
    axes = _axes(site)
    best: _Candidate | None = None
    for candidate in _candidates(site, frames, axes):
        left = _residual(frames, candidate, axes)
        if best is None or left.interior <= _WORTH * best.residual.interior:
            best = _Candidate(candidate.name, candidate.kernels, left)
        if best.residual.interior <= _NOTHING:
            break
    assert best is not None
    return Refitted(best.name, tuple(_steps(site, best.kernels)), best.residual)


def projected(site: Site) -> Refitted:
    """Return the form without features: a 1x1 convolution from the kernel alone."""
    return Refitted(_POINTWISE, tuple(_steps(site, (_projection(site),))))


_POINTWISE = "1x1 convolution"
_SEPARABLE = "3x3 depthwise and 1x1 convolution"
_FULL = "3x3 convolution"

Kernels = tuple[Array, ...]
"""A kernel [taps * channels + 1, out] with its bias, or a depthwise one [taps, channels] before."""

Frames = Sequence[tuple[NDArray[np.float32], NDArray[np.float32]]]
"""Padded features [h, w, channels], and the transposed convolution's output without activation."""


@dataclass(frozen=True)
class _Candidate:
    name: str
    kernels: Kernels
    residual: Residual = Residual(0.0, 0.0)

    @property
    def whole(self) -> Array:
        """The one kernel that it computes."""
        return lsq.joined(*self.kernels) if len(self.kernels) == 2 else self.kernels[0]

    @property
    def taps(self) -> int:
        return 1 if self.name == _POINTWISE else lsq.TAPS


def _candidates(
    site: Site, frames: Frames, axes: tuple[lsq.Axis, lsq.Axis]
) -> Iterator[_Candidate]:
    """Yield the fitted convolutions, the cheapest first."""
    channels, prior = site.input_shape[3], _projection(site)
    if lsq.TAPS * channels + 1 > _MOST:
        small = lsq.equations(iter(frames), axes, 1)
        yield _Candidate(_POINTWISE, (lsq.solve(small, prior),))
        return
    system = lsq.equations(iter(frames), axes, lsq.TAPS)
    pointwise = lsq.solve(lsq.middle(system, channels), prior)
    yield _Candidate(_POINTWISE, (pointwise,))
    whole = lsq.solve(system, lsq.around(prior))
    yield _Candidate(_SEPARABLE, lsq.solve_separable(system, whole))
    yield _Candidate(_FULL, (whole,))


def _residual(frames: Frames, candidate: _Candidate, axes: tuple[lsq.Axis, lsq.Axis]) -> Residual:
    inner = np.outer(axes[0].inner, axes[1].inner)[..., None]
    kernel, taps = candidate.whole, candidate.taps
    errors, whole = np.zeros(2), np.zeros(2)
    for cells, output in frames:
        missed = (output - lsq.predicted(cells, kernel, axes, taps)) ** 2
        for part, mask in enumerate((inner, 1 - inner)):
            errors[part] += (missed * mask).sum()
            whole[part] += (output.astype(np.float64) ** 2 * mask).sum()
    inside, border = np.sqrt(errors / np.where(whole > 0, whole, 1))
    return Residual(float(inside), float(border))


def _outputs(
    site: Site, features: Features
) -> Iterator[tuple[NDArray[np.float32], NDArray[np.float32]]]:
    """Yield each frame with its output [h, w, out], bias included, activation not."""
    from keras import ops

    layer = site.layer
    bias = np.asarray(layer.bias) if layer.use_bias else np.float32(0)
    for frame in features:
        output = ops.conv_transpose(frame, layer.kernel, layer.strides, layer.padding)
        yield frame, np.asarray(output)[0] + bias


@dataclass(frozen=True)
class _Lie:
    """How one axis of the output lies on the cells: cells added at either end, pixels cut off."""

    added: int
    start: int
    end: int


def _lie(site: Site, axis: int) -> _Lie:
    """Return how the resize's pixels become the output's.

    Cell q's middle is pixel q * s + (s - 1) / 2 of a resize. A 'valid' transposed convolution has
    it (k - s) / 2 further on, and reaches as far beyond the cells, where there are zeros.
    """
    cells, pixels = site.input_shape[axis + 1], site.output_shape[axis + 1]
    stride, taps = site.stride[axis], int(site.layer.kernel_size[axis])
    before = max(taps - stride, 0) // 2 if site.layer.padding == "valid" else 0
    after = pixels - cells * stride - before
    added = max(-(-before // stride), -(-after // stride))
    return _Lie(added, added * stride - before, added * stride - after)


def _axes(site: Site) -> tuple[lsq.Axis, lsq.Axis]:
    rows, columns = (_axis(site, axis) for axis in (0, 1))
    return rows, columns


def _axis(site: Site, axis: int) -> lsq.Axis:
    lie, stride = _lie(site, axis), site.stride[axis]
    beyond = max(int(site.layer.kernel_size[axis]) - stride, 0)
    reach = max(stride + stride // 2, beyond)  # of a 3x3 kernel's zeros, of the fading
    cells = site.input_shape[axis + 1] + 2 * lie.added
    return lsq.resize_axis(cells, stride, site.output_shape[axis + 1], lie.start, reach)


def _padded(cells: NDArray[np.float32], site: Site) -> NDArray[np.float32]:
    rows, columns = (_lie(site, axis).added for axis in (0, 1))
    return np.pad(cells, ((rows, rows), (columns, columns), (0, 0)))


def _projection(site: Site) -> Array:
    """Return the pointwise kernel [channels + 1, out] for features that are white noise.

    It is <W, B> / <B, B> with B the plane that a resize spreads a cell over.
    """
    layer = site.layer
    kernel = np.asarray(layer.kernel, np.float64)  # [height, width, out, in]
    planes = [_spread(site, axis) for axis in (0, 1)]
    mixing = np.einsum("abio,a,b->oi", kernel, *(inside for inside, _ in planes))
    mixing /= planes[0][1] * planes[1][1]
    bias = np.asarray(layer.bias, np.float64) if layer.use_bias else np.zeros(kernel.shape[2])
    return np.concatenate([mixing, bias[None]])


def _spread(site: Site, axis: int) -> tuple[Array, float]:
    """Return what a resize gives each tap of the kernel, and its energy over all pixels."""
    stride, taps = site.stride[axis], int(site.layer.kernel_size[axis])
    middle = (stride - 1) / 2 + max(taps - stride, 0) // 2
    places = np.arange(-2 * stride, taps + 2 * stride)
    line = np.maximum(1 - np.abs(places - middle) / stride, 0)
    return line[2 * stride : 2 * stride + taps], float((line**2).sum())


def _steps(site: Site, kernels: Kernels) -> Iterator[Step]:
    lies = [_lie(site, axis) for axis in (0, 1)]
    border = tuple((lie.added, lie.added) for lie in lies)
    cut = tuple((lie.start, lie.end) for lie in lies)
    if not is_none((border[0], border[1])):
        yield Pad((border[0], border[1]))
    yield from _convolutions(kernels, site.input_shape[3])
    sides = zip(site.input_shape[1:3], lies, site.stride, strict=True)
    height, width = ((cells + 2 * lie.added) * stride for cells, lie, stride in sides)
    yield Resize("bilinear", (height, width), suffix="resize")
    if not is_none((cut[0], cut[1])):
        yield Crop((cut[0], cut[1]))
    if activation_of(site.layer) is not None:
        yield Activate(activation_of(site.layer))


def _convolutions(kernels: Kernels, channels: int) -> Iterator[Conv]:
    if len(kernels) == 2:
        depthwise = kernels[0].reshape(3, 3, channels, 1)
        yield Conv(depthwise.astype(np.float32), None, "same", depthwise=True, suffix="depthwise")
    last = kernels[-1].astype(np.float32)
    side = 1 if len(last) == channels + 1 else 3
    yield Conv(last[:-1].reshape(side, side, channels, -1), last[-1], "same")


def _build(site: Site, x: Any) -> Any:
    return projected(site)(site, x)


def _ops(site: Site, dtype: str) -> tuple[Op, ...]:
    """Return the operators with a 1x1 convolution, as most fits have it."""
    steps = projected(site).steps
    return steps_ops(steps, site.input_shape, dtype, layer_name(site))


REFIT = Form(
    "refit",
    "fitted convolution, bilinear resize",
    exact=False,
    fits=fits,
    build=_build,
    ops=_ops,
    fit=fit,
    note="only near what was trained; --finetune DIR brings back most of what it loses",
)
