"""LiteRT (`ai-edge-litert`), the default runtime."""

from __future__ import annotations

from typing import Any

from ai_edge_litert.interpreter import Interpreter


def load(model: bytes, threads: int) -> Any:
    """Return an interpreter whose default delegate is XNNPACK."""
    return Interpreter(model_content=model, num_threads=threads)
