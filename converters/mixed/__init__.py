"""Mixed precision: an int8 file in which the layers that cost most run in float32."""

from __future__ import annotations

from .budget import Candidate, within_budget
from .kept import KeptLayer
from .search import Search

__all__ = ["Candidate", "KeptLayer", "Search", "within_budget"]
