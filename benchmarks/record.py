"""A measurement as a file: everything that was measured, and on what, as JSON and back."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, fields, replace
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from edgeseg.errors import ConfigError, ModelError
from edgeseg.files import atomic_write_bytes
from edgeseg.manifest import Manifest, Size

from .accuracy import Accuracy
from .cases import FRAME, STAGES, Case
from .host import Host, Strain
from .paired import Plan, Recording, Round, WarmUp
from .report import notes, sentences, standing
from .suite import BenchOptions, BenchReport
from .variants import Variant

SCHEMA = "edgeseg-bench-2"
_Class = TypeVar("_Class")


def save_json(report: BenchReport, target: Path) -> None:
    """Write the report as JSON, complete or not at all.

    Raises:
        OutputError: it cannot be written.
    """
    atomic_write_bytes(target, to_json(report).encode())


def to_json(report: BenchReport) -> str:
    """Return everything: options, machine, figures, and every timed call of every round."""
    raw = _as_dict(report)
    # A line a round: with one a number the file would be several times as long.
    rounds = ",\n  ".join(json.dumps(entry, separators=(",", ":")) for entry in raw.pop("rounds"))
    head = json.dumps(raw, indent=1).removesuffix("\n}")
    return f'{head},\n "rounds": [\n  {rounds}\n ]\n}}\n'


def thinned(report: BenchReport) -> BenchReport:
    """Return the report with one call a round, its median: enough to compare with, and small.

    It is for other machines too, so that files go by their names alone.
    """
    rounds = [
        replace(
            entry,
            seconds=tuple(np.median(block, axis=0, keepdims=True) for block in entry.seconds),
        )
        for entry in report.recording.rounds
    ]
    cases = tuple(replace(case, path=Path(case.path.name)) for case in report.cases)
    return replace(report, cases=cases, recording=replace(report.recording, rounds=rounds))


def load(source: Path) -> BenchReport:
    """Read what `save_json` wrote.

    Raises:
        ConfigError: there is no such file, or it is no measurement of this version.
    """
    try:
        return from_json(source.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"cannot read {source}: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"{source} is not text; expected a file of edgeseg bench") from error
    except ConfigError as error:
        raise ConfigError(f"{source}: {error}") from error


def from_json(text: str) -> BenchReport:
    """Return the report that `to_json` gave.

    Raises:
        ConfigError: the text is no measurement of this version.
    """
    try:
        raw = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ConfigError(f"not JSON ({error}); expected a file of edgeseg bench --json") from error
    schema = raw.get("schema") if isinstance(raw, dict) else None
    if schema != SCHEMA:
        found = f"its schema is {schema!r}" if schema else "it names no schema"
        raise ConfigError(f"{found}, expected {SCHEMA!r}; measure again with --json")
    try:
        return _from_dict(raw)
    except (KeyError, TypeError, ValueError, IndexError, ModelError) as error:
        raise ConfigError(f"damaged ({type(error).__name__}: {error}); measure again") from error


def _as_dict(report: BenchReport) -> dict[str, Any]:
    options, recording = report.options, report.recording
    measured = bool(recording.rounds)
    return {
        "schema": SCHEMA,
        "complete": not report.interrupted,
        "options": {
            "what": options.what,
            "threads": options.threads,
            "runtime": options.runtime,
            "frame": list(FRAME),
            "smallest": options.smallest,
            **asdict(options.plan),
        },
        "host": asdict(report.host),
        "strain": asdict(report.strain),
        "notes": notes(report),
        "stages": list(STAGES[options.what]),
        "elapsed_s": recording.elapsed_s,
        "variants": [_variant_dict(report, index) for index in range(len(report.cases))]
        if measured
        else [],
        "verdicts": sentences(report) if measured else [],
        "rounds": _rounds(recording),
    }


def _variant_dict(report: BenchReport, index: int) -> dict[str, Any]:
    figures = asdict(standing(report, index))
    verdict = figures.pop("verdict")
    accuracy = report.accuracy[index] if report.accuracy else None
    return {
        **figures,
        "verdict": verdict.value if verdict else None,
        "warm_up": asdict(report.recording.warm_ups[index]),
        "accuracy": asdict(accuracy) if accuracy else None,
        "memory_bytes": report.memory_bytes[index] if report.memory_bytes else None,
        **_identity(report.cases[index]),
    }


def _identity(case: Case) -> dict[str, Any]:
    return {
        "variant": asdict(case.variant),
        "path": str(case.path),
        "sha256": case.sha256,
        "size_bytes": case.size_bytes,
        "runtime": case.runtime,
        "runtime_name": case.runtime_name,
        "threads": case.threads,
        "macs": case.macs,
        "precision": case.manifest.precision,
        "upsampling": case.manifest.upsampling,
        "decoder": case.manifest.decoder,
        "encoder": case.manifest.encoder,
        "head": case.head,
        "input": list(case.manifest.preparation.size),
        "manifest": json.loads(case.manifest.to_json()),
    }


def _rounds(recording: Recording) -> list[dict[str, Any]]:
    """Every call, milliseconds: rounds[r].calls_ms[variant][call][stage]."""
    return [
        {
            "sitting": entry.sitting,
            "order": list(entry.order),
            "calls_ms": [np.round(block * 1e3, 4).tolist() for block in entry.seconds],
        }
        for entry in recording.rounds
    ]


def _from_dict(raw: Mapping[str, Any]) -> BenchReport:
    variants = raw["variants"]
    cases = tuple(_case(entry) for entry in variants)
    plan = _only(Plan, raw["options"])
    options = BenchOptions(
        variants=tuple(case.variant for case in cases),
        what=raw["options"]["what"],
        threads=raw["options"]["threads"],
        runtime=raw["options"]["runtime"],
        plan=plan,
        smallest=raw["options"]["smallest"],
    )
    recording = Recording(
        labels=tuple(case.label for case in cases),
        warm_ups=[WarmUp(**entry["warm_up"]) for entry in variants],
        rounds=[_round(entry, len(cases), len(STAGES[options.what])) for entry in raw["rounds"]],
        elapsed_s=float(raw["elapsed_s"]),
    )
    found = tuple(Accuracy(**one) if (one := entry["accuracy"]) else None for entry in variants)
    memory = tuple(entry["memory_bytes"] for entry in variants)
    return BenchReport(
        options=options,
        cases=cases,
        host=Host(**{**raw["host"], "affinity": tuple(raw["host"]["affinity"])}),
        strain=Strain(**{**raw["strain"], "throttled": tuple(raw["strain"]["throttled"])}),
        recording=recording,
        interrupted=not raw["complete"],
        accuracy=found if any(found) else (),
        memory_bytes=memory if any(memory) else (),
    )


def _only(kind: type[_Class], raw: Mapping[str, Any]) -> _Class:
    names = {field.name for field in fields(kind)}  # type: ignore[arg-type]
    return kind(**{name: value for name, value in raw.items() if name in names})


def _case(raw: Mapping[str, Any]) -> Case:
    variant = dict(raw["variant"])
    if variant["size"] is not None:
        variant["size"] = Size(*variant["size"])
    return Case(
        label=raw["label"],
        variant=Variant(**variant),
        path=Path(raw["path"]),
        sha256=raw["sha256"],
        size_bytes=raw["size_bytes"],
        manifest=Manifest.from_json(json.dumps(raw["manifest"])),
        runtime=raw["runtime"],
        threads=raw["threads"],
        runtime_name=raw["runtime_name"],
        macs=raw["macs"],
    )


def _round(raw: Mapping[str, Any], cases: int, stages: int) -> Round:
    blocks = tuple(np.array(block, np.float64) / 1e3 for block in raw["calls_ms"])
    shapes = [block.shape for block in blocks]
    if len(blocks) != cases or any(len(s) != 2 or s[1] != stages or not s[0] for s in shapes):
        raise ValueError(f"a round has blocks of shapes {shapes}")
    return Round(int(raw["sitting"]), tuple(raw["order"]), blocks)
