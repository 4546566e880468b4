"""What is done to an int8 file between the converter and the gate: biases, ranges, precision."""

from __future__ import annotations

from collections.abc import Callable

from .bias import correct_biases
from .clip import clip_ranges
from .gate import Gate
from .mixed import Candidate, Search, within_budget
from .options import ConvertOptions
from .prove import Proof
from .sensitivity import LayerError, describe, layer_errors, worst_first
from .twin import Twin
from .yardstick import FRAMES, Yardstick

Tell = Callable[[str], None]

_NAMED = 3  # layers in a refusal


def refine(
    tflite: bytes,
    twin: Twin,
    gate: Gate,
    prove: Callable[[bytes], Proof],
    options: ConvertOptions,
    tell: Tell,
) -> Candidate:
    """Return the best file there is, with its proof; whether it passes the gate is still open.

    Only int8 files are changed: biases are corrected, ranges narrowed, and where that is not enough
    for `options.max_drop`, layers are kept in float32.

    Args:
        tflite: the converter's file.
        twin: its float file and frames.
        gate: that it will have to pass.
        prove: holds a file against the float network.
        options: of the conversion.
        tell: is told what is going on.
    """
    if options.precision != "int8":
        return Candidate(tflite, prove(tflite))
    tflite, notes = _corrected(tflite, twin, options, tell)
    yardstick = Yardstick(twin.tflite, twin.frames(FRAMES), twin.class_map, options.threads)
    if options.clip_ranges:
        tell("narrowing ranges")
        clipping = clip_ranges(tflite, twin.tflite, twin.few, yardstick)
        tflite, notes = clipping.tflite, (*notes, clipping.note)
    plain = Candidate(tflite, prove(tflite), notes=notes)
    is_enough = gate.holds(plain.proof)
    if is_enough and not options.sensitivity:
        return plain
    search = _search(tflite, twin, yardstick, options, tell)
    if is_enough or options.max_drop is None:
        return Candidate(tflite, plain.proof, search.measure(tell), notes=notes)
    return within_budget(plain, search, gate, prove, tell)


def culprits(layers: tuple[LayerError, ...], options: ConvertOptions) -> str:
    """Return a sentence on the layers that lose most, for a refusal; empty where none is known."""
    if not layers:
        return ""
    worst = worst_first(layers)
    costly = [layer for layer in worst if layer.cost and layer.cost > 0] or worst
    named = "; ".join(
        f"{layer.name} {layer.op} ({_back(layer)}{describe(layer)})" for layer in costly[:_NAMED]
    )
    if options.max_drop is None:
        way = "--max-drop POINTS keeps such layers in float32"
    else:
        way = "no set of layers in float32 was found that brings it there"
    return f"the layers that lose most are {named}; {way}; "


def _corrected(
    tflite: bytes, twin: Twin, options: ConvertOptions, tell: Tell
) -> tuple[bytes, tuple[str, ...]]:
    if not options.correct_bias:
        return tflite, ()
    tell("correcting biases")
    correction = correct_biases(tflite, twin.tflite, twin.few)
    return (correction.tflite, (correction.note,)) if correction else (tflite, ())


def _search(
    tflite: bytes, twin: Twin, yardstick: Yardstick, options: ConvertOptions, tell: Tell
) -> Search:
    tell("comparing layers")
    return Search(
        tflite,
        twin.tflite,
        layer_errors(tflite, twin.tflite, twin.few),
        yardstick,
        float_output=options.io is None,
    )


def _back(layer: LayerError) -> str:
    return "" if layer.cost is None else f"{100 * layer.cost:.2f} points, "
