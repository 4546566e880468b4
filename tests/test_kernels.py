"""edgeseg.kernels: which kernels run, and what the native ones refuse."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from edgeseg import kernels
from edgeseg.errors import ConfigError

needs_native = pytest.mark.skipif(
    kernels.native_decode is None, reason="the native extension is not built"
)


def test_the_environment_chooses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EDGESEG_KERNELS", "numpy")
    assert kernels.active() == "numpy"
    assert kernels.describe().startswith("numpy")


def test_an_unknown_choice_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EDGESEG_KERNELS", "cuda")
    with pytest.raises(ConfigError, match="'cuda', expected native or numpy"):
        kernels.active()


@needs_native
def test_native_is_the_default_where_it_is_built(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("EDGESEG_KERNELS", raising=False)
    assert kernels.active() == "native"
    assert kernels.describe() == "native"


@needs_native
@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"scores": np.zeros((2, 3), np.int8)}, "scores has 2 dimensions, expected 3"),
        ({"scores": np.zeros((2, 3, 4), np.int16)}, "scores is not int8, uint8 or float32"),
        ({"scores": np.zeros((2, 3, 8), np.int8)[:, :, ::2]}, "scores is not C-contiguous"),
        ({"scores": np.zeros((2, 3, 257), np.int8)}, "257 classes"),
        ({"scores": np.zeros((0, 3, 4), np.int8)}, "a side of 0"),
        ({"columns": np.array([0, 4097], np.int32)}, r"columns\[1\] is 4097, expected 0 to 4096"),
        ({"rows": np.array([-1], np.int32)}, r"rows\[0\] is -1"),
        ({"rows": np.array([0], np.int64)}, "rows is not int32"),
        ({"out": np.zeros((2, 1), np.uint8)}, "out is 2 x 1, expected .* 1 x 2"),
        ({"out": np.zeros((1, 2), np.int8)}, "out is not uint8"),
    ],
)
def test_native_checks_every_array(change: dict[str, Any], message: str) -> None:
    arguments: dict[str, Any] = {
        "scores": np.zeros((2, 3, 4), np.int8),
        "columns": np.array([0, 4096], np.int32),
        "rows": np.array([2048], np.int32),
        "nearest": False,
        "out": np.zeros((1, 2), np.uint8),
    }
    assert kernels.native_decode is not None
    kernels.native_decode(**arguments)
    with pytest.raises(ValueError, match=message):
        kernels.native_decode(**(arguments | change))


@needs_native
def test_native_does_not_write_to_read_only_memory() -> None:
    out = np.zeros((1, 1), np.uint8)
    out.flags.writeable = False
    assert kernels.native_decode is not None
    zero = np.zeros(1, np.int32)
    with pytest.raises(TypeError):
        kernels.native_decode(np.zeros((1, 1, 1), np.int8), zero, zero, False, out)
