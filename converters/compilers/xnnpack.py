"""XNNPACK, the delegate that LiteRT takes by itself on CPUs."""

from __future__ import annotations

from edgeseg.converters.delegates.op import read_ops

from .litert import (
    NOT_COMPARED,
    PACKAGE,
    TIMEOUT_S,
    broke,
    is_hybrid,
    probes_for,
    why_no_litert,
)
from .process import installed, run_child
from .verdict import agreement, verdict
from .word import LeftOut, Word

_KERNELS = "LiteRT's builtin kernels"


def why_not() -> str:
    """Return why XNNPACK cannot be asked here, empty where it can."""
    return why_no_litert()


def judge(tflite: bytes) -> Word:
    """Return which operators XNNPACK really takes of a file, and whether its numbers are right."""
    compiler = f"XNNPACK of LiteRT {installed(PACKAGE)}"
    ops = read_ops(tflite)
    done = run_child("xnnpack", tflite, TIMEOUT_S, probes=probes_for(ops))
    if not done.facts:
        return Word(compiler, failed=broke(done, "LiteRT"))
    taken = {int(index) for index in done.facts["taken"]}
    rest = (op for op in ops if op.index not in taken)
    found = done.facts.get("difference")
    wrong = verdict(found, _KERNELS, is_hybrid=is_hybrid(ops)) if found else ""
    return Word(
        compiler,
        left_out=tuple(LeftOut(op.name, op.layer, "", op.index) for op in rest),
        wrong=wrong,
        right=agreement(found, _KERNELS) if found and not wrong else "",
        notes=() if found else (NOT_COMPARED,),
    )
