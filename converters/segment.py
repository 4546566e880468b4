"""A float network as a function from a frame to its class map."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from edgeseg.evaluate import Segment
from edgeseg.manifest import Manifest, Size

from .calibrate import float_tensor
from .floats import full_network
from .load import Network


def segment_network(network: Network) -> tuple[Segment, Manifest]:
    """Return a function from a BGR frame and a size to the class map, and the full head's manifest.

    The full head defines every pixel: its logits, without a last softmax, are brought to the size
    at once. The first call compiles the network.
    """
    full = full_network(network)
    full.infer(np.zeros(float_tensor(network.preparation).shape, np.float32))

    def segment(frame: NDArray[np.uint8], size: Size) -> NDArray[np.uint8]:
        return full.decode(full.infer(full.prepare(frame)), Size(*frame.shape[1::-1]), size)

    return segment, full.manifest
