"""What is done to an int8 file between the converter and the gate: biases, then precision."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from .bias import correct_biases
from .gate import Gate
from .mixed import FRAMES, Candidate, Search, within_budget
from .options import ConvertOptions
from .prove import Proof
from .sensitivity import LayerError, layer_errors, worst_first
from .twin import Twin

_NAMED = 3  # layers in a refusal


def refine(
    tflite: bytes,
    twin: Twin,
    gate: Gate,
    prove: Callable[[bytes], Proof],
    options: ConvertOptions,
    tell: Callable[[str], None],
) -> Candidate:
    """Return the best file there is, with its proof; whether it passes the gate is still open.

    Only int8 files are changed: biases are corrected, and where that is not enough for
    `options.max_drop`, layers are kept in float32.

    Args:
        tflite: the converter's file.
        twin: its float file and frames.
        gate: that it will have to pass.
        prove: holds a file against the float network.
        options: of the conversion.
        tell: is told what is going on.
    """
    notes: tuple[str, ...] = ()
    if options.precision == "int8" and options.correct_bias:
        tell("correcting biases")
        correction = correct_biases(tflite, twin.tflite, twin.few)
        if correction:
            tflite, notes = correction.tflite, (correction.note,)
    proof = prove(tflite)
    is_enough = options.max_drop is None or gate.holds(proof)
    layers = () if is_enough and not options.sensitivity else errors_of(tflite, twin, tell)
    plain = Candidate(tflite, proof, layers, (), notes)
    return plain if is_enough else _mixed(plain, twin, gate, prove, options, tell)


def errors_of(tflite: bytes, twin: Twin, tell: Callable[[str], None]) -> tuple[LayerError, ...]:
    """Return what quantization does to each layer of an int8 file."""
    tell("comparing layers")
    return layer_errors(tflite, twin.tflite, twin.few)


def culprits(layers: Sequence[LayerError], options: ConvertOptions) -> str:
    """Return a sentence on the layers that lose most, for a refusal; empty where none is known."""
    if not layers:
        return ""
    named = ", ".join(
        f"{layer.name} {layer.op} ({_figures(layer)})" for layer in worst_first(layers)[:_NAMED]
    )
    if options.max_drop is None:
        way = "--max-drop POINTS keeps the layers that cost most in float32; "
    else:
        way = "no set of layers in float32 brings it there; "
    return f"the layers that lose most: {named}; {way}"


def _mixed(
    plain: Candidate,
    twin: Twin,
    gate: Gate,
    prove: Callable[[bytes], Proof],
    options: ConvertOptions,
    tell: Callable[[str], None],
) -> Candidate:
    search = Search(
        plain.tflite,
        twin.tflite,
        plain.layers,
        twin.frames(FRAMES),
        float_output=options.io is None,
        threads=options.threads,
    )
    return within_budget(plain, search, gate, prove, tell)


def _figures(layer: LayerError) -> str:
    back = f"brings back {100 * layer.cost:.2f} points, " if layer.cost is not None else ""
    inputs = "" if layer.ratio is None else f", inputs' ranges {layer.ratio:.1f} : 1"
    return f"{back}{layer.snr_db:.1f} dB, range {layer.low:.3g} to {layer.high:.3g}{inputs}"
