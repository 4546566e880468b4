"""What the report says of a layer that was kept at a higher precision."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class KeptLayer:
    """A layer of an int8 file that runs at a higher precision.

    Attributes:
        name: of the layer, as in LayerError.
        op: as in "CONV_2D".
        precision: that it runs in.
        gain: share of calibration pixels whose class it brings back.
        cost_ms: what it adds to the network's time, on this machine.
        why: what the search saw in it, in a few words.
    """

    name: str
    op: str
    precision: Literal["int16", "float32"]
    gain: float
    cost_ms: float
    why: str
