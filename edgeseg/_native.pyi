"""The native kernels (native/bindings.cc); absent where no C++ compiler was at hand."""

from collections.abc import Sequence
from enum import Enum
from typing import Any

import numpy as np
from numpy.typing import NDArray

def kernels() -> list[str]: ...
def set_kernels(name: str) -> None: ...

class Pool:
    def __init__(self, threads: int) -> None: ...

def decode(
    scores: NDArray[Any],
    scale_x: float,
    scale_y: float,
    offset_x: float,
    offset_y: float,
    nearest: bool,
    out: NDArray[np.uint8],
    confidence: NDArray[Any] | None = None,
    confidence_scale: float = 1.0,
    counts: NDArray[np.uint32] | None = None,
    pool: Pool | None = None,
) -> None: ...

class DType(Enum):
    int8 = 1
    uint8 = 2
    float32 = 4
    int16 = 5

class Layout(Enum):
    bgr = 1
    rgb = 2
    grey = 3
    yuyv = 4
    nv12 = 5

class Values:
    def __init__(
        self,
        dtype: DType,
        mean: Sequence[float],
        std: Sequence[float],
        scale: float,
        zero_point: int,
    ) -> None: ...

def prepare(
    frame: NDArray[np.uint8],
    layout: Layout,
    values: Values,
    out: NDArray[Any],
    rgb: bool,
    place: Sequence[int],
    pool: Pool | None = None,
) -> None: ...
def colorize(
    mask: NDArray[np.uint8],
    palette: NDArray[np.uint8],
    out: NDArray[np.uint8],
    pool: Pool | None = None,
) -> None: ...
def overlay(
    frame: NDArray[np.uint8],
    mask: NDArray[np.uint8],
    palette: NDArray[np.uint8],
    alpha: float,
    out: NDArray[np.uint8],
    contour: int,
    contour_palette: NDArray[np.uint8],
    pool: Pool | None = None,
) -> None: ...
