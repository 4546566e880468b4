"""Arm's Vela, the compiler of Ethos-U (package `ethos-u-vela`, extra `vela`).

Vela ends with code 0 and a plausible time when half the network fell back to the CPU, so neither is
trusted: what it left in its file is what it left out. System and memory are named for each family,
since without them it silently takes others.
"""

from __future__ import annotations

import csv
import re
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from edgeseg.converters.delegates.op import Op, read_ops
from edgeseg.converters.delegates.target import Target
from edgeseg.errors import ConfigError, MissingExtraError, ModelError

from .process import MODEL, Finished, installed, last_line, run
from .remains import left_out
from .word import LeftOut, Word

_PACKAGE = "ethos-u-vela"
_OWN = "CUSTOM ethos-u"
_TIMEOUT_S = 600.0
_KIB = 1024

# System configuration and memory mode of Arm/vela.ini, which comes with Vela: those that Arm's own
# figures are given for.
_SYSTEMS = {
    "ethos-u55": ("Ethos_U55_High_End_Embedded", "Shared_Sram"),
    "ethos-u65": ("Ethos_U65_High_End", "Dedicated_Sram"),
    "ethos-u85": ("Ethos_U85_SYS_DRAM_Mid", "Dedicated_Sram_384KB"),
}
_SIZES = {
    "ethos-u55": (32, 64, 128, 256),
    "ethos-u65": (256, 512),
    "ethos-u85": (128, 256, 512, 1024, 2048),
}
ACCELERATORS = tuple(f"{family}-{macs}" for family, sizes in _SIZES.items() for macs in sizes)

_WARNING = re.compile(r"Warning \(supported operators\) operator: (\w+), ofm: '(.*)'\n")
_COUNT = re.compile(r"CPU operators = (\d+)")
_TENSOR = re.compile(r" \([^()]*/[^()]*\)$")  # Vela repeats the tensor's name, often at length


@dataclass(frozen=True)
class Compiled:
    """What Vela made of a file.

    Attributes:
        tflite: the file for the device; it keeps the metadata of the original.
        cycles: of the accelerator, estimated; 0 where it runs nothing.
        inference_ms: the same at the clock of the system configuration; the CPU's part is not in.
        sram_bytes: of the arena in SRAM.
        dram_bytes: of the arena in DRAM, on systems that have it.
        flash_bytes: of weights and commands in flash.
        cpu_operators: what is left for the CPU, with Vela's reasons.
        system: the system configuration and memory mode that the figures hold for.
    """

    tflite: bytes
    cycles: int
    inference_ms: float
    sram_bytes: int
    dram_bytes: int
    flash_bytes: int
    cpu_operators: tuple[LeftOut, ...]
    system: str


def why_not() -> str:
    """Return why Vela cannot be asked here, empty where it can."""
    if installed(_PACKAGE):
        return ""
    return "Vela is not installed; type: pip install 'edgeseg[vela]'"


def judge(tflite: bytes, target: Target) -> Word:
    """Return Vela's word on a file for an Ethos-U.

    Raises:
        ConfigError: the target's accelerator is none of Vela's.
    """
    compiler = f"Vela {installed(_PACKAGE)}"
    try:
        compiled = compile_vela(tflite, target.accelerator)
    except ModelError as error:
        return Word(compiler, failed=str(error))
    notes = [f"figures are estimates for {compiled.system}"]
    if compiled.cpu_operators:
        notes.append("the time is the accelerator's alone: what falls back comes on top")
    return Word(
        compiler,
        left_out=compiled.cpu_operators,
        figures=_figures(compiled) if compiled.cycles else {},
        notes=tuple(notes) if compiled.cycles else (),
    )


def compile_vela(tflite: bytes, accelerator: str) -> Compiled:
    """Compile a file for an Ethos-U.

    Args:
        tflite: the file, quantized to int8.
        accelerator: one of `ACCELERATORS`.

    Raises:
        MissingExtraError: Vela is not installed.
        ConfigError: there is no such accelerator.
        ModelError: Vela cannot compile the file; its message is given.
    """
    if why_not():
        raise MissingExtraError("Vela, the compiler of Ethos-U,", "vela")
    if accelerator not in ACCELERATORS:
        known = ", ".join(ACCELERATORS)
        raise ConfigError(f"Vela knows no accelerator {accelerator!r}; expected one of {known}")
    system, memory = _SYSTEMS[accelerator.rpartition("-")[0]]
    with tempfile.TemporaryDirectory(prefix="edgeseg-vela-") as name:
        folder = Path(name)
        (folder / MODEL).write_bytes(tflite)
        done = run(_command(accelerator, system, memory), folder, _TIMEOUT_S)
        return _read(read_ops(tflite), done, folder, f"{system}, {memory}")


def _command(accelerator: str, system: str, memory: str) -> list[str]:
    # Not --show-cpu-operations: it crashes where an ARG_MAX runs on an Ethos-U55 or U65.
    return [
        *(sys.executable, "-m", "ethosu.vela", MODEL, "--output-dir", "."),
        *("--accelerator-config", accelerator, "--config", "Arm/vela.ini"),
        *("--system-config", system, "--memory-mode", memory),
    ]


def _read(original: tuple[Op, ...], done: Finished, folder: Path, system: str) -> Compiled:
    made = next(iter(folder.glob("*_vela.tflite")), None)
    summary = next(iter(folder.glob("*_summary_*.csv")), None)
    if done.ended or made is None or summary is None:
        raise ModelError(f"Vela cannot compile this file: {failure(done.output) or done.ended}")
    row = read_summary(summary.read_text(encoding="utf-8"))
    content = made.read_bytes()
    why = reasons(done.output)
    remaining = left_out(original, content, _OWN, lambda op: why.get(op.output.name, ""))
    runs = any(op.name == _OWN for op in read_ops(content))
    return Compiled(
        tflite=content,
        cycles=int(row["cycles_total"]) if runs else 0,
        inference_ms=1000 * row["inference_time"] if runs else 0.0,
        sram_bytes=int(row["sram_memory_used"] * _KIB),
        dram_bytes=int(row["dram_memory_used"] * _KIB),
        flash_bytes=int(
            (row["on_chip_flash_memory_used"] + row["off_chip_flash_memory_used"]) * _KIB
        ),
        cpu_operators=tuple(remaining or _uncounted(done.output)),
        system=system,
    )


def _uncounted(output: str) -> list[LeftOut]:
    """Vela's own count, for the case that its file does not show what it left for the CPU."""
    counted = _COUNT.search(output)
    number = int(counted[1]) if counted else 0
    return [LeftOut("unnamed", "", f"Vela counts {number} on the CPU")] if number else []


def reasons(output: str) -> dict[str, str]:
    """Return Vela's reasons by the name of the operator's output, from what it printed.

    The rule behind a reason follows in one line or in many; many are left out.
    """
    found = {}
    for warning in _WARNING.finditer(output):
        block = output[warning.end() :].partition("\n\n")[0].strip().splitlines()
        reason = _TENSOR.sub("", block[0].removeprefix("Reason:").strip()) if block else ""
        rule = f"; {block[1].strip()}" if len(block) == 2 else ""
        found[warning[2]] = f"{reason}{rule}"
    return found


def read_summary(text: str) -> dict[str, float]:
    """Return the numbers of Vela's summary CSV by its columns' names: seconds, KiB, cycles."""
    row = next(csv.DictReader(text.splitlines()))
    return {name: float(value) for name, value in row.items() if _is_number(value)}


def failure(output: str) -> str:
    """Return why Vela gave up, from what it printed."""
    lines = [line.strip(" -") for line in output.splitlines() if line.strip(" -")]
    for place, line in enumerate(lines):
        if line.startswith(("RuntimeError:", "Error:", "ValueError:")):
            return " ".join(lines[place : place + 3])
    return last_line(output)


def _is_number(value: str) -> bool:
    return re.fullmatch(r"-?\d+(\.\d+)?(e[+-]?\d+)?", value or "") is not None


def _figures(compiled: Compiled) -> Mapping[str, float]:
    figures = {
        "cycles": compiled.cycles,
        "inference_ms": round(compiled.inference_ms, 3),
        "sram_bytes": compiled.sram_bytes,
        "dram_bytes": compiled.dram_bytes,
        "flash_bytes": compiled.flash_bytes,
    }
    return {name: value for name, value in figures.items() if value}
