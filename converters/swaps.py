"""What a swapped upsampling changes: the same features through the old layer and the new form."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .quiet import quiet_tensorflow
from .rewrite.form import Features
from .rewrite.sites import Site

Build = Callable[[Site, Any], Any]
Array = NDArray[np.float32]
Lines = NDArray[np.float64]

MAX_SHIFT_PX = 0.05
"""Most that a form may move a step edge, in pixels of the upsampling's output."""

EXACT = 1e-4
"""Largest relative error of a form that counts as exact: float32 sums in another order."""

_EDGES = 8  # along either axis


@dataclass(frozen=True)
class Swap:
    """A site in its new form, and what that changed.

    Errors are of the upsampling's output on calibration features, relative to the old layer's
    largest output (max) or root mean square (rms).

    Attributes:
        layer: name of the call.
        was: in words: "transposed convolution 16x16, stride 8".
        form, title: what it is now, by name and in words.
        exact: whether it computes the same, or has the same winner at every pixel.
        max_interior, max_border, rms_interior, rms_border: the border is as wide as the stride; 0
            for a part that does not exist.
        shift_px: how far it moves step edges, at most along either axis.
        agreement: share of pixels whose class stays when every layer of this form is swapped, float
            network against float network on the proof frames.
        why: why it was swapped.
        source: what says so.
    """

    layer: str
    was: str
    form: str
    title: str
    exact: bool
    max_interior: float
    max_border: float
    rms_interior: float
    rms_border: float
    shift_px: float
    agreement: float
    why: str
    source: str

    def to_json(self) -> dict[str, Any]:
        """Return the figures for the manifest."""
        return asdict(self)


@dataclass(frozen=True)
class Errors:
    """How far a form is from the layer that it replaces; see Swap."""

    max_interior: float
    max_border: float
    rms_interior: float
    rms_border: float
    shift_px: float

    @property
    def largest(self) -> float:
        """The largest relative error anywhere."""
        return max(self.max_interior, self.max_border)


def describe_layer(site: Site) -> str:
    """Return a site's layer in words: what it does, its kernel and its factor."""
    down, across = site.stride
    factor = f"{down}" if down == across else f"{down}x{across}"
    if site.kind == "transpose":
        rows, columns = site.layer.kernel_size
        return f"transposed convolution {rows}x{columns}, stride {factor}"
    return f"{site.kind} {factor}x"


def measure(site: Site, build: Build, features: Features) -> Errors:
    """Return how far the form that `build` makes is from the site's own layer.

    Args:
        site: the upsampling call.
        build: makes the form.
        features: what goes into the site, a few frames.
    """
    both = _side_by_side(site, build)
    pairs = [both(frame) for frame in features]
    old, new = (np.concatenate(parts) for parts in zip(*pairs, strict=True))
    inner, border = _parts(old, site.stride)
    highest, level = float(np.abs(old).max()) or 1.0, float(np.sqrt((old**2).mean())) or 1.0
    difference = np.abs(new - old)
    shifts = (
        _shift([both(edge) for edge in _edges(site, features, axis)], axis) for axis in (1, 2)
    )
    return Errors(
        max_interior=_of(np.max, difference[inner], highest),
        max_border=_of(np.max, difference[border], highest),
        rms_interior=_of(_rms, difference[inner], level),
        rms_border=_of(_rms, difference[border], level),
        shift_px=max(shifts),
    )


def _side_by_side(site: Site, build: Build) -> Callable[[Array], tuple[Array, Array]]:
    import keras
    import tensorflow as tf

    # Two graphs: the form's main layer has the old layer's name.
    makers = (lambda x: site.layer(x), lambda x: build(site, x))
    runs = [tf.function(_graph(keras.Input(batch_shape=site.input_shape), one)) for one in makers]

    def both(frame: Array) -> tuple[Array, Array]:
        with quiet_tensorflow():
            old, new = (np.asarray(run(tf.constant(frame))) for run in runs)
        return old, new

    return both


def _graph(features: Any, make: Callable[[Any], Any]) -> Any:
    import keras

    return keras.Model(features, make(features))


def _parts(output: Array, stride: tuple[int, int]) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Return masks of the interior and of a border as wide as the stride."""
    inner = np.zeros(output.shape, bool)
    down, across = stride
    inner[:, down:-down, across:-across] = True
    return inner, ~inner


def _of(measure: Callable[[Array], Any], values: Array, whole: float) -> float:
    return float(measure(values) / whole) if values.size else 0.0


def _rms(values: Array) -> float:
    return float(np.sqrt((values.astype(np.float64) ** 2).mean()))


def _edges(site: Site, features: Features, axis: int) -> list[Array]:
    """Return features with a step edge across `axis` in the middle.

    Each stands between two feature vectors that the frames have; they are drawn, the same ones
    every time. A learned kernel answers every edge in another way: what they share is the shift.
    """
    cells = np.concatenate([frame.reshape(-1, frame.shape[-1]) for frame in features])
    picks = np.random.default_rng(0).integers(0, len(cells), (_EDGES, 2))
    place = np.arange(site.input_shape[axis])
    beyond = (place >= len(place) // 2).reshape([-1 if n == axis else 1 for n in range(4)])
    return [
        np.broadcast_to(np.where(beyond, cells[b], cells[a]), site.input_shape).astype(np.float32)
        for a, b in picks
    ]


def _shift(edges: Sequence[tuple[Array, Array]], axis: int) -> float:
    """Return by how many pixels along `axis` the old answers must move to look most like the new.

    Answers to step edges are compared along the middle line, away from the ends.
    """
    before, after = (
        np.concatenate([_line(pair[which], axis) for pair in edges], axis=1) for which in (0, 1)
    )
    if np.array_equal(before, after) or len(before) < 3:
        return 0.0
    reach = len(before) // 4  # the middle half can move so far and still be compared
    whole = min(range(-reach, reach + 1), key=lambda by: (_misfit(before, after, by), abs(by)))
    return round(abs(whole + _rest(before, after, whole)), 2)


def _line(answer: Array, axis: int) -> Lines:
    """Return the values [pixels, channels] across the edge, along the middle."""
    lines = np.moveaxis(answer[0], axis - 1, 0)
    across: Lines = lines[:, lines.shape[1] // 2].astype(np.float64)
    return across


def _misfit(before: Lines, after: Lines, shift: int) -> float:
    """Return the squared difference of `after` and the moved `before`, in the middle half."""
    middle = _middle(before)
    return float(((after[middle] - before[middle - shift]) ** 2).sum())


def _rest(before: Lines, after: Lines, shift: int) -> float:
    """Return the part of a pixel that is left of a shift by whole pixels.

    The first step of Lucas and Kanade, "An iterative image registration technique", IJCAI 1981:
    -sum((new - old) * old') / sum(old' * old'). No value between pixels is made up for it: that
    would blur the old answer, and a form that bends a ramp would look like one that moves it.
    """
    middle = _middle(before)
    slope = np.gradient(before, axis=0)[middle - shift]
    weight = float((slope**2).sum())
    missing = after[middle] - before[middle - shift]
    return float(-(missing * slope).sum() / weight) if weight else 0.0


def _middle(lines: Lines) -> NDArray[np.int64]:
    return np.arange(len(lines) // 4, len(lines) - len(lines) // 4)
