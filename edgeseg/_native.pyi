"""The native kernels (native/bindings.cc); absent where no C++ compiler was at hand."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

def kernels() -> list[str]: ...
def set_kernels(name: str) -> None: ...
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
) -> None: ...
