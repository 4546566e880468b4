"""Mixed precision: an int8 file in which the layers that cost most run in float32."""

from __future__ import annotations

from .kept import KeptLayer

__all__ = ["KeptLayer"]
