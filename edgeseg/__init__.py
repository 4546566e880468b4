"""edgeseg: from a Keras fully convolutional network to live masks on a small device."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from edgeseg.loop import FrameResult, Pace, run_stream
    from edgeseg.manifest import Manifest
    from edgeseg.results import stream
    from edgeseg.segmenter import Segmentation, Segmenter, open_segmenter
    from edgeseg.sources import Frame, open_source

__all__ = [
    "Frame",
    "FrameResult",
    "Manifest",
    "Pace",
    "Segmentation",
    "Segmenter",
    "open_segmenter",
    "open_source",
    "run_stream",
    "stream",
]

_HOMES = {
    "Frame": "edgeseg.sources",
    "FrameResult": "edgeseg.loop",
    "Manifest": "edgeseg.manifest",
    "Pace": "edgeseg.loop",
    "Segmentation": "edgeseg.segmenter",
    "Segmenter": "edgeseg.segmenter",
    "open_segmenter": "edgeseg.segmenter",
    "open_source": "edgeseg.sources",
    "run_stream": "edgeseg.loop",
    "stream": "edgeseg.results",
}


def __getattr__(name: str) -> Any:
    """Import the public names when they are first used, so that `edgeseg --help` stays quick."""
    if name not in _HOMES:
        raise AttributeError(f"module 'edgeseg' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
