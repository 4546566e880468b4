"""The target's own compiler on a proven file: `--compile`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from edgeseg.errors import ConfigError
from edgeseg.files import atomic_write_bytes, check_writable
from edgeseg.manifest import Manifest

from .delegates import target as target_of
from .embed import embed_manifest
from .options import ConvertOptions

if TYPE_CHECKING:
    from .compilers.word import LeftOut


@dataclass(frozen=True)
class CompiledFile:
    """What the compiler made.

    Attributes:
        path: of its file.
        size_bytes: of it.
        cycles, inference_ms, sram_bytes: as it estimates them, for the accelerator's part alone.
        cpu_operators: what it left to the CPU, each with the reason; its time is in no figure.
        untouched: the same for the network with every layer as it was; None where none was swapped.
    """

    path: Path
    size_bytes: int
    cycles: int
    inference_ms: float
    sram_bytes: int
    cpu_operators: tuple[LeftOut, ...]
    untouched: Untouched | None = None


@dataclass(frozen=True)
class Untouched:
    """What the compiler makes of the network without its swaps; see CompiledFile."""

    cycles: int
    inference_ms: float
    cpu_operators: tuple[LeftOut, ...]


def compiled_path(options: ConvertOptions) -> Path:
    """Return where the compiled file goes: beside the .tflite.

    Raises:
        ConfigError: the target has no compiler, or it is not installed.
        OutputError: the file cannot be written.
    """
    from .compilers import why_not

    target = target_of(options.target)
    if target.compiler != "vela":
        raise ConfigError(
            f"--compile has no compiler for {target.title}; it works for ethos-u55, ethos-u65 and "
            "ethos-u85 targets (extra `vela`)"
        )
    if reason := why_not(target):
        raise ConfigError(f"--compile: {reason}")
    path = options.output.with_name(f"{options.output.stem}-vela.tflite")
    check_writable(path)
    return path


def compile_file(
    data: bytes, untouched: bytes | None, manifest: Manifest, options: ConvertOptions
) -> CompiledFile:
    """Compile a file for the target and write it, with its manifest, beside the .tflite.

    Args:
        data: the file.
        untouched: the network with every layer as it was, to compare with.
        manifest: of the file.
        options: of the conversion.

    Raises:
        MissingExtraError: the compiler is not installed.
        ModelError: it does not take the file.
        OutputError: the file cannot be written.
    """
    from .compilers.vela import compile_vela

    path, accelerator = compiled_path(options), target_of(options.target).accelerator
    made = compile_vela(data, accelerator)
    before = compile_vela(untouched, accelerator) if untouched else None
    content = embed_manifest(made.tflite, manifest)
    atomic_write_bytes(path, content)
    return CompiledFile(
        path,
        len(content),
        made.cycles,
        made.inference_ms,
        made.sram_bytes,
        made.cpu_operators,
        Untouched(before.cycles, before.inference_ms, before.cpu_operators) if before else None,
    )
