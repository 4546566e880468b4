"""Single operators, for all tests of this folder."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

# Tests are imported by path, not as a package; their common modules stand in a folder of their own.
sys.path.insert(0, str(Path(__file__).parent / "operators"))


import one_operator
import operator_cases
import operator_layers


@pytest.fixture(scope="session")
def build() -> Any:
    """Builds a .tflite file of independent operators."""
    return one_operator.build


@pytest.fixture(scope="session")
def transposed() -> Any:
    """Builds a transposed convolution: `transposed("float32", kernel=4, stride=2, side=8)`."""
    return operator_layers.transposed


@pytest.fixture(scope="session")
def cases() -> dict[str, tuple[Any, ...]]:
    """The operators of segmentation networks, by the type of their activations."""
    types = ("float32", "int8", "uint8", "int16")
    return {dtype: tuple(operator_cases.cases(dtype)) for dtype in types}
