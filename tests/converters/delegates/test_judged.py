"""The tables against the compilers and runtimes that run here, operator by operator."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import pytest

from edgeseg.converters.compilers import Word, compile_vela, gpu, vela
from edgeseg.converters.delegates import names, target
from edgeseg.converters.delegates.op import read_ops
from edgeseg.converters.delegates.target import check_ops
from edgeseg.runtimes import delegated_operators

Runs = Callable[[bytes, Any], bool]

# A float or 16-bit operator of these fails TFLite's own checks, and with it the whole file.
_INVALID = {
    "float32": ("ARG_MAX", "HARD_SWISH"),
    "int16": ("ARG_MAX", "DIV", "DEPTH_TO_SPACE", "SPACE_TO_DEPTH", "HARD_SWISH"),
}


def disagreements(name: str, cases: Iterable[Any], build: Any, runs: Runs) -> list[str]:
    """Return the cases where the table of target `name` says otherwise than `runs` sees."""
    found = []
    for case in cases:
        model = build([case])
        said = check_ops(read_ops(model), target(name)).placements[0]
        if said.runs != runs(model, case):
            found.append(f"{case.name}: table {said.runs} {'; '.join(said.reasons)}")
    return found


def every(cases: dict[str, tuple[Any, ...]]) -> list[Any]:
    return [case for some in cases.values() for case in some]


def test_xnnpack_takes_what_the_table_says(build: Any, cases: Any) -> None:
    def runs(model: bytes, _: Any) -> bool:
        interpreter = _interpreter(model, "AUTO")
        return interpreter is not None and bool(delegated_operators(interpreter._get_ops_details()))

    assert not disagreements("cpu", every(cases), build, runs)


def test_builtin_kernels_run_what_the_table_says(build: Any, cases: Any) -> None:
    def runs(model: bytes, case: Any) -> bool:
        interpreter = _interpreter(model, "BUILTIN_WITHOUT_DEFAULT_DELEGATES")
        if interpreter is None:
            return False
        return case.needs_shape or _invokes(interpreter)

    assert not disagreements("cpu-reference", every(cases), build, runs)


@pytest.mark.parametrize("name", ["tflm", "cmsis-nn"])
def test_tflite_micro_runs_what_the_table_says(name: str, build: Any, cases: Any) -> None:
    runtime = pytest.importorskip("tflite_micro.python.tflite_micro.runtime")

    def runs(model: bytes, case: Any) -> bool:
        try:
            interpreter = runtime.Interpreter.from_bytes(model, arena_size=2**22)
            live = [array for array in case.inputs if array.values is None]
            for index, array in enumerate(live):
                interpreter.set_input(np.zeros(array.shape, array.dtype), index)
            interpreter.invoke()
        except RuntimeError:
            return False
        return True

    # Both tables hold the same rules; the second needs only a glance at every type.
    some = every(cases) if name == "tflm" else every(cases)[::7]
    assert not disagreements(name, some, build, runs)


ACCELERATORS = [name for name in names() if name.startswith("ethos-")]
_QUICK = ("ethos-u55-128", "ethos-u65-256", "ethos-u85-256")


@pytest.mark.skipif(bool(vela.why_not()), reason=vela.why_not())
@pytest.mark.parametrize("dtype", ["int8", "uint8", "int16", "float32"])
@pytest.mark.parametrize(
    "name",
    [
        name if name in _QUICK else pytest.param(name, marks=pytest.mark.slow)
        for name in ACCELERATORS
    ],
)
def test_vela_places_what_the_table_says(name: str, dtype: str, build: Any, cases: Any) -> None:
    valid = [case for case in cases[dtype] if case.op not in _INVALID.get(dtype, ())]
    model = build(valid)
    left = {one.index for one in compile_vela(model, name).cpu_operators}
    placed = check_ops(read_ops(model), target(name)).placements
    assert None not in left
    assert not [
        f"{case.name}: table {said.runs} {'; '.join(said.reasons)}"
        for case, said in zip(valid, placed, strict=True)
        if said.runs == (said.op.index in left)
    ]


needs_gpu = pytest.mark.skipif(
    not os.environ.get(gpu.FOLDER) or bool(gpu.why_not()),
    reason=f"{gpu.FOLDER} names no folder with a Vulkan driver; type: make swiftshader",
)


def refused(word: Word) -> bool:
    """Whether the accelerator did not take all of a file."""
    with_cpu = any("only together with the CPU" in note for note in word.notes)
    return bool(word.left_out or word.failed) or with_cpu


@needs_gpu
@pytest.mark.slow
@pytest.mark.parametrize("dtype", ["float32", "int8", "uint8"])
def test_gpu_takes_what_the_table_says(dtype: str, build: Any, cases: Any) -> None:
    # Wrong numbers are no refusal: for these two the next test, and the table's own words.
    some = [case for case in cases[dtype] if case.op not in ("TRANSPOSE_CONV", "CAST")]
    placed = check_ops(read_ops(build(some)), target("gpu")).placements
    taken = [case for case, said in zip(some, placed, strict=True) if said.runs]
    word = gpu.judge(build(taken))
    assert not isinstance(word, str), word
    assert not refused(word), word
    for case in some:
        if case not in taken:
            alone = gpu.judge(build([case]))
            assert not isinstance(alone, str), alone
            assert refused(alone), case.name


# kernel, stride, input side, channels: both sides of each border of the two rules.
_TRANSPOSED = [
    *((4, 2, 7, 4), (3, 2, 7, 4), (3, 2, 8, 4), (16, 8, 7, 4), (16, 8, 8, 4), (16, 8, 12, 4)),
    *((16, 8, 44, 4), (10, 5, 4, 4), (10, 5, 5, 4), (9, 5, 4, 4), (9, 5, 6, 4), (6, 4, 6, 4)),
    *((64, 32, 32, 8), (32, 16, 16, 32), (32, 16, 16, 36), (16, 8, 8, 132)),
]


@needs_gpu
@pytest.mark.slow
@pytest.mark.parametrize(("kernel", "stride", "side", "channels"), _TRANSPOSED)
def test_gpu_is_wrong_where_the_table_says(
    kernel: int, stride: int, side: int, channels: int, build: Any, transposed: Any
) -> None:
    model = build(
        [transposed("float32", kernel=kernel, stride=stride, side=side, channels=channels, seed=1)]
    )
    word = gpu.judge(model)
    assert not isinstance(word, str), word
    assert not word.failed
    said = check_ops(read_ops(model), target("gpu")).placements[0]
    assert bool(word.wrong) is not said.runs, (word.wrong, said.reasons)


def _interpreter(model: bytes, kernels: str) -> Any:
    from ai_edge_litert.interpreter import Interpreter, OpResolverType

    try:
        interpreter = Interpreter(
            model_content=model, experimental_op_resolver_type=OpResolverType[kernels]
        )
        interpreter.allocate_tensors()
    except (RuntimeError, ValueError):
        return None
    return interpreter


def _invokes(interpreter: Any) -> bool:
    try:
        interpreter.invoke()
    except RuntimeError:
        return False
    return True
