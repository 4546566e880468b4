"""What is done to an int8 file between the converter and the gate."""

from __future__ import annotations

from collections.abc import Callable

from .bias import correct_biases
from .clip import clip_ranges
from .gate import Gate
from .mixed import Candidate, Search, within_budget
from .options import ConvertOptions
from .prove import Proof
from .rounding import round_weights
from .sensitivity import LayerError, describe, layer_errors, worst_first
from .twin import Twin
from .yardstick import Yardstick

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

    Only int8 files are changed: weights are rounded anew, biases corrected, ranges narrowed, and
    where that is not enough for `options.max_drop`, layers are kept in float32.

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
    yardstick = Yardstick(twin.tflite, twin.many, twin.class_map, options.threads)
    notes: tuple[str, ...] = ()
    if options.refine:
        tflite, note = _better(tflite, twin, yardstick, tell)
        notes = (note,)
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


def _better(tflite: bytes, twin: Twin, yardstick: Yardstick, tell: Tell) -> tuple[bytes, str]:
    """Better an int8 file in three steps, each kept where it helps; return it and what was done."""
    steps: dict[str, Callable[[bytes], bytes]] = {
        "rounding weights": lambda file: round_weights(file, twin.tflite, twin.many),
        "correcting biases": lambda file: _corrected(file, twin),
        "narrowing ranges": lambda file: clip_ranges(file, twin.tflite, twin.few, yardstick),
    }
    lost = yardstick.lost(tflite)
    words = [f"agreement on {yardstick.frames} calibration frames {1 - lost:.1%}"]
    for step, work in steps.items():
        tell(step)
        made = work(tflite)
        then = yardstick.lost(made)
        if then < lost:
            tflite, lost = made, then
            words.append(f"after {step} {1 - lost:.1%}")
    return tflite, ", ".join(words)


def _corrected(tflite: bytes, twin: Twin) -> bytes:
    correction = correct_biases(tflite, twin.tflite, twin.few)
    return correction.tflite if correction else tflite


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
