"""A Keras network as the device would run it: same preparation, same decode."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgeseg.decode import decode, grid_for
from edgeseg.evaluate import Segment
from edgeseg.manifest import Preparation, Size
from edgeseg.prepare import place, prepare
from edgeseg.runtimes import TensorSpec


def segment_with(model: Any, preparation: Preparation) -> Segment:
    """Return a function from a BGR frame and a size to `model`'s class map of that size.

    Args:
        model: keras.Model of full-size logits.
        preparation: of its input.
    """
    width, height = preparation.size
    tensor = TensorSpec((1, height, width, 3), "float32", 0.0, 0, "image")

    def segment(frame: NDArray[np.uint8], size: Size) -> NDArray[np.uint8]:
        logits = np.asarray(model(prepare(frame, preparation, tensor), training=False))[0]
        placement = place(Size(*frame.shape[1::-1]), preparation)
        return decode(logits, size, grid_for(size, placement, 1))

    return segment
