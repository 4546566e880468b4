"""What is done to an int8 file between the converter and the gate."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

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

    Only int8 files are changed: weights are rounded anew, ranges narrowed, biases corrected, and
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
    work = _Bettering(tflite, twin, yardstick, tell)
    if options.refine:
        work.round_and_narrow()
    # Biases take up what a network errs by: the search goes on in one where they do not yet.
    unbiased = work.tflite
    is_biased = options.refine and work.correct()
    plain = Candidate(work.tflite, prove(work.tflite), notes=work.notes)
    is_enough = gate.holds(plain.proof)
    if is_enough and not options.sensitivity:
        return plain
    search = _search(unbiased, twin, yardstick, options, tell)
    if is_enough or options.max_drop is None:
        return replace(plain, layers=search.measure(tell))

    def finish(mixed: bytes) -> bytes:
        last = _Bettering(mixed, twin, yardstick, tell)
        if is_biased:
            last.correct()
        return last.tflite

    return within_budget(plain, search, gate, finish, prove, tell)


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


class _Bettering:
    """Steps that better an int8 file, each kept where it does so on the calibration frames."""

    def __init__(self, tflite: bytes, twin: Twin, yardstick: Yardstick, tell: Tell) -> None:
        self.tflite, self._lost = tflite, yardstick.lost(tflite)
        self._twin, self._yardstick, self._tell = twin, yardstick, tell
        self._words = [f"agreement on {yardstick.frames} calibration frames {1 - self._lost:.1%}"]

    @property
    def notes(self) -> tuple[str, ...]:
        """What helped, for the report."""
        return (", ".join(self._words),) if len(self._words) > 1 else ()

    def round_and_narrow(self) -> None:
        exact = self._twin.tflite
        self._tell("rounding weights")
        self._take("rounding weights", round_weights(self.tflite, exact, self._twin.many))
        self._tell("narrowing ranges")
        narrowed = clip_ranges(self.tflite, exact, self._twin.few, self._yardstick)
        self._take("narrowing ranges", narrowed)

    def correct(self) -> bool:
        self._tell("correcting biases")
        correction = correct_biases(self.tflite, self._twin.tflite, self._twin.few)
        return correction is not None and self._take("correcting biases", correction.tflite)

    def _take(self, step: str, made: bytes) -> bool:
        lost = self._yardstick.lost(made)
        if lost >= self._lost:
            return False
        self.tflite, self._lost = made, lost
        self._words.append(f"after {step} {1 - lost:.1%}")
        return True


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
