"""The whole benchmark: make the files, time them, ask Vela, keep what was found at every moment."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import Executor
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime, timezone
from importlib.metadata import PackageNotFoundError, version
from itertools import product
from pathlib import Path
from typing import Any

from edgeseg.benchmarks.host import describe_host, snapshot, strain_between
from edgeseg.benchmarks.paired import Plan
from edgeseg.errors import ConfigError
from edgeseg.manifest import Size

from .cycles import ACCELERATORS, cycles_of
from .nets import Net, Shape, make_nets, reasons_against, worker
from .networks import compare_networks
from .results import Results
from .timing import KERNELS, time_forms

PRECISIONS = ("float32", "int8")

Tell = Callable[[str], None]
Save = Callable[[Results], None]


@dataclass(frozen=True)
class Options:
    """What to measure.

    Attributes:
        size, classes: of the upsampling's output.
        strides: of the upsampling.
        taps: the transposed convolution's kernel in strides.
        precisions: of `PRECISIONS`.
        threads: numbers of threads.
        kernels: `xnnpack` or `builtin`.
        forms: whether the table of forms is measured.
        models: Keras files to convert and time untouched and planned.
        target: what they are planned for.
        frames: pictures for them; None renders streets.
        vela: whether Vela is asked for the forms' cycles.
        accelerators: that it is asked for.
        plan: how long each group of forms, or each network, is timed.
        work: folder for the converted files; None takes one that goes away.
    """

    size: Size = field(default_factory=lambda: Size(256, 256))
    classes: int = 21
    strides: tuple[int, ...] = (2, 4, 8, 16, 32)
    taps: int = 2
    precisions: tuple[str, ...] = PRECISIONS
    threads: tuple[int, ...] = (1, 2)
    kernels: str = "xnnpack"
    forms: bool = True
    models: tuple[Path, ...] = ()
    target: str = "cpu"
    frames: Path | None = None
    vela: bool = False
    accelerators: tuple[str, ...] = ACCELERATORS
    plan: Plan = field(default_factory=lambda: Plan(seconds=10.0))
    work: Path | None = None


def run(options: Options, tell: Tell, save: Save) -> Results:
    """Measure everything that was asked for.

    Args:
        options: what.
        tell: called with a few words whenever something begins.
        save: called with the results so far whenever something is done.

    Raises:
        ConfigError: options that make no sense; with all reasons.
        MissingExtraError: TensorFlow or Vela is not installed.
        EdgesegError: a file cannot be made or run.
    """
    _check(options)
    host, before = describe_host(), snapshot()
    results = Results(_settings(options), asdict(host), {})

    def keep(**found: Any) -> None:
        nonlocal results
        strain = asdict(strain_between(before, snapshot()))
        results = replace(results, strain=strain, **found)
        save(results)

    with worker() as pool, _folder(options) as folder:
        nets = _nets(options, pool, folder, tell)
        for group in _groups(options, nets, tell):
            keep(groups=(*results.groups, group))
        for network in _networks(options, pool, folder, tell):
            keep(networks=(*results.networks, network))
        for entry in _cycles(options, nets, tell):
            keep(cycles=(*results.cycles, entry))
    keep(complete=True)
    return results


Nets = dict[tuple[str, int], tuple[Net, ...]]


def _nets(options: Options, pool: Executor, folder: Path, tell: Tell) -> Nets:
    """Make all files before anything is timed: what was cached must not change the conditions."""
    nets: Nets = {}
    precisions = options.precisions if options.forms else ()
    if options.vela:
        precisions = tuple(dict.fromkeys((*precisions, "int8")))
    for precision, stride in product(precisions, options.strides):
        tell(f"making the forms of stride {stride}, {precision}")
        shape = Shape(options.size, options.classes, stride, options.taps)
        nets[precision, stride] = pool.submit(make_nets, shape, precision, folder).result()
    return nets


def _groups(options: Options, nets: Nets, tell: Tell) -> Iterator[Any]:
    if not options.forms:
        return
    for threads, precision, stride in product(options.threads, options.precisions, options.strides):
        forms = nets[precision, stride]
        tell(
            f"timing {len(forms)} forms of stride {stride}, {precision}, {threads} "
            f"thread{'s' if threads > 1 else ''}"
        )
        yield time_forms(forms, precision, stride, threads, options.plan, options.kernels)


def _networks(options: Options, pool: Executor, folder: Path, tell: Tell) -> Iterator[Any]:
    for model in options.models:
        tell(f"{model.stem}: converting, untouched and for {options.target}, and timing")
        yield from compare_networks(
            model, options.target, options.frames, options.threads, options.plan, pool, folder
        )


def _cycles(options: Options, nets: Nets, tell: Tell) -> Iterator[Any]:
    if not options.vela:
        return
    for stride in options.strides:
        tell(f"asking Vela for the cycles of stride {stride}")
        yield from cycles_of(nets["int8", stride], stride, options.accelerators)


@contextmanager
def _folder(options: Options) -> Iterator[Path]:
    if options.work is not None:
        options.work.mkdir(parents=True, exist_ok=True)
        yield options.work
        return
    with tempfile.TemporaryDirectory(prefix="edgeseg-upsampling-") as name:
        yield Path(name)


def _settings(options: Options) -> dict[str, Any]:
    settings = {name: getattr(options, name) for name in ("classes", "taps", "kernels", "target")}
    return {
        "date": datetime.now(timezone.utc).date().isoformat(),
        "size": str(options.size),
        **settings,
        "vela": _version("ethos-u-vela"),
        "plan": asdict(options.plan),
    }


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return ""


def _check(options: Options) -> None:
    reasons = list(_reasons(options))
    if reasons:
        raise ConfigError("; ".join(reasons))


def _reasons(options: Options) -> Iterator[str]:
    for name in options.precisions:
        if name not in PRECISIONS:
            yield f"--precision {name}; expected {' or '.join(PRECISIONS)}"
    for stride in options.strides:
        yield from reasons_against(Shape(options.size, options.classes, stride, options.taps))
    for number in options.threads:
        if number < 1:
            yield f"--threads {number}; expected 1 or more"
    if options.kernels not in KERNELS:
        yield f"--kernels {options.kernels}; expected {' or '.join(KERNELS)}"
    for model in options.models:
        if not model.exists():
            yield f"there is no model {model}"
