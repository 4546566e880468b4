"""Whole networks in int8: planned for a target, untouched, and as TensorFlow Lite alone has it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from pathlib import Path

from edgeseg.benchmarks.paired import Plan
from edgeseg.files import atomic_write_bytes
from edgeseg.manifest import Size

from .results import Network
from .timing import opener, rounds_ms, time_files, time_of

UNTOUCHED = "none"
"""The target that leaves every layer as it is."""

PLANNED = ("planned", "untouched", "stock")
"""The three files of a network; the first is the reference."""


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
    size: Size
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
    """Convert a model in all three ways and time the int8 files, for each number of threads.

    Args:
        model: a Keras file.
        target: what a file is planned for.
        frames: pictures that calibrate and are compared; None renders streets.
        threads: of the runtime.
        plan: how long to measure.
        pool: a process that converts.
        folder: for the files.

    Raises:
        EdgesegError: the model cannot be converted or run.
    """
    planned, untouched = (
        pool.submit(make, model, way, frames, folder).result() for way in (target, UNTOUCHED)
    )
    stock = pool.submit(make_stock, model, frames, folder).result()
    paths = (planned.path, untouched.path, stock)
    for count in threads:
        recording = time_files(paths, PLANNED, count, plan, opener("xnnpack", planned.size))
        yield Network(
            model=model.stem,
            size=str(planned.size),
            target=target,
            forms=planned.forms,
            agreement=planned.agreement,
            pixels=planned.pixels,
            int8_agreements=(untouched.int8_agreement, planned.int8_agreement),
            threads=count,
            planned=time_of(recording, 0),
            untouched=time_of(recording, 1),
            stock=time_of(recording, 2),
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
        size=size,
        forms=tuple(f"{one.layer}: {one.form}" for one in rewritten.swaps) if rewritten else (),
        agreement=proof.agreement if proof else 1.0,
        pixels=report.proof.frames * size.width * size.height,
        int8_agreement=report.proof.agreement,
    )


def make_stock(model: Path, frames: Path | None, folder: Path) -> Path:
    """Convert a model to int8 with TFLiteConverter alone, which leaves the batch open."""
    import tensorflow as tf

    from edgeseg.converters.calibrate import plan_frames, samples
    from edgeseg.converters.load import load
    from edgeseg.converters.options import ConvertOptions
    from edgeseg.converters.quiet import quiet_tensorflow

    path = folder / f"{model.stem}-stock.tflite"
    options = ConvertOptions(str(model), path, "int8", calibration=frames)
    network = load(options)
    with quiet_tensorflow():
        converter = tf.lite.TFLiteConverter.from_keras_model(network.model)
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
        plan = plan_frames(options, network)
        converter.representative_dataset = samples(plan, network.preparation)
        converter.inference_input_type = converter.inference_output_type = tf.int8
        atomic_write_bytes(path, bytes(converter.convert()))
    return path
