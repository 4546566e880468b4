"""From a Keras model to a proven .tflite file."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgeseg.errors import ModelError
from edgeseg.files import atomic_write_bytes, check_writable
from edgeseg.manifest import Manifest

from .bias import BiasCorrection, correct_biases
from .calibrate import FramePlan, plan_frames, samples
from .embed import embed_manifest
from .export import export
from .flatbuffer import check_flatbuffer
from .load import Network, load
from .mixed import KeptLayer
from .options import ConvertOptions, check_options, gate, tensor_type
from .prove import Proof, Reference, check_gate, prove
from .quiet import quiet_tensorflow
from .rewrite.head import HEADS, Headed, full_head, output_head
from .rewrite.static_batch import static_batch
from .saved_model import SavedNetwork
from .sensitivity import LayerError, layer_errors, worst_first
from .twin import Twin

Progress = Callable[[str], None]


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
        layers: each layer's signal-to-noise ratio, where `sensitivity` asked for them.
        kept: layers that stay in a higher precision than the file's.
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


def convert(options: ConvertOptions, progress: Progress | None = None) -> ConvertReport:
    """Convert a Keras model to a .tflite file that explains itself, and prove it.

    The file appears complete or not at all; an older one of the same name is replaced.

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
    check_writable(options.output)
    tell("loading the model")
    network = load(options)
    headed = choose_head(network, options)
    plan = plan_frames(options, network)
    tell(f"converting to {options.precision}")
    tflite = _export(headed, network, plan, options)
    check_flatbuffer(tflite)
    twin = Twin(headed, network, plan)
    correction = _corrected(tflite, twin, options, tell)
    tflite = correction.tflite if correction else tflite
    manifest = replace(network.manifest, head=headed.head, precision=options.precision)
    tell(f"proving on {plan.proven_on}")
    proof = _prove(embed_manifest(tflite, manifest), network, plan, options)
    layers = _sensitivity(tflite, twin, tell) if options.sensitivity else ()
    check_gate(
        proof,
        gate(options),
        max_drop=options.max_drop,
        calibrated=bool(plan.calibration),
        culprits=lambda: _culprits(layers, tflite, twin, options, tell),
    )
    manifest = replace(manifest, proof=proof.to_json())
    data = embed_manifest(tflite, manifest)
    atomic_write_bytes(options.output, data)
    return ConvertReport(
        manifest=manifest,
        path=options.output,
        size_bytes=len(data),
        source_bytes=network.size_bytes,
        proof=proof,
        calibrated_on=plan.calibrated_on,
        notes=_notes(network, headed, plan, proof, correction),
        duration_s=time.monotonic() - start_s,
        layers=layers,
    )


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


def _prove(data: bytes, network: Network, plan: FramePlan, options: ConvertOptions) -> Proof:
    """Prove the file as the device will see it: opened from disk by the Segmenter."""
    from edgeseg.segmenter import Segmenter

    with tempfile.TemporaryDirectory(prefix="edgeseg-") as folder:
        path = Path(folder) / "candidate.tflite"
        atomic_write_bytes(path, data)
        with Segmenter(path, threads=options.threads) as segmenter:
            return prove(_reference(network), segmenter, plan)


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


def _corrected(
    tflite: bytes, twin: Twin, options: ConvertOptions, tell: Progress
) -> BiasCorrection | None:
    """Correct the biases of an int8 file; None where that was not asked for or is not possible."""
    if options.precision != "int8" or not options.correct_bias:
        return None
    tell("correcting biases")
    return correct_biases(tflite, twin.tflite, twin.few)


def _sensitivity(tflite: bytes, twin: Twin, tell: Progress) -> tuple[LayerError, ...]:
    tell("comparing layers")
    return layer_errors(tflite, twin.tflite, twin.few)


def _culprits(
    layers: tuple[LayerError, ...],
    tflite: bytes,
    twin: Twin,
    options: ConvertOptions,
    tell: Progress,
) -> str:
    """Return a sentence on the layers that lose most; empty where layers lose nothing."""
    if options.precision != "int8":
        return ""
    named = ", ".join(
        f"{worst.name} {worst.op} ({worst.snr_db:.1f} dB, {worst.low:.3g} to {worst.high:.3g})"
        for worst in worst_first(layers or _sensitivity(tflite, twin, tell))[:3]
    )
    return f"lowest signal-to-noise of the layers: {named}; " if named else ""


def _notes(
    network: Network,
    headed: Headed,
    plan: FramePlan,
    proof: Proof,
    correction: BiasCorrection | None,
) -> tuple[str, ...]:
    notes = [f"guessed: {guess}" for guess in network.guesses]
    notes += [*headed.notes, *plan.notes]
    if correction:
        notes.append(correction.note)
    if plan.pool.unreadable:
        names = ", ".join(plan.pool.unreadable[:5])
        notes.append(f"{len(plan.pool.unreadable)} {plan.pool.name} could not be read: {names}")
    if proof.classes_seen == 1:
        notes.append(
            f"the float network sees only {next(iter(proof.per_class))} on these frames, so the "
            "agreement says little; check --normalize, --color and --calib"
        )
    return tuple(notes)


def _silent(step: str) -> None:
    del step
