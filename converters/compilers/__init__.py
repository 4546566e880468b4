"""Real compilers and runtimes: where one is installed, its word stands above a table's.

`ask` gives the word, or says why there is none. Whether a compiler ended well, or calls a graph
fully accelerated, is never taken for an answer: what it left out is read from the file that it
made, and numbers are compared with LiteRT's own kernels. Nothing here imports TensorFlow.
"""

from __future__ import annotations

from collections.abc import Callable

from edgeseg.converters.delegates.target import Target

from . import gpu, intel, tflm, vela, xnnpack
from .vela import Compiled, compile_vela
from .word import LeftOut, Word

__all__ = ["Compiled", "LeftOut", "Word", "ask", "compile_vela", "judge", "why_not"]

_REASONS: dict[str, Callable[[], str]] = {
    "xnnpack": xnnpack.why_not,
    "vela": vela.why_not,
    "gpu": gpu.why_not,
    "tflm": tflm.why_not,
    "intel": intel.why_not,
}


def judge(tflite: bytes, target: Target) -> Word | None:
    """Return the word of a target's compiler on a file, None where none is to be had.

    Raises:
        ModelError: the file is damaged, or no .tflite file.
        ConfigError: the target's accelerator is unknown to its compiler.
    """
    answer = ask(tflite, target)
    return answer if isinstance(answer, Word) else None


def why_not(target: Target) -> str:
    """Return why a target's compiler cannot be asked, and what to install; empty where it can."""
    if not target.compiler:
        return "its compiler is not to be had as a package"
    return _REASONS[target.compiler]()


def ask(tflite: bytes, target: Target) -> Word | str:
    """Return the word of a target's compiler on a file, or why there is none.

    Raises:
        ModelError: the file is damaged, or no .tflite file.
        ConfigError: the target's accelerator is unknown to its compiler.
    """
    if reason := why_not(target):
        return reason
    if target.compiler == "vela":
        return vela.judge(tflite, target)
    if target.compiler == "gpu":
        return gpu.judge(tflite)
    if target.compiler == "tflm":
        return tflm.judge(tflite)
    return intel.judge(tflite) if target.compiler == "intel" else xnnpack.judge(tflite)
