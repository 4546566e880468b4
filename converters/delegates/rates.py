"""What operators cost on a target, roughly: rates with which forms are told apart.

A rate set gives each operator, for float and for integer activations apart, nanoseconds per
multiply-accumulate, per element of its output, and per call. They are fitted to measured times, or
to a compiler's cycles, of the forms alone (edgeseg.benchmarks.upsampling.fit), and stand with their
source in rates.json. They order the forms of one call on one target; they are no forecast of a
network's time on another machine.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from functools import lru_cache
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal

from edgeseg.errors import ConfigError

from .op import Op

FILE = Path(__file__).with_name("rates.json")
OTHER = "*"
"""Stands in a rate set for the operators that it does not name."""

ActivationType = Literal["float", "int8"]


@dataclass(frozen=True)
class Rate:
    """What one operator costs, in nanoseconds.

    Attributes:
        mac: per multiply-accumulate.
        part: per element of the output and pixel that a pixel becomes, s_h * s_w of them: compilers
            that split a transposed convolution, or average a resize, run so often over the output.
        element: per element of the output.
        call: per call.
    """

    mac: float = 0.0
    part: float = 0.0
    element: float = 0.0
    call: float = 0.0


@dataclass(frozen=True)
class RateSet:
    """The rates of one target.

    Attributes:
        name: as in edgeseg.converters.delegates.target.Target.rates.
        source: what they were fitted to.
        target: name of the target whose table tells which operators are left to its CPU, where such
            an operator costs more than the accelerator's; empty where all run on one device.
        rates: by operator and type of the activations.
        left_out: of an operator that the target leaves to its CPU.
    """

    name: str
    source: str
    rates: Mapping[tuple[str, ActivationType], Rate]
    target: str = ""
    left_out: Rate = Rate()


def predicted_ms(ops: Sequence[Op], rates: str) -> float:
    """Return what `ops` cost one after the other by a rate set, in milliseconds.

    Only the ratio of two such figures of one rate set says something: which form of a call is the
    quicker one.

    Args:
        ops: of a form, or of a file.
        rates: name of the rate set: "xnnpack".

    Raises:
        ConfigError: there is no such rate set.
    """
    chosen = rate_set(rates)
    left = _left_out(ops, chosen)
    return (
        sum(
            _ns(op, chosen.left_out if index in left else rate_of(op, chosen))
            for index, op in enumerate(ops)
        )
        * 1e-6
    )


def rate_set(name: str) -> RateSet:
    """Return a rate set by its name.

    Raises:
        ConfigError: there is none.
    """
    sets = rate_sets()
    if name not in sets:
        close = get_close_matches(name, sets, n=1)
        hint = f"did you mean {close[0]!r}? " if close else ""
        raise ConfigError(f"{name!r} is no rate set; {hint}known: {', '.join(sets)}")
    return sets[name]


@lru_cache(maxsize=1)
def rate_sets() -> Mapping[str, RateSet]:
    """Return all rate sets by their names, as rates.json has them."""
    stored = json.loads(FILE.read_text(encoding="utf-8"))
    return MappingProxyType({name: _read(name, entry) for name, entry in stored.items()})


def rate_of(op: Op, rates: RateSet) -> Rate:
    """Return an operator's rate, that of `OTHER` where the set does not name it."""
    kind = activation_type(op)
    for name in (rate_name(op), op.name, OTHER):
        if (name, kind) in rates.rates:
            return rates.rates[name, kind]
    return Rate()


def rate_name(op: Op) -> str:
    """Return what an operator is called in a rate set: its name, and what else changes its kernel.

    The builtin int8 kernel takes six times as long for a nearest resize by half-pixel centres as
    for the same by the old rule.
    """
    return f"{op.name} half" if op.option("half_pixel_centers") else op.name


def activation_type(op: Op) -> ActivationType:
    """Return which of the two kinds of rates an operator is counted by."""
    tensor = op.input or op.output
    return "float" if tensor.dtype.startswith(("float", "bfloat")) else "int8"


def amounts(op: Op) -> tuple[int, int, int, int]:
    """Return what a rate's fields are multiplied with, in their order."""
    elements = max(op.output.elements, 0)
    return op.macs, elements * _parts(op), elements, 1


def _parts(op: Op) -> int:
    """Return how many pixels a pixel becomes, 1 for an operator that does not enlarge."""
    if op.name == "TRANSPOSE_CONV":
        return int(op.option("stride_h", 1)) * int(op.option("stride_w", 1))
    if op.name.startswith("RESIZE") and op.input is not None and op.input.elements > 0:
        return max(1, op.output.elements // op.input.elements)
    return 1


def _ns(op: Op, rate: Rate) -> float:
    macs, parts, elements, calls = amounts(op)
    return rate.mac * macs + rate.part * parts + rate.element * elements + rate.call * calls


def _left_out(ops: Sequence[Op], rates: RateSet) -> frozenset[int]:
    """Return which of `ops` the set's target leaves to its CPU, by its table."""
    if not rates.target:
        return frozenset()
    from edgeseg.converters.delegates import target

    from .target import place

    table = target(rates.target)
    return frozenset(index for index, op in enumerate(ops) if not place(op, table).runs)


def _read(name: str, entry: Mapping[str, Any]) -> RateSet:
    found: dict[tuple[str, ActivationType], Rate] = {}
    for op, kinds in entry["rates"].items():
        for kind, coefficients in kinds.items():
            found[op, kind] = Rate(**coefficients)
    return RateSet(
        name=name,
        source=entry["source"],
        rates=MappingProxyType(found),
        target=entry.get("target", ""),
        left_out=Rate(**entry.get("left_out", {})),
    )
