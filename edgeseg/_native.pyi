"""The native kernels (native/bindings.cc); absent where no C++ compiler was at hand."""

import numpy as np
from numpy.typing import NDArray

def decode(
    scores: NDArray[np.int8] | NDArray[np.uint8] | NDArray[np.float32],
    columns: NDArray[np.int32],
    rows: NDArray[np.int32],
    nearest: bool,
    out: NDArray[np.uint8],
) -> None: ...
