"""Whole networks: the untouched int8 file against the one that is planned for a target."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np

from edgeseg.benchmarks.paired import Plan

from .results import Network
from .timing import opener, rounds_ms, time_files, time_of

UNTOUCHED = "none"
"""The target that leaves every layer as it is."""

FRAMES = 16


@dataclass(frozen=True)
class Pair:
    """A network's files in both ways.

    Attributes:
        untouched, planned: int8 files.
        forms: what each layer became.
        size: of the input.
        agreement, pixels: of the float files' class maps.
    """

    untouched: Path
    planned: Path
    forms: tuple[str, ...]
    size: str
    agreement: float
    pixels: int


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
    pair = pool.submit(make_pair, model, target, frames, folder).result()
    for count in threads:
        recording = time_files(
            [pair.untouched, pair.planned], ("untouched", "planned"), count, plan, opener("xnnpack")
        )
        yield Network(
            model=model.stem,
            size=pair.size,
            target=target,
            forms=pair.forms,
            agreement=pair.agreement,
            pixels=pair.pixels,
            threads=count,
            untouched=time_of(recording, 0),
            planned=time_of(recording, 1),
            rounds_ms=rounds_ms(recording),
        )


def make_pair(model: Path, target: str, frames: Path | None, folder: Path) -> Pair:
    """Convert a model untouched and planned, to int8 and to float32, all with the full head."""
    from edgeseg.converters import ConvertOptions, convert

    folder.mkdir(parents=True, exist_ok=True)
    files: dict[tuple[str, str], Path] = {}
    forms: tuple[str, ...] = ()
    for precision in ("int8", "float32"):
        for way in (UNTOUCHED, target):
            path = folder / f"{model.stem}-{way}-{precision}.tflite"
            report = convert(
                ConvertOptions(
                    source=str(model),
                    output=path,
                    precision=precision,
                    head="full",
                    calibration=frames,
                    target=way,
                    # Weights do not change how long a file takes, and agreement is told below.
                    refine=False,
                    min_agreement=0.0,
                )
            )
            files[way, precision] = path
            if report.rewritten is not None:
                forms = tuple(f"{one.layer}: {one.form}" for one in report.rewritten.swaps)
    agreement, pixels = agreement_of(files[UNTOUCHED, "float32"], files[target, "float32"], frames)
    size = str(report.manifest.preparation.size)
    return Pair(files[UNTOUCHED, "int8"], files[target, "int8"], forms, size, agreement, pixels)


def agreement_of(one: Path, other: Path, frames: Path | None) -> tuple[float, int]:
    """Return on which share of pixels two files have the same class, and of how many.

    Args:
        one: a .tflite file with a full head.
        other: another with the same.
        frames: pictures to look at, `FRAMES` of them, evenly spread; None renders streets.
    """
    from edgeseg.converters.frames import Streets, open_pool
    from edgeseg.segmenter import Segmenter

    pictures = Streets() if frames is None else open_pool(frames, None)
    step = max(1, pictures.length // FRAMES)
    chosen = list(islice(range(0, pictures.length, step), FRAMES))
    same = pixels = 0
    with Segmenter(one) as first, Segmenter(other) as second:
        for shot in pictures.read(chosen, truth=False):
            tensor = first.prepare(shot.pixels)
            winners = [np.argmax(each.infer(tensor), axis=-1) for each in (first, second)]
            same += int(np.count_nonzero(winners[0] == winners[1]))
            pixels += winners[0].size
    return same / max(pixels, 1), pixels
