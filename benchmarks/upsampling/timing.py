"""Timing files against each other, with the rounds and sittings of `edgeseg bench`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgeseg.benchmarks.interval import is_precise, judge, ratio_to_reference
from edgeseg.benchmarks.paired import Contestant, Plan, Recording, Workload, measure
from edgeseg.manifest import Size
from edgeseg.runtimes import Runtime, TensorSpec, open_runtime

from .nets import Net
from .results import Group, Time

KERNELS = ("xnnpack", "builtin")
SEED = 2

Open = Callable[[Path, int], Runtime]


def time_forms(
    nets: Sequence[Net], precision: str, stride: int, threads: int, plan: Plan, kernels: str
) -> Group:
    """Time forms of one upsampling round by round; the first is the reference.

    Args:
        nets: their files.
        precision: of all of them, for the record.
        stride: likewise.
        threads: of the runtime.
        plan: how long.
        kernels: one of `KERNELS`.

    Raises:
        ModelError: a file does not run.
    """
    opened = opener(kernels)
    labels = tuple(net.contender.label for net in nets)
    recording = time_files([net.path for net in nets], labels, threads, plan, opened)
    return Group(
        precision=precision,
        stride=stride,
        threads=threads,
        kernels=tuple(_kernels(net.path, threads, opened) for net in nets),
        forms=tuple(net.contender for net in nets),
        times=tuple(time_of(recording, index) for index in range(len(nets))),
        rounds_ms=rounds_ms(recording),
    )


def time_files(
    paths: Sequence[Path], labels: tuple[str, ...], threads: int, plan: Plan, opened: Open
) -> Recording:
    """Return the recording of files that ran against each other on random input."""
    contestants = [
        Contestant(label, partial(_open_work, opened, path, threads))
        for label, path in zip(labels, paths, strict=True)
    ]
    recording = Recording(labels)
    measure(contestants, plan, recording, precise=is_precise)
    return recording


def time_of(recording: Recording, index: int) -> Time:
    """Return one contestant's figures."""
    calls = recording.calls_ms(index).sum(axis=1)
    time = Time(float(np.median(calls)), float(calls.min()), len(calls))
    if index == 0:
        return time
    ratio = ratio_to_reference(recording, index)
    return replace(
        time, ratio=ratio.value, low=ratio.low, high=ratio.high, verdict=judge(ratio).value
    )


def rounds_ms(recording: Recording) -> tuple[Any, ...]:
    """Return every timed call in milliseconds: [round][contestant][call]."""
    return tuple(
        tuple(np.round(block.sum(axis=1) * 1e3, 4).tolist() for block in entry.seconds)
        for entry in recording.rounds
    )


def opener(kernels: str, size: Size | None = None) -> Open:
    """Return what opens a file on XNNPACK, or on the runtime's builtin kernels.

    Args:
        kernels: one of `KERNELS`.
        size: of the input, where a file leaves it open.
    """
    if kernels == "builtin":
        return _open_builtin
    return lambda path, threads: open_runtime(path, name="litert", threads=threads, input_size=size)


def _open_builtin(path: Path, threads: int) -> Runtime:
    from ai_edge_litert.interpreter import Interpreter, OpResolverType

    from edgeseg.runtimes._interpreter import InterpreterRuntime

    def load(data: bytes, threads: int) -> Any:
        return Interpreter(
            model_content=data,
            num_threads=threads,
            experimental_op_resolver_type=OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES,
        )

    return InterpreterRuntime(load, path, label="litert", threads=threads)


def _kernels(path: Path, threads: int, opened: Open) -> str:
    runtime = opened(path, threads)
    name = runtime.name
    runtime.close()
    return name


def _open_work(opened: Open, path: Path, threads: int) -> Workload:
    return _Work(opened(path, threads))


class _Work:
    """A network on one random tensor."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._tensor = _random(runtime.inputs)

    def run(self) -> tuple[float, ...]:
        start = perf_counter()
        self._runtime.infer(self._tensor)
        return (perf_counter() - start,)

    def close(self) -> None:
        self._runtime.close()


def _random(spec: TensorSpec) -> NDArray[Any]:
    rng = np.random.default_rng(SEED)
    if spec.dtype.startswith("float"):
        return rng.standard_normal(spec.shape).astype(spec.dtype)
    limits = np.iinfo(spec.dtype)
    return rng.integers(limits.min, limits.max + 1, spec.shape).astype(spec.dtype)
