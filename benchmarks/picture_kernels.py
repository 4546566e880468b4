"""What prepare and overlay cost, in plain copies of the frame (1280x720 BGR).

A copy is what no kernel that reads a frame and writes one can beat by much, on any machine. Every
call gets another frame, as from a camera: none of them is still in a cache. All kinds of work take
turns, and the least time of each counts: a neighbour can only add to it.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import cv2
import numpy as np
from numpy.typing import NDArray

from edgeseg import kernels
from edgeseg.labels import palette_for
from edgeseg.manifest import Preparation, Size
from edgeseg.overlay import colorize, overlay
from edgeseg.prepare import prepare
from edgeseg.runtimes import TensorSpec

Picture = NDArray[np.uint8]
Work = Callable[[int], object]

FRAME, INPUT = Size(1280, 720), Size(480, 352)
FRAMES = 16  # 44 MB, and as much for the results: more than caches hold
COPY = "copy"
# What calibration gives nearly all int8 models, as float32 holds it.
_SCALE, _ZERO_POINT = 0.007843137718737125, -1


@dataclass(frozen=True)
class Pictures:
    """Frames alike in content, each in memory of its own; their class maps; room for results."""

    frames: list[Picture]
    masks: list[Picture]
    results: list[Picture]


def pictures(frame: Picture, mask: Picture) -> Pictures:
    """Return `FRAMES` copies of a BGR frame [h, w, 3] and of its class map [h, w]."""
    count = range(FRAMES)
    return Pictures(
        [frame.copy() for _ in count],
        [mask.copy() for _ in count],
        [np.zeros_like(frame) for _ in count],
    )


def picture_work(held: Pictures, size: Size = INPUT) -> Mapping[str, Work]:
    """Return what is timed, by name; each is called with the number of a frame.

    Args:
        held: what it works on.
        size: of the network's input.
    """
    frames, masks, results = held.frames, held.masks, held.results
    palette = palette_for(int(masks[0].max()) + 1)
    yuyv = [cv2.cvtColor(frame, cv2.COLOR_BGR2YUV_YUY2) for frame in frames]
    preparation = Preparation(size)
    shape = (1, size.height, size.width, 3)
    int8, float32 = TensorSpec(shape, "int8", _SCALE, _ZERO_POINT), TensorSpec(shape, "float32")
    tensor, floats = (np.empty(spec.shape, spec.dtype) for spec in (int8, float32))
    return MappingProxyType(
        {
            COPY: lambda n: np.copyto(results[n], frames[n]),
            "prepare": lambda n: prepare(frames[n], preparation, int8, tensor),
            "prepare float32": lambda n: prepare(frames[n], preparation, float32, floats),
            "prepare yuyv": lambda n: prepare(yuyv[n], preparation, int8, tensor, layout="yuyv"),
            "overlay": lambda n: overlay(frames[n], masks[n], palette, out=results[n]),
            "overlay in place": lambda n: overlay(results[n], masks[n], palette, out=results[n]),
            "overlay contours": lambda n: overlay(
                frames[n], masks[n], palette, contour=1, out=results[n]
            ),
            "colorize": lambda n: colorize(masks[n], palette, out=results[n]),
        }
    )


def least_ms(work: Mapping[str, Work], turns: int = 20) -> dict[str, float]:
    """Return the least time of each, in milliseconds, over so many turns with all frames."""
    least = dict.fromkeys(work, float("inf"))
    for _ in range(turns):
        for name, run in work.items():
            for n in range(FRAMES):
                start_s = time.perf_counter()
                run(n)
                least[name] = min(least[name], (time.perf_counter() - start_s) * 1000.0)
    return least


def street(size: Size = FRAME) -> tuple[Picture, Picture]:
    """Return a made-up frame and class map: a dozen areas with curved edges."""
    random = np.random.default_rng(0)
    coarse = random.integers(0, 256, (11, 5, 8), np.uint8)
    scores = [cv2.resize(plane, size, interpolation=cv2.INTER_CUBIC) for plane in coarse]
    texture = random.integers(0, 256, (size.height // 4, size.width // 4, 3), np.uint8)
    frame = np.asarray(cv2.resize(texture, size), np.uint8)
    return frame, np.argmax(scores, axis=0).astype(np.uint8)


def lines(least: Mapping[str, float]) -> list[str]:
    """Return one line for each: its time, and how many copies that is."""
    return [f"{name:18}{ms:7.3f} ms{ms / least[COPY]:7.2f}" for name, ms in least.items()]


if __name__ == "__main__":
    title = f"{FRAME} to {INPUT}, {kernels.describe()} kernels, one thread; last: plain copies"
    sys.stdout.write("\n".join([title, *lines(least_ms(picture_work(pictures(*street()))))]) + "\n")
