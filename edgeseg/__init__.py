"""edgeseg: from a Keras fully convolutional network to live masks on a small device."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from edgeseg.manifest import Manifest
    from edgeseg.segmenter import Segmentation, Segmenter, open_segmenter
    from edgeseg.sources import Frame, open_source
    from edgeseg.stream import FrameResult, run_stream

__all__ = [
    "Frame",
    "FrameResult",
    "Manifest",
    "Segmentation",
    "Segmenter",
    "open_segmenter",
    "open_source",
    "run_stream",
]

_HOMES = {
    "Frame": "edgeseg.sources",
    "FrameResult": "edgeseg.stream",
    "Manifest": "edgeseg.manifest",
    "Segmentation": "edgeseg.segmenter",
    "Segmenter": "edgeseg.segmenter",
    "open_segmenter": "edgeseg.segmenter",
    "open_source": "edgeseg.sources",
    "run_stream": "edgeseg.stream",
}


def __getattr__(name: str) -> Any:
    """Import the public names when they are first used, so that `edgeseg --help` stays quick."""
    if name not in _HOMES:
        raise AttributeError(f"module 'edgeseg' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
