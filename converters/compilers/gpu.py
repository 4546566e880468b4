"""LiteRT's GPU accelerator (ML Drift on WebGPU), on any Vulkan driver.

A machine without a GPU can use SwiftShader, a driver that computes on the CPU: `make swiftshader`
puts one into build/swiftshader, and EDGESEG_VULKAN=build/swiftshader names it. The loader looks for
drivers when a process starts, so a child process with its own environment does the work. The
accelerator may say that it runs a whole graph and compute nonsense: numbers are always compared.
"""

from __future__ import annotations

import ctypes
import os
import re
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

from edgeseg.converters.delegates.op import Op, read_ops

from .litert import (
    NOT_COMPARED,
    PACKAGE,
    TIMEOUT_S,
    broke,
    is_hybrid,
    probes_for,
    why_no_litert,
)
from .process import Finished, installed, run_child
from .verdict import agreement, verdict
from .word import LeftOut, Word

FOLDER = "EDGESEG_VULKAN"
_LOADER = "libvulkan.so.1"
_KERNELS = "LiteRT's builtin kernels on the CPU"
_DRIVER = f"type: make swiftshader, then set {FOLDER}=build/swiftshader"

_REFUSED = re.compile(r"^([A-Z][A-Z0-9_]+): (.+?)\. (\S.*?)\s*$", re.MULTILINE)
_ADAPTER = re.compile(r"Selected adapter: ([^,]+),")
_INVALID = re.compile(r"Validation error: (.+)")
_DYNAMIC = "graph that has dynamic-sized tensors"
_NO_ADAPTER = "No adapters found"


def why_not() -> str:
    """Return why the GPU accelerator cannot be asked here, empty where it may be."""
    if why_no_litert():
        return why_no_litert()
    if find_spec("ai_edge_litert.compiled_model") is None:
        return f"{PACKAGE} {installed(PACKAGE)} has no GPU accelerator; 2.3 or newer has"
    folder = os.environ.get(FOLDER)
    if folder and not (Path(folder) / _LOADER).is_file():
        return f"{FOLDER}={folder} is no folder with {_LOADER}; {_DRIVER}"
    return "" if folder or _has_loader() else f"there is no Vulkan driver; {_DRIVER}"


def judge(tflite: bytes) -> Word | str:
    """Return the GPU accelerator's word on a file, or why it cannot be asked."""
    ops = read_ops(tflite)
    done = run_child("gpu", tflite, TIMEOUT_S, _environment(), probes_for(ops))
    if _NO_ADAPTER in done.output:
        return f"no graphics adapter was found; {_DRIVER}"
    adapter = _ADAPTER.search(done.output)
    where = f" on {adapter[1]}" if adapter else ""
    compiler = f"GPU accelerator of LiteRT {installed(PACKAGE)}{where}"
    if not done.facts:
        return Word(compiler, failed=broke(done, "the GPU accelerator"))
    word = _word(compiler, done, ops)
    return replace(word, culprit=_culprit(tflite)) if word.wrong else word


def refused(output: str, ops: tuple[Op, ...]) -> tuple[LeftOut, ...]:
    """Return the operators that the accelerator refused, from what it printed.

    It writes "TILE: the reason. a tensor", where the tensor may be an input or the output.
    """
    free = list(ops)
    found = []
    names = {op.name for op in ops}
    known = {t.name for op in ops for t in (*op.inputs, *op.outputs) if t is not None}
    lines = [line for line in dict.fromkeys(_REFUSED.findall(output)) if line[0] in names]
    for name, reason, tensor in sorted(lines, key=lambda line: line[2] not in known):
        op = _owner(free, name, tensor)
        if op is not None:
            free.remove(op)
        found.append(
            LeftOut(name, op.layer, reason, op.index) if op else LeftOut(name, tensor, reason)
        )
    return tuple(found)


def _owner(ops: list[Op], name: str, tensor: str) -> Op | None:
    """A tensor of an unknown name, the model's input for one, belongs to the only one left."""
    named = [op for op in ops if op.name == name]
    takes = [op for op in named if any(t is not None and t.name == tensor for t in op.inputs)]
    makes = [op for op in named if any(t.name == tensor for t in op.outputs)]
    return next(iter(takes + makes), named[0] if len(named) == 1 else None)


def _word(compiler: str, done: Finished, ops: tuple[Op, ...]) -> Word:
    left = () if done.facts.get("is_full") else refused(done.output, ops)
    found = done.facts.get("difference")
    wrong = verdict(found, _KERNELS, is_hybrid=is_hybrid(ops)) if found else ""
    loads = bool(done.facts["loads"] or done.facts.get("loads_with_cpu"))
    return Word(
        compiler,
        left_out=left,
        wrong=wrong,
        right=agreement(found, _KERNELS) if found and not wrong else "",
        notes=tuple(_notes(done)),
        failed="" if loads or left else _failure(done),
    )


def _culprit(tflite: bytes) -> int | None:
    """A part of a model may crash where the whole does not; then it stays unknown."""
    found = run_child("gpu-culprit", tflite, TIMEOUT_S, _environment()).facts.get("culprit")
    return None if found is None else int(found)


def _notes(done: Finished) -> list[str]:
    notes = []
    if done.facts.get("loads_with_cpu"):
        notes.append("it loads only together with the CPU, which takes what the GPU refuses")
    if failed := done.facts.get("run_error"):
        notes.append(f"its numbers were not compared: {failed}")
    elif "difference" not in done.facts and "is_full" in done.facts:
        notes.append(NOT_COMPARED)
    if invalid := _INVALID.search(done.output):
        notes.append(f"the driver reports: {invalid[1].strip()[:200]}")
    return notes


def _failure(done: Finished) -> str:
    if _DYNAMIC in done.output:
        return "the GPU accelerator takes no graph with sizes that are known only at run time"
    said = str(done.facts.get("error", "")).splitlines()
    return f"the GPU accelerator cannot load it: {said[-1].strip(' └') if said else 'no reason'}"


def _environment() -> dict[str, str]:
    """Return what the Vulkan loader must find when the child starts."""
    folder = os.environ.get(FOLDER)
    if not folder:
        return {}
    home = Path(folder).absolute()
    paths = [str(home), *filter(None, [os.environ.get("LD_LIBRARY_PATH")])]
    drivers = ":".join(str(path) for path in sorted(home.glob("*icd*.json")))
    found = {"VK_ICD_FILENAMES": drivers, "VK_DRIVER_FILES": drivers} if drivers else {}
    return {"LD_LIBRARY_PATH": ":".join(paths), **found}


def _has_loader() -> bool:
    try:
        ctypes.CDLL(_LOADER)
    except OSError:
        return False
    return True
