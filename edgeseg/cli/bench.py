"""`edgeseg bench`: which model is faster, by how much, how surely."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Any

import click

from edgeseg.cli._common import console, runtime_options

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress, TaskID

    from edgeseg.benchmarks.paired import Recording
    from edgeseg.benchmarks.suite import BenchReport

STDOUT = Path("-")
REDRAW_S = 0.25


def _share(_: click.Context, param: click.Parameter, value: str) -> float:
    """Percent in, share out; a model's precision given here is sent where it belongs."""
    try:
        return float(value.strip().removesuffix("%")) / 100
    except ValueError:
        raise click.BadParameter(
            f"{value!r} is not a number of percent (a model's precision is part of the variant: "
            "fcn8:int8)",
            param=param,
        ) from None


@click.command()
@click.argument("words", nargs=-1, required=True, metavar="VARIANT [vs VARIANT]...")
@click.option(
    "--what",
    type=click.Choice(["network", "frame"]),
    default="network",
    show_default=True,
    help="Time the network alone, or prepare, infer, decode and overlay of a 1280x720 frame.",
)
@runtime_options
@click.option("--seconds", type=float, default=15.0, show_default=True, help="Budget.")
@click.option("--rounds", type=int, default=24, show_default=True, help="At least so many.")
@click.option(
    "--precision",
    "target",
    callback=_share,
    metavar="PERCENT",
    default="1",
    show_default=True,
    help="Stop before the budget when every interval is this narrow (half width); 0: never.",
)
@click.option(
    "--smallest",
    callback=_share,
    metavar="PERCENT",
    default="2",
    show_default=True,
    help="Smallest difference that counts as one.",
)
@click.option("--seed", type=int, default=0, show_default=True, help="Of the random orders.")
@click.option(
    "--json",
    "json_path",
    type=click.Path(path_type=Path, dir_okay=False, allow_dash=True),
    help="Write every timed call, the machine and the verdicts here; - is stdout.",
)
def bench(words: tuple[str, ...], json_path: Path | None, **options: Any) -> None:
    """Compare models: which is faster, by how much, how surely.

    A VARIANT is a .tflite file, or NAME[:UPSAMPLING][:PRECISION][:HEAD][@WxH] with NAME a zoo
    model or a Keras file; int8 goes without saying, and so does the coarse head where it is exact.
    Either may name its threads and runtime (:2t:litert). The first is the reference.

    \b
      edgeseg bench fcn8 vs fcn16 vs fcn32
      edgeseg bench fcn8:transpose vs fcn8:bilinear
      edgeseg bench fcn8:float32 vs fcn8@240x176
      edgeseg bench fcn8:1t vs fcn8:2t
      edgeseg bench mine.tflite vs fcn8 --what frame
    """  # noqa: D301  # click knows an example by its backspace
    from edgeseg.benchmarks.report import save_json
    from edgeseg.benchmarks.suite import bench as run_bench
    from edgeseg.files import check_writable

    target = None if json_path in (None, STDOUT) else json_path
    if target:
        check_writable(target)
    settings = _settings(words, options)
    with _watcher(settings.plan.seconds) as watcher:
        report = run_bench(
            settings, watcher, lambda part: save_json(part, target) if target else None
        )
    _show(report, as_json=json_path == STDOUT)
    if target:
        save_json(report, target)
        click.echo(f"wrote {target}", err=True)
    if report.interrupted:
        raise KeyboardInterrupt


def _settings(words: tuple[str, ...], options: dict[str, Any]) -> Any:
    from edgeseg.benchmarks.paired import Plan
    from edgeseg.benchmarks.suite import BenchOptions
    from edgeseg.benchmarks.variants import parse_variant, split_versus
    from edgeseg.zoo import names

    zoo = names()
    plan = Plan(**{name: options.pop(name) for name in ("seconds", "rounds", "target", "seed")})
    variants = tuple(parse_variant(text, zoo) for text in split_versus(words))
    return BenchOptions(variants=variants, plan=plan, **options)


def _show(report: BenchReport, *, as_json: bool) -> None:
    """Print the table, or JSON on stdout and the table on stderr."""
    from edgeseg.benchmarks.report import notes, sentences, to_json
    from edgeseg.benchmarks.table import caption, tables

    out = _stderr() if as_json else console()
    for table in tables(report, out):
        out.print(table)
        out.print()
    # Where no terminal wraps the lines, each stays whole, for `grep`.
    say = partial(out.print, markup=False, soft_wrap=not out.is_terminal)
    for line in caption(report):
        say(line, style="dim")
    say()
    for line in sentences(report):
        say(line, style="bold")
    for line in notes(report):
        say(f"! {line}", style="yellow")
    if as_json:
        click.echo(to_json(report))


def _stderr() -> Console:
    from rich.console import Console

    return Console(stderr=True, highlight=False)


class _Watcher:
    """Shows progress on stderr, between rounds only: a thread that redraws would be measured."""

    def __init__(self, progress: Progress, task: TaskID) -> None:
        self._progress = progress
        self._task = task
        self._drawn_s = 0.0

    def tell(self, text: str) -> None:
        if self._progress.console.is_terminal:
            self._progress.update(self._task, description=text, refresh=True)
        else:
            click.echo(text, err=True)

    def at(self, recording: Recording) -> None:
        if monotonic() - self._drawn_s < REDRAW_S:
            return
        self._progress.update(
            self._task,
            completed=recording.elapsed_s,
            description=f"measuring, {len(recording.rounds)} rounds",
            refresh=True,
        )
        self._drawn_s = monotonic()


@contextmanager
def _watcher(seconds: float) -> Iterator[_Watcher]:
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.description}", markup=False), BarColumn(), TimeElapsedColumn())
    with Progress(*columns, console=_stderr(), auto_refresh=False, transient=True) as progress:
        yield _Watcher(progress, progress.add_task("opening the models", total=seconds))
