"""What the judges that use LiteRT share."""

from __future__ import annotations

from collections.abc import Sequence

from edgeseg.converters.delegates.op import Op

from .process import Finished, installed, last_line

PACKAGE = "ai-edge-litert"
TIMEOUT_S = 300.0

_PROBES, _FEW_MACS = 3, 2 * 10**9
_WEIGHTED = ("CONV_2D", "DEPTHWISE_CONV_2D", "TRANSPOSE_CONV", "FULLY_CONNECTED")
NOT_COMPARED = "its numbers were not compared: the model has several inputs or outputs"


def why_no_litert() -> str:
    """Return why LiteRT cannot be asked here, empty where it can."""
    if installed(PACKAGE):
        return ""
    return f"LiteRT is not installed; type: pip install {PACKAGE}"


def probes_for(ops: Sequence[Op]) -> int:
    """Return how many inputs numbers are compared on: one for networks that take long."""
    return _PROBES if sum(op.macs for op in ops) <= _FEW_MACS else 1


def is_hybrid(ops: Sequence[Op]) -> bool:
    """Whether weights of 8 bits meet float activations, as after `--dynamic`."""
    return any(
        op.name in _WEIGHTED
        and op.output.dtype == "float32"
        and any(t is not None and t.is_constant and t.dtype == "int8" for t in op.inputs)
        for op in ops
    )


def broke(done: Finished, what: str) -> str:
    """Return how a runtime failed on a file, with what it said last."""
    said = last_line(done.output)
    how = done.ended.replace("it ended with code 1", "it gave up")
    return f"{what} cannot run this file: {how}{f'; it said: {said}' if said else ''}"
