"""From a Keras model to a proven .tflite file."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

from edgeseg.complexity import complexity
from edgeseg.errors import GateError, ModelError
from edgeseg.files import atomic_write_bytes, check_writable
from edgeseg.manifest import Manifest
from edgeseg.segmenter import Segmenter

from .calibrate import FramePlan, plan_frames, samples
from .compile_step import CompiledFile, compile_file, compiled_path
from .coverage import clipping_warnings
from .delegates.op import read_ops
from .delegates.target import Check, check_ops
from .embed import embed_manifest
from .export import export
from .flatbuffer import check_flatbuffer
from .floats import FloatNetwork, full_network
from .frames import Streets
from .gate import Gate
from .load import Network, load
from .mixed import Candidate, KeptLayer
from .normalization import normalization_warnings
from .options import ConvertOptions, check_options, gate, tensor_type
from .prove import Proof, prove
from .refine import culprits, refine
from .report import observe, write_report
from .rewrite.head import HEADS, Headed, output_head
from .rewriting import Rewritten, check_target, least_agreement, rewrite
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
        rewritten: which upsampling layers took another form for the target, and what that changed.
        check: where each operator runs, by the target's table; None without a target.
        compiled: the file that the target's compiler made, where that was asked for.
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
    rewritten: Rewritten | None = None
    check: Check | None = None
    compiled: CompiledFile | None = None


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
    if options.compiled:
        compiled_path(options)
    network, reference, plan, rewritten = _planned(options, tell)
    if rewritten.refusal:
        raise GateError(rewritten.refusal)
    headed = rewritten.headed
    tell(f"converting to {options.precision}")
    tflite = _export(headed, network, plan, options)
    check_flatbuffer(tflite)
    manifest = replace(
        network.manifest,
        head=headed.head,
        precision=options.precision,
        target=rewritten.target.name if rewritten.target else "",
    )
    twin, asked = Twin(headed, network, plan), _gate(options, plan, rewritten)

    def proof_of(data: bytes) -> Proof:
        tell(f"proving on {plan.proven_on}")
        return _judged(embed_manifest(data, manifest), reference, plan, options, _prove)

    made = refine(tflite, twin, asked, proof_of, _with_layers(options), tell)
    manifest = _with_proof(manifest, made, rewritten)
    data = embed_manifest(made.tflite, manifest)
    report = ConvertReport(
        manifest=manifest,
        path=options.output,
        size_bytes=len(data),
        source_bytes=network.size_bytes,
        proof=made.proof,
        calibrated_on=plan.calibrated_on,
        notes=_notes(network, rewritten, plan, made),
        duration_s=time.monotonic() - start_s,
        layers=made.layers,
        kept=made.kept,
        warnings=_warnings(network, plan, twin, tflite),
        rewritten=rewritten,
        check=check_ops(read_ops(data), rewritten.target) if rewritten.target else None,
    )
    refusal = _refusal(asked, report, options)
    if options.report is not None:
        tell(f"writing {options.report}")
        observed = _judged(data, reference, plan, options, observe)
        work = complexity(data)
        write_report(options.report, report, options, observed, work, refusal)
    if refusal:
        raise _error(refusal, report, options)
    atomic_write_bytes(options.output, data)
    if options.compiled:
        tell(f"compiling for {options.target}")
        untouched = _untouched(network, plan, options) if rewritten.swaps else None
        made_there = compile_file(data, untouched, manifest, options)
        report = replace(report, compiled=made_there)
    return report


def plan_rewrite(options: ConvertOptions, progress: Progress | None = None) -> Rewritten:
    """Return what a conversion would swap and what that changes, without converting anything.

    Raises:
        As `convert`, without OutputError.
    """
    check_options(options)
    return _planned(options, progress or _silent)[-1]


def _planned(
    options: ConvertOptions, tell: Progress
) -> tuple[Network, FloatNetwork, FramePlan, Rewritten]:
    check_target(options)
    tell("loading the model")
    network = load(options)
    headed = choose_head(network, options)
    plan = plan_frames(options, network)
    reference = full_network(network)
    return network, reference, plan, rewrite(headed, network, reference, plan, options, tell)


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


def _untouched(network: Network, plan: FramePlan, options: ConvertOptions) -> bytes:
    """Return the file with every layer as it was, without a manifest."""
    return _export(choose_head(network, options), network, plan, options)


def _judged(
    data: bytes,
    reference: FloatNetwork,
    plan: FramePlan,
    options: ConvertOptions,
    judge: Callable[[FloatNetwork, Segmenter, FramePlan], _Verdict],
) -> _Verdict:
    """Judge the file as the device will see it: opened from disk by the Segmenter."""
    with tempfile.TemporaryDirectory(prefix="edgeseg-") as folder:
        path = Path(folder) / "candidate.tflite"
        atomic_write_bytes(path, data)
        with Segmenter(path, threads=options.threads) as segmenter:
            return judge(reference, segmenter, plan)


def _prove(reference: FloatNetwork, segmenter: Segmenter, plan: FramePlan) -> Proof:
    return prove(reference, segmenter, plan, segmenter.runtime.name)


def _gate(options: ConvertOptions, plan: FramePlan, rewritten: Rewritten) -> Gate:
    least = gate(options)
    if not rewritten.exact:
        least = min(least, least_agreement(False, options))
    return Gate(least, options.max_drop, calibrated=bool(plan.calibration))


def _with_proof(manifest: Manifest, made: Candidate, rewritten: Rewritten) -> Manifest:
    kept = tuple(layer.name for layer in made.kept)
    proof = made.proof.to_json()
    if rewritten.swaps:
        proof["swaps"] = [swap.to_json() for swap in rewritten.swaps]
    return replace(manifest, proof=proof, float_layers=kept)


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
    rewritten: Rewritten,
    plan: FramePlan,
    made: Candidate,
) -> tuple[str, ...]:
    notes = [f"guessed: {guess}" for guess in network.guesses]
    notes += [*network.notes, *rewritten.headed.notes, *rewritten.notes, *plan.notes, *made.notes]
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
