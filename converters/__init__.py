"""From a Keras model to a proven artifact (installed as edgeseg.converters; extra `convert`)."""

from __future__ import annotations

from .options import ConvertOptions
from .pipeline import ConvertReport, convert
from .prove import Proof

__all__ = ["ConvertOptions", "ConvertReport", "Proof", "convert"]
