"""A float network as the device would run it: same preparation, same decode."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgeseg.decode import decode
from edgeseg.evaluate import Segment
from edgeseg.heads import grid_on
from edgeseg.manifest import Manifest, Size
from edgeseg.prepare import place, prepare

from .calibrate import float_tensor
from .load import Network
from .quiet import quiet_tensorflow
from .rewrite.head import full_head, output_head
from .rewrite.static_batch import static_batch
from .saved_model import SavedNetwork


def segment_network(network: Network) -> tuple[Segment, Manifest]:
    """Return a function from a BGR frame and a size to the class map, and the full head's manifest.

    The full head defines every pixel: its logits, without a last softmax, are brought to the size
    at once. The first call compiles the network.
    """
    import tensorflow as tf

    if isinstance(network.model, SavedNetwork):
        run: Any = network.model.function
        head = output_head(network.model.input_shape, network.model.output_shape)
    else:
        full = full_head(network.model)
        run, head = tf.function(static_batch(full.model, network.preparation.size)), full.head
    manifest = replace(network.manifest, head=head)
    tensor = float_tensor(network.preparation)
    with quiet_tensorflow():
        run(tf.zeros(tensor.shape))

    def segment(frame: NDArray[np.uint8], size: Size) -> NDArray[np.uint8]:
        result = run(tf.constant(prepare(frame, network.preparation, tensor)))
        logits = np.asarray(result[0] if isinstance(result, list) else result)[0]
        placement = place(Size(*frame.shape[1::-1]), network.preparation)
        cells = Size(logits.shape[1], logits.shape[0])
        return decode(logits, size, grid_on(manifest, cells, size, placement), head.to_frame)

    return segment, manifest
