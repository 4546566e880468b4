"""From a Keras model to a proven .tflite file."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from edgeseg.complexity import complexity
from edgeseg.errors import GateError, ModelError
from edgeseg.files import atomic_write_bytes, check_writable
from edgeseg.manifest import Manifest
from edgeseg.segmenter import Segmenter

from .calibrate import FramePlan, plan_frames, samples
from .coverage import clipping_warnings
from .embed import embed_manifest
from .export import export
from .flatbuffer import check_flatbuffer
from .frames import Streets
from .gate import Gate
from .load import Network, load
from .mixed import Candidate, KeptLayer
from .normalization import normalization_warnings
from .options import ConvertOptions, check_options, gate, tensor_type
from .prove import Proof, Reference, prove
from .quiet import quiet_tensorflow
from .refine import culprits, refine
from .report import observe, write_report
from .rewrite.head import HEADS, Headed, full_head, output_head
from .rewrite.static_batch import static_batch
from .saved_model import SavedNetwork
from .sensitivity import LayerError
from .twin import Twin

Progress = Callable[[str], None]
_Verdict = TypeVar("_Verdict")


@dataclass(frozen=True)
class ConvertReport:
    """What a conversion made.

    Attributes:
        manifest: as embedded in the file.
        path: of the file.
        size_bytes, source_bytes: of the file and of the model it came from.
        proof: the comparison with the float network.
        calibrated_on: in words.
        notes: guesses and fallbacks, each with the flag that overrules it.
        duration_s: of the whole conversion.
        layers: each layer's signal-to-noise ratio, where `sensitivity` or `report` asked for them.
        kept: layers that stay in a higher precision than the file's.
        warnings: what makes the calibration doubtful, each with what to type next.
    """

    manifest: Manifest
    path: Path
    size_bytes: int
    source_bytes: int
    proof: Proof
    calibrated_on: str
    notes: tuple[str, ...]
    duration_s: float
    layers: tuple[LayerError, ...] = ()
    kept: tuple[KeptLayer, ...] = ()
    warnings: tuple[str, ...] = ()


def convert(options: ConvertOptions, progress: Progress | None = None) -> ConvertReport:
    """Convert a Keras model to a .tflite file that explains itself, and prove it.

    The file appears complete or not at all; an older one of the same name is replaced. The page
    that `options.report` asks for is written even where the gate refuses the file.

    Args:
        options: what to convert, and how.
        progress: called with a few words at the start of each step.

    Raises:
        ConfigError: options that make no sense together.
        ModelError: the model cannot be loaded or converted.
        DataError, SourceError: calibration frames or masks cannot be used.
        OutputError: the file cannot be written.
        GateError: the file would differ too much from the float network.
        MissingExtraError: TensorFlow is not installed.
    """
    start_s, tell = time.monotonic(), progress or _silent
    check_options(options)
    for path in filter(None, (options.output, options.report)):
        check_writable(path)
    tell("loading the model")
    network = load(options)
    headed = choose_head(network, options)
    plan = plan_frames(options, network)
    tell(f"converting to {options.precision}")
    tflite = _export(headed, network, plan, options)
    check_flatbuffer(tflite)
    manifest = replace(network.manifest, head=headed.head, precision=options.precision)
    twin, asked = Twin(headed, network, plan), _gate(options, plan)

    def proof_of(data: bytes) -> Proof:
        tell(f"proving on {plan.proven_on}")
        return _judged(embed_manifest(data, manifest), network, plan, options, prove)

    made = refine(tflite, twin, asked, proof_of, _with_layers(options), tell)
    manifest = _with_proof(manifest, made)
    data = embed_manifest(made.tflite, manifest)
    report = ConvertReport(
        manifest=manifest,
        path=options.output,
        size_bytes=len(data),
        source_bytes=network.size_bytes,
        proof=made.proof,
        calibrated_on=plan.calibrated_on,
        notes=_notes(network, headed, plan, made),
        duration_s=time.monotonic() - start_s,
        layers=made.layers,
        kept=made.kept,
        warnings=_warnings(network, plan, twin, tflite),
    )
    refusal = _refusal(asked, report, options)
    if options.report is not None:
        tell(f"writing {options.report}")
        observed = _judged(data, network, plan, options, observe)
        work = complexity(data)
        write_report(options.report, report, options, observed, work, refusal)
    if refusal:
        raise _error(refusal, report, options)
    atomic_write_bytes(options.output, data)
    return report


def choose_head(network: Network, options: ConvertOptions) -> Headed:
    """Return the network with the head that was asked for.

    Raises:
        ModelError: it has no such head.
    """
    if not isinstance(network.model, SavedNetwork):
        return HEADS[options.head](network.model)
    if options.head in ("coarse", "argmax"):
        raise ModelError(
            f"--head {options.head} needs the layers, which a SavedModel does not show; take "
            "--head full, or convert the .keras file"
        )
    notes = ("the head is full, not coarse: a SavedModel does not show its layers",)
    head = output_head(network.model.input_shape, network.model.output_shape)
    return Headed(network.model, head, notes if options.head == "auto" else ())


def _export(headed: Headed, network: Network, plan: FramePlan, options: ConvertOptions) -> bytes:
    return export(
        headed.model,
        network.preparation.size,
        options.precision,
        tensor_type(options),
        samples(plan, network.preparation),
    )


def _judged(
    data: bytes,
    network: Network,
    plan: FramePlan,
    options: ConvertOptions,
    judge: Callable[[Reference, Segmenter, FramePlan], _Verdict],
) -> _Verdict:
    """Judge the file as the device will see it: opened from disk by the Segmenter."""
    with tempfile.TemporaryDirectory(prefix="edgeseg-") as folder:
        path = Path(folder) / "candidate.tflite"
        atomic_write_bytes(path, data)
        with Segmenter(path, threads=options.threads) as segmenter:
            return judge(_reference(network), segmenter, plan)


def _reference(network: Network) -> Reference:
    """Return the float network with its full head, compiled."""
    import tensorflow as tf

    if isinstance(network.model, SavedNetwork):
        run = network.model.function
        head = output_head(network.model.input_shape, network.model.output_shape)
    else:
        full = full_head(network.model)
        static = static_batch(full.model, network.preparation.size)
        run, head = tf.function(static), full.head

    def logits(tensor: NDArray[Any]) -> NDArray[Any]:
        with quiet_tensorflow():
            result = run(tf.constant(tensor))
        scores: NDArray[Any] = np.asarray(result[0] if isinstance(result, list) else result)
        cells: NDArray[Any] = scores[0]
        return cells

    return Reference(logits, head)


def _gate(options: ConvertOptions, plan: FramePlan) -> Gate:
    return Gate(gate(options), options.max_drop, calibrated=bool(plan.calibration))


def _with_proof(manifest: Manifest, made: Candidate) -> Manifest:
    kept = tuple(layer.name for layer in made.kept)
    return replace(manifest, proof=made.proof.to_json(), float_layers=kept)


def _with_layers(options: ConvertOptions) -> ConvertOptions:
    """Return the options for a file whose report has its layers' errors."""
    wanted = options.report is not None and options.precision == "int8"
    return replace(options, sensitivity=options.sensitivity or wanted)


def _refusal(asked: Gate, report: ConvertReport, options: ConvertOptions) -> str:
    """Return why the file must not be written, empty where it may."""
    try:
        asked.check(report.proof, culprits(report.layers, options))
    except GateError as refusal:
        return str(refusal)
    return ""


def _error(refusal: str, report: ConvertReport, options: ConvertOptions) -> GateError:
    """Return the error of a refused file: the gate's reasons, the warnings, and where to look."""
    page = (f"the proof is in {options.report}",) if options.report else ()
    return GateError("; ".join((refusal, *report.warnings, *page)))


def _warnings(network: Network, plan: FramePlan, twin: Twin, tflite: bytes) -> tuple[str, ...]:
    """Return why the calibration may be doubtful; prepared frames are looked at without one too."""
    found = plan.warnings + normalization_warnings(network, twin.held_out)
    if not plan.calibration:
        return found
    rest = plan.pool.length - len(plan.calibration) - len(plan.proof)
    more = rest > 0 and not isinstance(plan.pool, Streets)
    return found + clipping_warnings(tflite, twin.tflite, twin.held_out, could_use_more=more)


def _notes(
    network: Network,
    headed: Headed,
    plan: FramePlan,
    made: Candidate,
) -> tuple[str, ...]:
    notes = [f"guessed: {guess}" for guess in network.guesses]
    notes += [*headed.notes, *plan.notes, *made.notes]
    if plan.pool.unreadable:
        names = ", ".join(plan.pool.unreadable[:5])
        notes.append(f"{len(plan.pool.unreadable)} {plan.pool.name} could not be read: {names}")
    if made.proof.classes_seen == 1:
        notes.append(
            f"the float network sees only {next(iter(made.proof.per_class))} on these frames, so "
            "the agreement says little; check --normalize, --color and --calib"
        )
    return tuple(notes)


def _silent(step: str) -> None:
    del step
