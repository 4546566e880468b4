"""Whole networks: the untouched int8 file against the one that is planned for a target."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from pathlib import Path

from edgeseg.benchmarks.paired import Plan

from .results import Network
from .timing import opener, rounds_ms, time_files, time_of

UNTOUCHED = "none"
"""The target that leaves every layer as it is."""


@dataclass(frozen=True)
class Made:
    """A network's int8 file.

    Attributes:
        path: of the file.
        size: of its input.
        forms: what each layer became.
        agreement: share of pixels on which the float network in these forms has the same class as
            the float network; 1 where no layer changed.
        pixels: how many were compared.
        int8_agreement: likewise, of the int8 file.
    """

    path: Path
    size: str
    forms: tuple[str, ...]
    agreement: float
    pixels: int
    int8_agreement: float


def compare_networks(
    model: Path,
    target: str,
    frames: Path | None,
    threads: Sequence[int],
    plan: Plan,
    pool: Executor,
    folder: Path,
) -> Iterator[Network]:
    """Convert a model both ways and time the int8 files, for each number of threads.

    Args:
        model: a Keras file.
        target: what the second file is planned for.
        frames: pictures that calibrate and are compared; None renders streets.
        threads: of the runtime.
        plan: how long to measure.
        pool: a process that converts.
        folder: for the files.

    Raises:
        EdgesegError: the model cannot be converted or run.
    """
    untouched, planned = (
        pool.submit(make, model, way, frames, folder).result() for way in (UNTOUCHED, target)
    )
    for count in threads:
        recording = time_files(
            [untouched.path, planned.path], (UNTOUCHED, target), count, plan, opener("xnnpack")
        )
        yield Network(
            model=model.stem,
            size=planned.size,
            target=target,
            forms=planned.forms,
            agreement=planned.agreement,
            pixels=planned.pixels,
            int8_agreements=(untouched.int8_agreement, planned.int8_agreement),
            threads=count,
            untouched=time_of(recording, 0),
            planned=time_of(recording, 1),
            rounds_ms=rounds_ms(recording),
        )


def make(model: Path, target: str, frames: Path | None, folder: Path) -> Made:
    """Convert a model to int8 with its full head, planned for a target."""
    from edgeseg.converters import ConvertOptions, convert

    path = folder / f"{model.stem}-{target}.tflite"
    report = convert(
        ConvertOptions(
            source=str(model),
            output=path,
            precision="int8",
            head="full",
            calibration=frames,
            target=target,
            # How long a file takes does not depend on its weights, and agreement is told.
            refine=False,
            min_agreement=0.0,
        )
    )
    rewritten, size = report.rewritten, report.manifest.preparation.size
    proof = rewritten.proof if rewritten else None
    return Made(
        path=path,
        size=str(size),
        forms=tuple(f"{one.layer}: {one.form}" for one in rewritten.swaps) if rewritten else (),
        agreement=proof.agreement if proof else 1.0,
        pixels=report.proof.frames * size.width * size.height,
        int8_agreement=report.proof.agreement,
    )
