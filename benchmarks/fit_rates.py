"""Fit cost rates of operators to the times of forms, by least squares on relative errors.

A form's time is taken as the sum over its operators of rates times amounts
(edgeseg.converters.delegates.rates). Every time is divided by itself first, so that a fit to 0.4 ms
is as good as one to 14 ms: what counts later are ratios.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from statistics import median
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgeseg.converters.delegates.op import Op
from edgeseg.converters.delegates.rates import (
    OTHER,
    ActivationType,
    Rate,
    activation_type,
    amounts,
)

FIELDS = tuple(field.name for field in fields(Rate))
_WEIGHTED = ("CONV_2D", "DEPTHWISE_CONV_2D", "TRANSPOSE_CONV", "FULLY_CONNECTED")
_DIGITS = 4  # of a rate; the times have fewer

SHARED = {"STRIDED_SLICE": "PAD", "SLICE": "PAD", "PADV2": "PAD", "CONCATENATION": "PAD"}

Key = tuple[str, ActivationType]
Column = tuple[str, ActivationType, str]


@dataclass(frozen=True)
class Sample:
    """What a list of operators took together, in milliseconds."""

    ops: tuple[Op, ...]
    ms: float


def fit(samples: Sequence[Sample]) -> dict[str, dict[str, dict[str, float]]]:
    """Return rates as rates.json has them: by operator, type of activations and field.

    A call costs the same whatever the operator; those that only copy share a rate per element too
    (`SHARED`). An operator that no sample has is counted by `OTHER`, the median of the fitted ones.
    """
    columns = _columns(samples)
    matrix = np.array([_row(sample, columns) for sample in samples])
    times = np.array([sample.ms for sample in samples]) * 1e6
    found = nonnegative_least_squares(matrix / times[:, None], np.ones(len(times)))
    values = dict(zip(columns, found.tolist(), strict=True))
    rates: dict[str, dict[str, dict[str, float]]] = {}
    for name, kind in sorted(_keys(samples)):
        fitted = {field: values.get(_column((name, kind), field), 0.0) for field in FIELDS}
        rates.setdefault(name, {})[kind] = {
            field: float(f"{value:.{_DIGITS}g}") for field, value in fitted.items() if value > 0
        }
    return {OTHER: _other(rates), **rates}


def nonnegative_least_squares(
    matrix: NDArray[np.float64], target: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return x >= 0 for which |matrix @ x - target| is least.

    The active-set method of Lawson and Hanson, "Solving Least Squares Problems" (1974), chapter 23,
    with columns brought to unit length first.
    """
    scale = np.linalg.norm(matrix, axis=0)
    scale[scale == 0] = 1.0
    unit = matrix / scale
    x = np.zeros(unit.shape[1])
    free = np.zeros(unit.shape[1], bool)
    for _ in range(10 * unit.shape[1]):
        gradient = unit.T @ (target - unit @ x)
        gradient[free] = -np.inf
        if gradient.max(initial=-np.inf) <= 1e-10:
            break
        free[int(gradient.argmax())] = True
        x = _within(unit, target, x, free)
    return np.asarray(x / scale)


def _within(
    unit: NDArray[np.float64],
    target: NDArray[np.float64],
    x: NDArray[np.float64],
    free: NDArray[np.bool_],
) -> NDArray[np.float64]:
    """Solve for the free variables; take out, one step after the other, those that fall to 0."""
    while True:
        wanted = np.zeros_like(x)
        wanted[free] = np.linalg.lstsq(unit[:, free], target, rcond=None)[0]
        falling = free & (wanted <= 0)
        if not falling.any():
            return wanted
        step = float(np.min(x[falling] / np.maximum(x[falling] - wanted[falling], 1e-300)))
        x = x + step * (wanted - x)
        free &= x > 1e-14
        x = np.where(free, x, 0.0)


def _keys(samples: Sequence[Sample]) -> set[Key]:
    return {(op.name, activation_type(op)) for sample in samples for op in sample.ops}


def _column(key: Key, field: str) -> Column:
    """Return which unknown an operator's rate is."""
    name, kind = key
    if field == "call":
        return OTHER, kind, field
    return SHARED.get(name, name), kind, field


def _columns(samples: Sequence[Sample]) -> list[Column]:
    return sorted(
        {
            _column(key, field)
            for key in _keys(samples)
            for field in FIELDS
            if _is_fitted(key[0], field)
        }
    )


def _is_fitted(op: str, field: str) -> bool:
    if field == "mac":
        return op in _WEIGHTED
    if field == "element":
        return op != "RESHAPE"  # stands beside a TRANSPOSE, which has the work
    return field != "part" or op == "TRANSPOSE_CONV"


def _row(sample: Sample, columns: Sequence[Column]) -> list[float]:
    total: dict[Column, float] = {}
    for op in sample.ops:
        for field, amount in zip(FIELDS, amounts(op), strict=True):
            column = _column((op.name, activation_type(op)), field)
            total[column] = total.get(column, 0.0) + amount
    return [total.get(column, 0.0) for column in columns]


def _other(rates: dict[str, dict[str, dict[str, float]]]) -> dict[str, Any]:
    kinds = sorted({kind for entry in rates.values() for kind in entry})
    return {kind: _medians([e[kind] for e in rates.values() if kind in e]) for kind in kinds}


def _medians(entries: Sequence[dict[str, float]]) -> dict[str, float]:
    found = {}
    for name in ("mac", "element", "call"):
        values = [entry[name] for entry in entries if name in entry]
        if values:
            found[name] = float(f"{median(values):.{_DIGITS}g}")
    return found


def to_json(sets: Mapping[str, Mapping[str, Any]]) -> str:
    """Return rate sets as the text of rates.json: a line for each operator and type."""
    lines = []
    for name, entry in sets.items():
        facts = [f"{json.dumps(key)}: {json.dumps(entry[key])}" for key in entry if key != "rates"]
        rates = [
            f"   {json.dumps(op)}: {{\n"
            + ",\n".join(f"    {json.dumps(kind)}: {json.dumps(r)}" for kind, r in kinds.items())
            + "\n   }"
            for op, kinds in entry["rates"].items()
        ]
        body = ",\n".join(
            [*(f"  {fact}" for fact in facts), '  "rates": {\n' + ",\n".join(rates) + "\n  }"]
        )
        lines.append(f" {json.dumps(name)}: {{\n{body}\n }}")
    return "{\n" + ",\n".join(lines) + "\n}\n"
