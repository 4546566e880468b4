"""Fit cost rates to what the benchmark found: `python -m edgeseg.benchmarks.upsampling.fit`.

A form's time is taken as the sum over its operators of rates times amounts
(edgeseg.converters.delegates.rates), none below zero. Every time is divided by itself first, so
that a fit to 0.4 ms is as good as one to 14 ms: what counts later are ratios.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

import click
import numpy as np

from edgeseg.errors import DataError, EdgesegError
from edgeseg.files import atomic_write_bytes

from .least_squares import nonnegative_least_squares
from .results import Operator, Results, load

FIELDS = ("mac", "part", "element", "call")
"""Of a rate; see edgeseg.converters.delegates.rates.Rate."""

OTHER = "*"
"""Stands in a rate set for the operators that it does not name."""

SHARED = {"STRIDED_SLICE": "PAD", "SLICE": "PAD", "PADV2": "PAD", "CONCATENATION": "PAD"}
"""Operators that only copy: they cost the same for each element."""

_WEIGHTED = ("CONV_2D", "DEPTHWISE_CONV_2D", "TRANSPOSE_CONV", "FULLY_CONNECTED")
_DIGITS = 4  # of a rate; the times have fewer
_KERNELS = {"xnnpack": "XNNPACK", "builtin": "built-in kernels"}

Rates = dict[str, dict[str, dict[str, float]]]
Column = tuple[str, str, str]  # operator, type of activations, field


@dataclass(frozen=True)
class Sample:
    """What a list of operators took together, in milliseconds."""

    operators: tuple[Operator, ...]
    ms: float


def fit(samples: Sequence[Sample]) -> Rates:
    """Return rates as rates.json has them: by operator, type of activations and field.

    A call costs the same whatever the operator; see also `SHARED`. An operator that no sample has
    is counted by `OTHER`, the median of the fitted ones.
    """
    columns = sorted({column for sample in samples for column, _ in _terms(sample)})
    matrix = np.array([_row(sample, columns) for sample in samples])
    times = np.array([sample.ms for sample in samples]) * 1e6
    found = nonnegative_least_squares(matrix / times[:, None], np.ones(len(times)))
    values = dict(zip(columns, found.tolist(), strict=True))
    rates: Rates = {}
    for name, kind in sorted({(op.name, op.kind) for one in samples for op in one.operators}):
        fitted = {field: values.get(_column(name, kind, field), 0.0) for field in FIELDS}
        rates.setdefault(name, {})[kind] = {
            field: float(f"{value:.{_DIGITS}g}") for field, value in fitted.items() if value > 0
        }
    return {OTHER: _other(rates), **rates}


def _terms(sample: Sample) -> Iterator[tuple[Column, int]]:
    """Yield the unknowns of a sample's time, each with what it is multiplied by."""
    for op in sample.operators:
        amounts = {"mac": op.macs, "part": op.parts, "element": op.elements, "call": 1}
        for field in FIELDS:
            if _is_fitted(op.name, field):
                yield _column(op.name, op.kind, field), amounts[field]


def _column(name: str, kind: str, field: str) -> Column:
    return (OTHER if field == "call" else SHARED.get(name, name)), kind, field


def _is_fitted(name: str, field: str) -> bool:
    if field == "mac":
        return name in _WEIGHTED
    if field == "element":
        return name != "RESHAPE"  # stands beside a TRANSPOSE, which has the work
    return field != "part" or name.startswith(("TRANSPOSE_CONV", "RESIZE"))


def _row(sample: Sample, columns: Sequence[Column]) -> list[float]:
    total = dict.fromkeys(columns, 0.0)
    for column, amount in _terms(sample):
        total[column] += amount
    return list(total.values())


def _other(rates: Rates) -> dict[str, dict[str, float]]:
    kinds = sorted({kind for entry in rates.values() for kind in entry})
    return {kind: _medians([one[kind] for one in rates.values() if kind in one]) for kind in kinds}


def _medians(entries: Sequence[Mapping[str, float]]) -> dict[str, float]:
    found = {}
    for field in ("mac", "element", "call"):
        values = [entry[field] for entry in entries if field in entry]
        if values:
            found[field] = float(f"{median(values):.{_DIGITS}g}")
    return found


def fitted_sets(
    results: Sequence[Results], stored: Mapping[str, Mapping[str, Any]]
) -> dict[str, dict[str, Any]]:
    """Return the stored rate sets with those fitted anew that the results speak of.

    Forms that Vela leaves to the CPU in part are no samples: their cycles are not the whole. Times
    of more than one thread are none either.

    Args:
        results: of one or more runs of the benchmark, best with several sizes and classes.
        stored: the content of rates.json.
    """
    made = {name: dict(entry) for name, entry in stored.items()}
    for name, entry in made.items():
        telling = [(result, found) for result in results if (found := [*_samples(result, name)])]
        if telling:
            entry["source"] = _source(name, [result for result, _ in telling])
            entry["rates"] = fit([sample for _, found in telling for sample in found])
    return made


def _samples(results: Results, name: str) -> Iterator[Sample]:
    for group in results.groups:
        if group.threads == 1 and results.settings["kernels"] == name:
            for form, time in zip(group.forms, group.times, strict=True):
                yield Sample(form.operators, time.median_ms)
    for entry in results.cycles:
        if entry.accelerator.startswith(f"{name}-") and not entry.cpu_operators:
            yield Sample(entry.form.operators, entry.ms)


def _source(name: str, results: Sequence[Results]) -> str:
    sizes = sorted({f"{one.settings['size']}x{one.settings['classes']}" for one in results})
    outputs = f"{', '.join(sizes)} output, {max(one.settings['date'] for one in results)}"
    if name not in _KERNELS:
        versions = {one.settings["vela"] for one in results if one.settings.get("vela")}
        return f"cycles of Vela {', '.join(sorted(versions))} for the forms alone, {outputs}"
    host = results[0].host
    runtime = f"ai-edge-litert {host['packages'].get('ai-edge-litert', '?')}"
    return (
        f"ms of the forms alone, {_KERNELS[name]} of {runtime}, 1 thread, {host['cpu']}, {outputs}"
    )


def to_json(sets: Mapping[str, Mapping[str, Any]]) -> str:
    """Return rate sets as the text of rates.json: a line for each operator and type."""
    return _block({name: _set_lines(entry) for name, entry in sets.items()}, 1) + "\n"


def _set_lines(entry: Mapping[str, Any]) -> str:
    facts = {key: json.dumps(value) for key, value in entry.items() if key != "rates"}
    rates = {
        operator: _block({kind: json.dumps(rate) for kind, rate in kinds.items()}, 4)
        for operator, kinds in entry["rates"].items()
    }
    return _block({**facts, "rates": _block(rates, 3)}, 2)


def _block(entries: Mapping[str, str], depth: int) -> str:
    margin = " " * depth
    lines = (f"{margin}{json.dumps(key)}: {text}" for key, text in entries.items())
    return "{\n" + ",\n".join(lines) + "\n" + " " * (depth - 1) + "}"


@click.command()
@click.argument(
    "results",
    nargs=-1,
    required=True,
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
)
@click.option(
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Rates to bring up to date; without it, those that edgeseg itself reads.",
)
def main(results: tuple[Path, ...], output: Path | None) -> None:
    """Fit the rates of the kernels and accelerators that RESULTS (JSON of the benchmark) have."""
    from edgeseg.converters.delegates.rates import FILE

    target = output or FILE
    try:
        write_rates(results, target)
    except EdgesegError as error:
        raise click.ClickException(str(error)) from error
    click.echo(f"wrote {target}", err=True)


def write_rates(results: Iterable[Path], output: Path) -> None:
    """Fit and write; sets of which the results say nothing stay as they are.

    Raises:
        DataError: a file is none of the benchmark, or the rates cannot be read.
        OutputError: the rates cannot be written.
    """
    found = [load(path) for path in results]
    try:
        stored = json.loads(output.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise DataError(f"cannot read the rates in {output}: {error}") from error
    atomic_write_bytes(output, to_json(fitted_sets(found, stored)).encode())


if __name__ == "__main__":
    main()
