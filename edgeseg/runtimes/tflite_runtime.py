"""tflite-runtime 2.14, the last one for 32-bit ARM; it needs numpy below 2."""

from __future__ import annotations

from typing import Any

from tflite_runtime.interpreter import Interpreter


def load(model: bytes, threads: int) -> Any:
    """Return an interpreter; on x86 its int8 operators are the built-in ones, not XNNPACK's."""
    return Interpreter(model_content=model, num_threads=threads)
