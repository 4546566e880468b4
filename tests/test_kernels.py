"""edgeseg.kernels: which kernels run, and what the native ones refuse."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from edgeseg import kernels
from edgeseg.errors import ConfigError

NATIVE = kernels.available()[:-1]
needs_native = pytest.mark.skipif(not NATIVE, reason="the native extension is not built")


def test_the_environment_chooses(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in kernels.available():
        monkeypatch.setenv("EDGESEG_KERNELS", name)
        assert kernels.active() == name
        assert kernels.describe().startswith(name)


def test_an_unknown_choice_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EDGESEG_KERNELS", "cuda")
    with pytest.raises(ConfigError, match=r"'cuda', expected numpy, portable, .* or neon"):
        kernels.active()


def test_kernels_of_another_cpu_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in set(kernels.NAMES) - set(kernels.available()):
        monkeypatch.setenv("EDGESEG_KERNELS", name)
        with pytest.raises(ConfigError, match=rf"asks for {name} kernels"):
            kernels.active()


@needs_native
def test_the_best_are_the_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("EDGESEG_KERNELS", raising=False)
    assert kernels.active() == kernels.describe() == NATIVE[0]
    assert NATIVE[-1] == "portable"


@needs_native
@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"scores": np.zeros((2, 3), np.int8)}, "scores has 2 dimensions, expected 3"),
        ({"scores": np.zeros((2, 3, 4), np.int16)}, "scores is not int8, uint8, float16 or"),
        ({"scores": np.zeros((2, 3, 257), np.int8)}, "257 classes"),
        ({"scores": np.zeros((0, 3, 4), np.int8)}, "a side of 0"),
        ({"scale_x": 0.0}, "scales above 0"),
        ({"offset_y": float("nan")}, "finite numbers"),
        ({"out": np.zeros(2, np.uint8)}, "out has 1 dimensions"),
        ({"out": np.zeros((1, 2), np.int8)}, "out is not uint8"),
        ({"out": np.zeros((1, 4), np.uint8)[:, ::2]}, "out's columns lie apart"),
        ({"confidence": np.zeros((2, 1), np.uint8)}, "confidence is 2 x 1, expected 1 x 2"),
        ({"confidence": np.zeros((1, 2), np.int8)}, "confidence_dtype is 1, expected"),
        ({"confidence": np.zeros((1, 2), np.uint8), "confidence_scale": 0.0}, "scale is 0"),
        ({"counts": np.zeros(3, np.uint32)}, "counts is not one row of 4 numbers"),
        ({"counts": np.zeros(4, np.int32)}, "counts is not uint32"),
    ],
)
def test_native_checks_every_argument(change: dict[str, Any], message: str) -> None:
    from edgeseg import _native

    arguments: dict[str, Any] = {
        "scores": np.zeros((2, 3, 4), np.int8),
        "scale_x": 1.0,
        "scale_y": 1.0,
        "offset_x": 0.0,
        "offset_y": 0.0,
        "nearest": False,
        "out": np.zeros((1, 2), np.uint8),
    }
    _native.decode(**arguments)
    with pytest.raises(ValueError, match=message):
        _native.decode(**(arguments | change))


@needs_native
def test_native_does_not_write_to_read_only_memory() -> None:
    from edgeseg import _native

    out = np.zeros((1, 1), np.uint8)
    out.flags.writeable = False
    with pytest.raises(TypeError):
        _native.decode(np.zeros((1, 1, 1), np.int8), 1.0, 1.0, 0.0, 0.0, False, out)
