"""Hold files against the float file on calibration frames, in the runtime that the proof uses."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import closing
from statistics import median
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgeseg.runtimes import Runtime, default_threads, open_runtime

from .tensors import Frames, stored

_ROUNDS = 25  # of a timing


class Yardstick:
    """What files lose against the float file of the same network, and how long they take.

    Attributes:
        frames: how many calibration frames are looked at.
        threads: of the runtime.
    """

    def __init__(
        self,
        float_tflite: bytes,
        frames: Frames,
        class_map: Callable[[NDArray[Any]], NDArray[np.uint8]],
        threads: int | None = None,
    ) -> None:
        """Run the float file once.

        Args:
            float_tflite: the float32 file.
            frames: calibration tensors.
            class_map: makes a class map of an output of any of the files.
            threads: of the runtime, None means `edgeseg.runtimes.default_threads()`.
        """
        self.frames = len(frames)
        self.threads = threads or default_threads()
        self._frames, self._class_map = frames, class_map
        self._expected = self._maps(float_tflite)

    def lost(self, tflite: bytes) -> float:
        """Return the share of pixels whose class differs from the float file's."""
        pairs = zip(self._expected, self._maps(tflite), strict=True)
        return float(np.mean([np.mean(expected != found) for expected, found in pairs]))

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

    def _maps(self, tflite: bytes) -> list[NDArray[np.uint8]]:
        with closing(open_runtime(tflite, threads=self.threads)) as runtime:
            return [
                np.array(self._class_map(runtime.infer(_input(frame, runtime))[0]))
                for frame in self._frames
            ]


def _input(frame: NDArray[np.float32], runtime: Runtime) -> NDArray[Any]:
    spec = runtime.inputs
    return stored(frame, spec.dtype, spec.scale, spec.zero_point)


def _ms(runtime: Runtime, tensor: NDArray[Any]) -> float:
    start_s = time.perf_counter()
    runtime.infer(tensor)
    return (time.perf_counter() - start_s) * 1000.0
