"""TensorFlow Lite Micro (package `tflite-micro`), with its reference kernels."""

from __future__ import annotations

import re
from functools import lru_cache

from edgeseg.converters.delegates.op import Op, read_ops

from .litert import NOT_COMPARED, TIMEOUT_S, broke, is_hybrid, probes_for, why_no_litert
from .process import Finished, installed, run_child
from .verdict import agreement, verdict
from .word import LeftOut, Word

_PACKAGE = "tflite-micro"
_KERNELS = "LiteRT's reference kernels"
_MISSING = re.compile(r"^Didn't find op for builtin opcode '(\w+)'$", re.MULTILINE)
_FAILED = re.compile(r"Node (\w+) \(number (\d+)\)\.? failed to (\w+)")
_ARENA = re.compile(r"Arena allocation total (\d+) bytes")


def why_not() -> str:
    """Return why TFLite Micro cannot be asked here, empty where it can."""
    if not installed(_PACKAGE):
        return f"TFLite Micro is not installed; type: pip install {_PACKAGE}"
    return why_no_litert()


@lru_cache(maxsize=1)  # two targets ask for the same
def judge(tflite: bytes) -> Word:
    """Return whether TFLite Micro runs a file, and whether its numbers are the reference's."""
    compiler = f"TFLite Micro {installed(_PACKAGE)} (reference kernels)"
    ops = read_ops(tflite)
    done = run_child("tflm", tflite, TIMEOUT_S, probes=probes_for(ops))
    if not done.facts:
        left = missing(done.output, ops)
        notes = ("TFLite Micro stops at the first operator that it lacks",) if left else ()
        failed = "" if left else broke(done, "TFLite Micro")
        return Word(compiler, left, notes=notes, failed=failed, is_whole=not left)
    found = done.facts.get("difference")
    wrong = verdict(found, _KERNELS, is_hybrid=is_hybrid(ops), exact=True) if found else ""
    return Word(
        compiler,
        figures=_figures(done),
        wrong=wrong,
        right=agreement(found, _KERNELS) if found and not wrong else "",
        notes=() if found else (_not_compared(done),),
    )


def missing(output: str, ops: tuple[Op, ...]) -> tuple[LeftOut, ...]:
    """Return the operators that TFLite Micro stopped at, from what it printed."""
    if lacking := _MISSING.search(output):
        reason = f"TFLite Micro has no {lacking[1]}"
        named = (op for op in ops if op.name == lacking[1])
        return tuple(LeftOut(op.name, op.layer, reason, op.index) for op in named)
    failed = _FAILED.search(output)
    if failed is None or int(failed[2]) >= len(ops):
        return ()
    op = ops[int(failed[2])]
    before = output[: failed.start()].strip().splitlines()
    said = re.sub(r"^\S+\.cc(:\d+)? ", "", before[-1]) if before else f"failed to {failed[3]}"
    return (LeftOut(op.name, op.layer, said, op.index),)


def _not_compared(done: Finished) -> str:
    why = str(done.facts.get("run_error", "")).partition("\n")[0]
    return f"its numbers were not compared: {why}" if why else NOT_COMPARED


def _figures(done: Finished) -> dict[str, float]:
    arena = _ARENA.search(done.output)
    return {"arena_bytes": int(arena[1])} if arena else {}
