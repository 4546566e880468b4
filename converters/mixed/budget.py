"""Keep layers in float32 until the proof is within the budget."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from edgeseg.converters.gate import Gate
from edgeseg.converters.prove import Proof
from edgeseg.converters.sensitivity import LayerError

from .kept import KeptLayer
from .search import Mixed, Search

# The proof frames judge, they do not choose: they see a few finished files, no layer's trial.
_LOOKS = 3
_MARGIN = 0.9  # calibration frames flatter what was chosen on them


@dataclass(frozen=True)
class Candidate:
    """A file that may be written.

    Attributes:
        tflite: the file.
        proof: its figures.
        layers: each layer's error, where it was asked for or needed, with costs.
        kept: the layers in float32.
        notes: what was done, in words.
    """

    tflite: bytes
    proof: Proof
    layers: tuple[LayerError, ...] = ()
    kept: tuple[KeptLayer, ...] = ()
    notes: tuple[str, ...] = ()


def within_budget(
    plain: Candidate,
    search: Search,
    gate: Gate,
    finish: Callable[[bytes], bytes],
    prove: Callable[[bytes], Proof],
    tell: Callable[[str], None],
) -> Candidate:
    """Return the file with the fewest layers in float32 that passes the gate.

    What the gate leaves of the loss on the proof frames is what may be left of the loss on the
    calibration frames, less a margin; where the proof then still finds too much, the aim is lowered
    by as much.

    Args:
        plain: the int8 file, which misses the gate.
        search: for layers of that file.
        gate: to be passed.
        finish: does the last work on a file with layers in float32.
        prove: holds a file against the float network, on the proof frames.
        tell: is told what is going on.

    Returns:
        `plain`, with the layers' costs, where no file passes.
    """
    aim, proof = search.lost, plain.proof
    for _ in range(_LOOKS):
        aim *= gate.room(proof) * _MARGIN
        mixed = search.within(aim, tell)
        if mixed is None:
            break
        tell(f"trying {len(mixed.indices)} layers in float32 on the proof frames")
        tflite = finish(mixed.tflite)
        proof = prove(tflite)
        if gate.holds(proof):
            kept = search.report(mixed)
            notes = (*plain.notes, _note(plain.proof, proof, search, mixed, len(kept)))
            return Candidate(tflite, proof, search.layers, kept, notes)
    return Candidate(plain.tflite, plain.proof, search.layers, (), plain.notes)


def _note(before: Proof, after: Proof, search: Search, mixed: Mixed, kept: int) -> str:
    return (
        f"with {kept} layers in float32 the file agrees on {after.agreement:.2%}, not "
        f"{before.agreement:.2%}, and loses {after.drop:.2f}, not {before.drop:.2f} points of "
        f"{after.drop_of}; they were chosen on {search.frames} calibration frames; "
        f"{search.timed(mixed)}"
    )
