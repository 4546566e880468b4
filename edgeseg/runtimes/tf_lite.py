"""The interpreter inside TensorFlow, for workstations that have nothing smaller."""

from __future__ import annotations

import warnings
from importlib import import_module
from typing import Any


def load(model: bytes, threads: int) -> Any:
    """Return an interpreter. TensorFlow is imported here only, and takes seconds."""
    lite = import_module("tensorflow").lite
    with warnings.catch_warnings():
        # It calls itself deprecated in favour of LiteRT, which comes first here when installed.
        warnings.simplefilter("ignore")
        return lite.Interpreter(model_content=model, num_threads=threads)
