"""What Vela estimates for the forms on Ethos-U."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from .nets import Net
from .results import Cycles

ACCELERATORS = ("ethos-u55-128", "ethos-u65-256", "ethos-u85-256")


def cycles_of(
    nets: Sequence[Net], stride: int, accelerators: Sequence[str] = ACCELERATORS
) -> Iterator[Cycles]:
    """Compile int8 files of one stride for each accelerator.

    Raises:
        ConfigError: no such accelerator.
        MissingExtraError: Vela is not installed.
        ModelError: Vela fails.
    """
    from edgeseg.converters.compilers.vela import compile_vela

    for accelerator in accelerators:
        for net in nets:
            compiled = compile_vela(net.path.read_bytes(), accelerator)
            yield Cycles(
                stride=stride,
                form=net.contender,
                accelerator=accelerator,
                cycles=compiled.cycles,
                ms=compiled.inference_ms,
                sram_bytes=compiled.sram_bytes,
                cpu_operators=tuple(one.name for one in compiled.cpu_operators),
            )
