"""From a variant to something that can be timed: its file, what it is, and its workload."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from edgeseg.complexity import complexity
from edgeseg.errors import ConfigError
from edgeseg.manifest import Manifest, Size
from edgeseg.overlay import overlay
from edgeseg.segmenter import Segmenter
from edgeseg.sources.street import render_street

from .making import Tell, file_of
from .paired import Contestant, Workload
from .starting import Start
from .variants import Variant

What = Literal["network", "frame", "start"]
STAGES: dict[What, tuple[str, ...]] = {
    "network": ("infer",),
    "frame": ("prepare", "infer", "decode", "overlay"),
    "start": ("load", "first run"),
}
FRAME = Size(1280, 720)
STREET_SEED = 1


@dataclass(frozen=True)
class Case:
    """A variant with its file.

    Attributes:
        label: unique name in tables.
        variant: what was asked for.
        path, sha256, size_bytes: of the .tflite file.
        manifest: what the file says about itself.
        runtime: name and version of what runs it, with its kernels.
        runtime_name: of `edgeseg.runtimes.NAMES`; None was left open.
        threads: of the network.
        macs: multiply-accumulates of the network, as `edgeseg.complexity` counts them; None for a
            file whose sizes are open.
    """

    label: str
    variant: Variant
    path: Path
    sha256: str
    size_bytes: int
    manifest: Manifest
    runtime: str
    threads: int
    runtime_name: str | None = None
    macs: int | None = None

    @property
    def head(self) -> str:
        """The head in the words of the grammar."""
        head = self.manifest.head
        if head.kind == "class_map":
            return "argmax"
        if head.kind == "probability":
            return "probability"
        return "coarse" if head.stride > 1 else "full"


def prepare_cases(
    variants: Sequence[Variant], *, threads: int, runtime: str | None, tell: Tell
) -> list[Case]:
    """Find or make every variant's file, and open each once to see that it runs.

    `threads` and `runtime` are for the variants that name none.

    Raises:
        EdgesegError: a file is missing, cannot be made, or cannot be run.
    """
    labels = _labels([variant.text for variant in variants])
    files = [file_of(variant, tell) for variant in variants]
    return [
        _examine(label, variant, path, variant.threads or threads, variant.runtime or runtime)
        for label, variant, path in zip(labels, variants, files, strict=True)
    ]


def contestant(case: Case, what: What, peaks: list[int] | None = None) -> Contestant:
    """Return how to open and time a case.

    `peaks` takes the bytes of memory of each call, where `what` is `start`.

    Raises:
        ConfigError: `what` is unknown.
    """
    if what not in get_args(What):
        raise ConfigError(f"--what {what}: expected network, frame or start")
    if what == "start":
        into = [] if peaks is None else peaks
        return Contestant(
            case.label, lambda: Start(case.path, case.threads, case.runtime_name, into)
        )
    kind = _Network if what == "network" else _Frame
    frame = street_frame()

    def open_workload() -> Workload:
        return kind(Segmenter(case.path, threads=case.threads, runtime=case.runtime_name), frame)

    return Contestant(case.label, open_workload)


def identical(cases: Sequence[Case]) -> list[tuple[str, str]]:
    """Return the pairs of labels that are the same file, run in the same way."""
    first: dict[tuple[str, str, int], str] = {}
    pairs = []
    for case in cases:
        key = case.sha256, case.runtime, case.threads
        if key in first:
            pairs.append((first[key], case.label))
        first.setdefault(key, case.label)
    return pairs


def street_frame() -> NDArray[np.uint8]:
    """Return the picture that everything is timed on: BGR [720, 1280, 3], always the same."""
    pixels, _ = render_street(STREET_SEED, 0.0, FRAME)
    return pixels


class _Network:
    """The network alone, on a tensor that was prepared before."""

    def __init__(self, segmenter: Segmenter, frame: NDArray[np.uint8]) -> None:
        self._segmenter = segmenter
        self._tensor: NDArray[Any] = segmenter.prepare(frame)

    def run(self) -> tuple[float, ...]:
        start = perf_counter()
        self._segmenter.infer(self._tensor)
        return (perf_counter() - start,)

    def close(self) -> None:
        self._segmenter.close()


class _Frame:
    """All stages of a frame: the very calls that `edgeseg run` makes for a picture with colours."""

    def __init__(self, segmenter: Segmenter, frame: NDArray[np.uint8]) -> None:
        self._segmenter = segmenter
        self._frame = frame
        self._palette = segmenter.manifest.palette
        self._picture = np.empty_like(frame)

    def run(self) -> tuple[float, ...]:
        found = self._segmenter.segment(self._frame)
        start = perf_counter()
        overlay(self._frame, found.mask, self._palette, out=self._picture)
        overlay_s = perf_counter() - start
        times = found.times
        return times.prepare_ms / 1e3, times.infer_ms / 1e3, times.decode_ms / 1e3, overlay_s

    def close(self) -> None:
        self._segmenter.close()


def _labels(texts: Sequence[str]) -> list[str]:
    """Name variants as they were typed, without folders, and number repeated ones: fcn8 #2."""
    short = [text.rpartition("/")[2] for text in texts]
    if len(set(short)) < len(set(texts)):
        short = list(texts)
    return [
        f"{name} #{short[:index].count(name) + 1}" if name in short[:index] else name
        for index, name in enumerate(short)
    ]


def _examine(label: str, variant: Variant, path: Path, threads: int, runtime: str | None) -> Case:
    with Segmenter(path, threads=threads, runtime=runtime) as segmenter:
        manifest, name = segmenter.manifest, segmenter.runtime.name
    data = path.read_bytes()
    return Case(
        label=label,
        variant=variant,
        path=path,
        sha256=hashlib.sha256(data).hexdigest(),
        size_bytes=len(data),
        manifest=manifest,
        runtime=name,
        threads=threads,
        runtime_name=runtime,
        macs=complexity(data).macs or None,
    )
