"""Try out files on calibration frames: how many cells change their class, and how long it takes."""

from __future__ import annotations

import time
from collections.abc import Collection
from contextlib import closing
from statistics import median
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgeseg.converters.tensors import Frames, output_classes, stored
from edgeseg.runtimes import Runtime, default_threads, open_runtime

from .surgery import Surgeon

_ROUNDS = 25


class Trials:
    """Files of kept layers, tried in the runtime that the proof uses; each set once.

    Attributes:
        done: how many files were tried.
        spent_s: how long that took.
        threads: of the runtime.
    """

    def __init__(
        self, surgeon: Surgeon, float_tflite: bytes, frames: Frames, threads: int | None
    ) -> None:
        """Run the float file once, as what is to be reached."""
        self.done, self.spent_s = 0, 0.0
        self._surgeon, self._frames = surgeon, frames
        self.threads = threads or default_threads()
        self._known: dict[frozenset[int], float] = {}
        self._expected = self._classes(float_tflite)

    def lost(self, kept: Collection[int]) -> float:
        """Return the share of cells whose class differs from the float file's."""
        whole = self._surgeon.joined(kept)
        if whole not in self._known:
            start_s = time.monotonic()
            self._known[whole] = self._lost(self._surgeon.keep(whole))
            self.done += 1
            self.spent_s += time.monotonic() - start_s
        return self._known[whole]

    def _lost(self, tflite: bytes) -> float:
        found = self._classes(tflite)
        pairs = zip(self._expected, found, strict=True)
        return float(np.mean([np.mean(expected != classes) for expected, classes in pairs]))

    def _classes(self, tflite: bytes) -> list[NDArray[Any]]:
        with closing(open_runtime(tflite, threads=self.threads)) as runtime:
            return [
                output_classes(runtime.infer(_input(frame, runtime))[0]).copy()
                for frame in self._frames
            ]

    def added_ms(self, longer: bytes, shorter: bytes) -> tuple[float, float]:
        """Return how much longer one file takes than another, and how long, in milliseconds.

        They take turns, since a machine's speed drifts; medians count.
        """
        with (
            closing(open_runtime(longer, threads=self.threads)) as first,
            closing(open_runtime(shorter, threads=self.threads)) as second,
        ):
            tensors = _input(self._frames[0], first), _input(self._frames[0], second)
            pairs = [(_ms(first, tensors[0]), _ms(second, tensors[1])) for _ in range(_ROUNDS)]
        return median(a - b for a, b in pairs), median(a for a, _ in pairs)


def _input(frame: NDArray[np.float32], runtime: Runtime) -> NDArray[Any]:
    spec = runtime.inputs
    return stored(frame, spec.dtype, spec.scale, spec.zero_point)


def _ms(runtime: Runtime, tensor: NDArray[Any]) -> float:
    start_s = time.perf_counter()
    runtime.infer(tensor)
    return (time.perf_counter() - start_s) * 1000.0
