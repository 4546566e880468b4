"""The float file that an int8 file is held against, layer by layer."""

from __future__ import annotations

from dataclasses import replace
from functools import cached_property
from itertools import islice
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgeseg.decode import decode, decode_class_map
from edgeseg.heads import grid_on
from edgeseg.manifest import Size
from edgeseg.prepare import place

from .calibrate import FramePlan, samples, tensors
from .export import export
from .load import Network
from .rewrite.head import Headed
from .tensors import Frames

FRAMES = 4
"""Frames for figures about layers: each frame has thousands of cells to average over."""

MANY = 16
"""Frames for what whole files lose."""


class Twin:
    """The same network in float32, and calibration frames; each made when first asked for."""

    def __init__(self, headed: Headed, network: Network, plan: FramePlan) -> None:
        """Prepare nothing yet."""
        self._model = headed.model
        self._preparation = network.preparation
        self._manifest = replace(network.manifest, head=headed.head)
        self._plan = plan

    @cached_property
    def tflite(self) -> bytes:
        """The float32 file."""
        samples_ = samples(self._plan, self._preparation)
        return export(self._model, self._preparation.size, "float32", "float32", samples_)

    @cached_property
    def few(self) -> Frames:
        """A few calibration tensors, evenly spread."""
        return self.frames(FRAMES)

    @cached_property
    def many(self) -> Frames:
        """More of them, to compare whole files on."""
        return self.frames(MANY)

    @cached_property
    def held_out(self) -> Frames:
        """A few tensors of the frames that the proof is held on, evenly spread."""
        step = max(1, len(self._plan.proof) // FRAMES)
        read = tensors(self._plan.pool, self._plan.proof, self._preparation)
        return list(islice(read, 0, None, step))[:FRAMES]

    def class_map(self, output: NDArray[Any]) -> NDArray[np.uint8]:
        """Return the class map, at the size of the network's input, of an output of either file."""
        head, size = self._manifest.head, self._preparation.size
        cells = Size(output.shape[2], output.shape[1])
        grid = grid_on(self._manifest, cells, size, place(size, self._preparation))
        if head.kind == "class_map":
            return decode_class_map(output.reshape(cells.height, cells.width), size, grid)
        return decode(output[0], size, grid, head.to_frame)

    def frames(self, count: int) -> Frames:
        """Return at most `count` calibration tensors, evenly spread.

        Spread over what can be read: some of the plan's pictures may be damaged.
        """
        step = max(1, len(self._plan.calibration) // count)
        read = samples(self._plan, self._preparation)()
        return [tensor for (tensor,) in islice(read, 0, None, step)][:count]
