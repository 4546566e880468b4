"""Inputs that a model's numbers are compared on, and how far outputs are apart."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgeseg.errors import EdgesegError
from edgeseg.modelfile import read_manifest

_WAVES = 12
_FASTEST = 12.0  # periods over the picture
_GRAIN = 0.1

Arrays = list[NDArray[Any]]


def probe(details: Mapping[str, Any], model: bytes, seed: int) -> NDArray[Any]:
    """Return a smooth noise for an input tensor: waves in all directions, and some grain.

    Floats are pixels from 0 to 255, prepared as the manifest says, or -1 to 1 without one; integers
    use their whole range.
    """
    shape, dtype = tuple(int(side) for side in details["shape"]), np.dtype(details["dtype"])
    noise = _smooth(shape, np.random.default_rng(seed))
    if dtype.kind == "f":
        mean, std = _normalization(model, shape)
        prepared: NDArray[Any] = ((127.5 * (1 + noise) - mean) / std).astype(dtype)
        return prepared
    limits = np.iinfo(dtype) if dtype.kind in "iu" else None
    if limits is None or limits.bits > 16:
        return np.zeros(shape, dtype)
    middle, reach = (limits.max + limits.min) / 2, (limits.max - limits.min) / 2
    return np.rint(middle + reach * noise).astype(dtype)


def difference(outputs: Arrays, expected: Arrays, scales: Sequence[bool]) -> dict[str, Any]:
    """Return how far outputs are from those expected, the worst of them.

    Args:
        outputs: of the runtime in question, one array for each probe.
        expected: of the reference kernels.
        scales: whether the output is quantized, which integers of a class map are not.

    Returns:
        `kind`: "float" (`largest` is relative to the range of what is expected), "steps" (of the
        quantization) or "classes" (share of the elements that differ); `winners`: share of the
        pixels with another largest class, None without classes.
    """
    is_float = expected[0].dtype.kind == "f"
    kind = "float" if is_float else "steps" if scales[0] else "classes"
    pairs = [
        (out.astype(np.float64), want.astype(np.float64))
        for out, want in zip(outputs, expected, strict=True)
    ]
    has_classes = kind != "classes" and expected[0].ndim == 4 and expected[0].shape[-1] > 1
    return {
        "kind": kind,
        "largest": max(_distance(kind, out, want) for out, want in pairs),
        "winners": max(_other_winners(out, want) for out, want in pairs) if has_classes else None,
    }


def _smooth(shape: tuple[int, ...], rng: np.random.Generator) -> NDArray[np.float64]:
    if len(shape) != 4:
        return np.clip(rng.normal(0, 0.5, shape), -1, 1)
    _, height, width, channels = shape
    rows, columns = np.mgrid[0 : 1 : 1j * height, 0 : 1 : 1j * width][..., None]
    picture = _GRAIN * rng.normal(size=(height, width, channels))
    for _ in range(_WAVES):
        down, right = rng.uniform(-_FASTEST, _FASTEST, 2)
        phases = rng.uniform(0, 2 * math.pi, channels)
        picture += np.sin(2 * math.pi * (down * rows + right * columns) + phases) / 4
    return np.broadcast_to(np.clip(picture, -1, 1), shape)


def _normalization(model: bytes, shape: tuple[int, ...]) -> tuple[NDArray[Any], NDArray[Any]]:
    try:
        manifest = read_manifest(model)
    except EdgesegError:
        manifest = None
    if manifest is None or shape[-1] != 3:
        return np.array(127.5), np.array(127.5)
    return np.array(manifest.preparation.mean), np.array(manifest.preparation.std)


def _distance(kind: str, out: NDArray[np.float64], want: NDArray[np.float64]) -> float:
    if kind == "classes":
        return float((out != want).mean())
    apart = np.abs(out - want)
    apart[np.isnan(out) & np.isnan(want)] = 0
    largest = float(apart.max()) if np.isfinite(apart).all() else math.inf
    if kind == "steps":
        return largest
    known = want[np.isfinite(want)]
    span = float(np.ptp(known)) if known.size else 0.0
    return largest / span if span > 0 else largest


def _other_winners(out: NDArray[np.float64], want: NDArray[np.float64]) -> float:
    return float((out.argmax(-1) != want.argmax(-1)).mean())
