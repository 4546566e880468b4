"""What a compiler left in its file for the CPU: the one thing that it cannot misstate."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from edgeseg.converters.delegates.op import Op, read_ops

from .word import LeftOut

Reason = Callable[[Op], str]


def left_out(original: Sequence[Op], compiled: bytes, own: str, reason: Reason) -> list[LeftOut]:
    """Return the operators of a compiled file that are not the accelerator's.

    They are found again in the original by the name of their output, which compilers keep.

    Args:
        original: operators of the file that was compiled.
        compiled: the file that came out.
        own: the operator that stands for what the accelerator runs: "CUSTOM ethos-u".
        reason: gives the reason for one of them.

    Raises:
        ModelError: the compiled file is damaged.
    """
    makers = {op.output.name: op for op in original if op.outputs}
    found = []
    for op in read_ops(compiled):
        if op.name == own or not op.outputs:
            continue
        source = makers.get(op.output.name)
        known = source is not None and source.name == op.name
        layer = source.layer if known and source is not None else op.layer
        index = source.index if known and source is not None else None
        found.append(LeftOut(op.name, layer, reason(op), index))
    return sorted(found, key=lambda left: len(original) if left.index is None else left.index)
