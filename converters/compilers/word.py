"""What a compiler or runtime says of a file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType


@dataclass(frozen=True)
class LeftOut:
    """An operator that a compiler does not take.

    Attributes:
        name: as in "CONV_2D".
        layer: that it comes from, as far as the file keeps it.
        reason: in the compiler's words; empty where it gives none.
        index: its place in the file; None where it is not one of the file's.
    """

    name: str
    layer: str
    reason: str
    index: int | None = None


@dataclass(frozen=True)
class Word:
    """A compiler's word on a file.

    Attributes:
        compiler: name and version: "Vela 5.2.0".
        left_out: operators that it does not take.
        figures: what it says of the rest; units in the names: cycles, inference_ms, sram_bytes.
        wrong: by how much its numbers differ from the reference kernels, where that is too much;
            otherwise empty.
        right: how closely its numbers agree with them, where they were compared and are right.
        notes: what else must be known.
        failed: why it could not take the file at all; otherwise empty.
        culprit: the first operator that computes wrong numbers, by its place in the file; None
            where none does, or it is not known.
        is_whole: whether `left_out` are all; False where it stopped at the first.
    """

    compiler: str
    left_out: tuple[LeftOut, ...] = ()
    figures: Mapping[str, float] = field(default_factory=lambda: MappingProxyType({}))
    wrong: str = ""
    notes: tuple[str, ...] = ()
    failed: str = ""
    right: str = ""
    culprit: int | None = None
    is_whole: bool = True

    @property
    def is_good(self) -> bool:
        """Whether it takes every operator and, where they were compared, its numbers are right."""
        return not (self.left_out or self.wrong or self.failed)
