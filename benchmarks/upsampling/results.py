"""What the benchmark of upsampling forms found, and its JSON."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

from edgeseg.benchmarks.host import Host, Strain
from edgeseg.errors import DataError
from edgeseg.files import atomic_write_bytes

SCHEMA = "edgeseg-upsampling-1"
REFERENCE = "keep"
"""The form that all others are compared with: the transposed convolution as it is."""


class Operator(NamedTuple):
    """What an operator's cost may follow from; see edgeseg.converters.delegates.rates.Rate."""

    name: str
    kind: str
    macs: int
    parts: int
    elements: int


@dataclass(frozen=True)
class Contender:
    """A form of an upsampling, as a network of nothing else.

    Attributes:
        name: as for `edgeseg convert --swap`.
        source: which layer it stands for: "learned kernel", "bilinear kernel", "bilinear resize" or
            "nearest resize".
        title: in words.
        exact: it computes the same.
        operators: of its .tflite file.
    """

    name: str
    source: str
    title: str
    exact: bool
    operators: tuple[Operator, ...]

    @property
    def label(self) -> str:
        """Unique within a group."""
        is_other = self.name == REFERENCE and not self.source.endswith("kernel")
        return f"{self.name} ({self.source})" if is_other else self.name


@dataclass(frozen=True)
class Time:
    """How long something took; `ratio` is against the group's first, with its 95 % interval."""

    median_ms: float
    min_ms: float
    calls: int
    ratio: float | None = None
    low: float | None = None
    high: float | None = None
    verdict: str = ""


@dataclass(frozen=True)
class Group:
    """Forms that were timed together, round by round.

    Attributes:
        precision: float32 or int8.
        stride: of the upsampling.
        threads: of the runtime.
        kernels: what ran it, as the runtime names itself, by form.
        forms, times: in the same order.
        rounds_ms: rounds[r][form][call], every timed call; or only the median of each block.
    """

    precision: str
    stride: int
    threads: int
    kernels: tuple[str, ...]
    forms: tuple[Contender, ...]
    times: tuple[Time, ...]
    rounds_ms: tuple[Any, ...] = ()


@dataclass(frozen=True)
class Network:
    """A whole network in int8, in three ways.

    Attributes:
        model: name of the Keras file.
        size: of its input, WxH.
        target: that it was planned for.
        forms: what each layer became: "up8: subpixel".
        agreement: share of pixels on which the planned float network has the class of the float
            network.
        pixels: how many were compared.
        int8_agreements: likewise, of the untouched and the planned int8 file.
        threads: of the runtime.
        planned: time of the file for the target.
        untouched: of the same without a change to any layer; the ratio is untouched / planned.
        stock: likewise, of the file that TFLiteConverter alone makes, with an open batch.
        rounds_ms: as for a group, in this order.
    """

    model: str
    size: str
    target: str
    forms: tuple[str, ...]
    agreement: float
    pixels: int
    int8_agreements: tuple[float, float]
    threads: int
    planned: Time
    untouched: Time
    stock: Time
    rounds_ms: tuple[Any, ...] = ()


@dataclass(frozen=True)
class Cycles:
    """What Vela says of a form.

    Attributes:
        stride: of the upsampling.
        form: which.
        accelerator: as in "ethos-u55-128".
        cycles, ms: of the accelerator alone, at the clock of Vela's configuration.
        sram_bytes: that it needs.
        cpu_operators: names of those it leaves to the CPU, whose time is in none of the figures.
    """

    stride: int
    form: Contender
    accelerator: str
    cycles: int
    ms: float
    sram_bytes: int
    cpu_operators: tuple[str, ...]


@dataclass(frozen=True)
class Results:
    """Everything of one run; complete at every moment.

    Attributes:
        settings: size, classes, strides and so on, as typed.
        host, strain: the machine, and what else it did.
        groups, networks, cycles: what was found so far.
        complete: nothing is missing.
    """

    settings: Mapping[str, Any]
    host: Mapping[str, Any]
    strain: Mapping[str, Any]
    groups: tuple[Group, ...] = ()
    networks: tuple[Network, ...] = ()
    cycles: tuple[Cycles, ...] = ()
    complete: bool = False


def described(host: Host, strain: Strain) -> dict[str, Any]:
    """Return the machine as `Results` has it."""
    return {"host": asdict(host), "strain": asdict(strain)}


def save(results: Results, target: Path) -> None:
    """Write the results as JSON, complete or not at all.

    Raises:
        OutputError: it cannot be written.
    """
    text = json.dumps({"schema": SCHEMA, **asdict(results)}, separators=(",", ":"))
    atomic_write_bytes(target, f"{text}\n".encode())


def load(path: Path) -> Results:
    """Read results that `save` wrote.

    Raises:
        DataError: the file is missing, or is none.
    """
    try:
        stored = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise DataError(f"cannot read {path}: {error}") from error
    if not isinstance(stored, dict) or stored.pop("schema", None) != SCHEMA:
        raise DataError(f"{path} is no JSON of this benchmark ({SCHEMA})")
    groups, networks, cycles = (stored.pop(key) for key in ("groups", "networks", "cycles"))
    return Results(
        **stored,
        groups=_each(_group, groups),
        networks=_each(_network, networks),
        cycles=_each(_cycles, cycles),
    )


def _each(read: Callable[[dict[str, Any]], Any], entries: Sequence[dict[str, Any]]) -> Any:
    return tuple(read(entry) for entry in entries)


def _contender(stored: dict[str, Any]) -> Contender:
    operators = tuple(Operator(*operator) for operator in stored["operators"])
    return Contender(**{**stored, "operators": operators})


def _group(stored: dict[str, Any]) -> Group:
    forms = tuple(map(_contender, stored["forms"]))
    times = tuple(Time(**time) for time in stored["times"])
    rest = {key: _frozen(stored[key]) for key in ("kernels", "rounds_ms")}
    return Group(**{**stored, **rest, "forms": forms, "times": times})


def _network(stored: dict[str, Any]) -> Network:
    return Network(
        **{
            **stored,
            "forms": _frozen(stored["forms"]),
            "int8_agreements": _frozen(stored["int8_agreements"]),
            "planned": Time(**stored["planned"]),
            "untouched": Time(**stored["untouched"]),
            "stock": Time(**stored["stock"]),
            "rounds_ms": _frozen(stored["rounds_ms"]),
        }
    )


def _cycles(stored: dict[str, Any]) -> Cycles:
    return Cycles(
        **{
            **stored,
            "form": _contender(stored["form"]),
            "cpu_operators": _frozen(stored["cpu_operators"]),
        }
    )


def _frozen(value: Any) -> Any:
    """Return JSON's lists as tuples, all the way down."""
    return tuple(map(_frozen, value)) if isinstance(value, list) else value


def blocks_only(results: Results) -> Results:
    """Return the results with the median of each block of calls in place of every call."""
    return replace(
        results,
        groups=tuple(
            replace(group, rounds_ms=_medians(group.rounds_ms)) for group in results.groups
        ),
        networks=tuple(
            replace(network, rounds_ms=_medians(network.rounds_ms)) for network in results.networks
        ),
    )


def _medians(rounds_ms: Sequence[Sequence[Sequence[float]]]) -> tuple[tuple[float, ...], ...]:
    return tuple(tuple(round(median(block), 4) for block in blocks) for blocks in rounds_ms)
