"""A float network as the device would run it: same preparation, same decode."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgeseg.decode import decode, decode_class_map
from edgeseg.heads import grid_on
from edgeseg.manifest import Head, Manifest, Size
from edgeseg.prepare import place, prepare

from .calibrate import float_tensor
from .load import Network
from .quiet import quiet_tensorflow
from .rewrite.head import full_head, output_head
from .rewrite.static_batch import static_batch
from .saved_model import SavedNetwork


@dataclass(frozen=True)
class Kernels:
    """What runs a network, for a proof."""

    name: str


class FloatNetwork:
    """A float network in TensorFlow, with the face of edgeseg.segmenter.Segmenter.

    Attributes:
        manifest: with the head that the network's output is.
        runtime: what runs it.
    """

    runtime = Kernels("TensorFlow, float32")

    def __init__(self, run: Any, manifest: Manifest) -> None:
        """Wrap `run`, a compiled function of float32 [1, H, W, 3]."""
        self._run = run
        self.manifest = manifest

    @property
    def head(self) -> Head:
        """What the output is."""
        return self.manifest.head

    def prepare(self, frame: NDArray[Any]) -> NDArray[Any]:
        """Return a BGR uint8 frame as the network's input, float32 [1, H, W, 3]."""
        preparation = self.manifest.preparation
        return prepare(frame, preparation, float_tensor(preparation))

    def infer(self, tensor: NDArray[Any]) -> NDArray[Any]:
        """Return the output, float32 [1, h, w, classes] or class indices [1, h, w]."""
        import tensorflow as tf

        with quiet_tensorflow():
            result = self._run(tf.constant(tensor))
        return np.asarray(result[0] if isinstance(result, list) else result)

    def logits(self, tensor: NDArray[Any]) -> NDArray[Any]:
        """Return the output's only picture."""
        cells: NDArray[Any] = self.infer(tensor)[0]
        return cells

    def decode(
        self, output: NDArray[Any], frame: Size, size: Size | None = None
    ) -> NDArray[np.uint8]:
        """Return the class map of an output; see Segmenter.decode."""
        cells, out = Size(output.shape[2], output.shape[1]), size or frame
        grid = grid_on(self.manifest, cells, out, place(frame, self.manifest.preparation))
        if self.head.kind == "class_map":
            return decode_class_map(output.reshape(cells.height, cells.width), out, grid)
        return decode(output[0], out, grid, self.head.to_frame)


def full_network(network: Network) -> FloatNetwork:
    """Return a network with its full head, whose logits define every pixel, without a softmax."""
    if isinstance(network.model, SavedNetwork):
        head = output_head(network.model.input_shape, network.model.output_shape)
        return FloatNetwork(network.model.function, replace(network.manifest, head=head))
    full = full_head(network.model)
    return float_network(full.model, replace(network.manifest, head=full.head))


def float_network(model: Any, manifest: Manifest) -> FloatNetwork:
    """Return a functional Keras model; `manifest` has the head that its output is."""
    import tensorflow as tf

    return FloatNetwork(tf.function(static_batch(model, manifest.preparation.size)), manifest)
