"""`edgeseg bench`: which model is faster, by how much, how surely."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Any

import click

from edgeseg.cli._bench_baseline import tolerance_share
from edgeseg.cli._bench_words import complete
from edgeseg.cli._common import FILE, FOLDER, OUTPUT, console, runtime_options

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress, TaskID

    from edgeseg.benchmarks.paired import Plan, Recording
    from edgeseg.benchmarks.suite import BenchOptions, BenchReport

STDOUT = Path("-")
REDRAW_S = 0.25
VARIANT_S = 3.0


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
@click.argument("words", nargs=-1, metavar="VARIANT [vs VARIANT]...", shell_complete=complete)
@click.option(
    "--matrix",
    metavar="'MODELS x PARTS x ...'",
    help="Every combination, such as 'fcn8,fcn32 x transpose,bilinear x 1t,2t'.",
)
@click.option(
    "--what",
    type=click.Choice(["network", "frame", "start", "parts"]),
    default="network",
    show_default=True,
    help="Time the network alone; prepare, infer, decode and overlay of a 1280x720 frame; load, "
    "first run and peak memory in a fresh process; or encoder, scores, upsampling and head.",
)
@click.option(
    "--data",
    type=FOLDER,
    help="Images with index masks, as for edgeseg eval: adds mIoU, of float32 too.",
)
@runtime_options
@click.option(
    "--seconds", type=float, help="Budget.  [default: 15, or 3 a variant if that is more]"
)
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
    "--single-stream",
    is_flag=True,
    help="As MLPerf asks: at least 1,024 calls and 60 s of each variant; shows p90.",
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
@click.option(
    "--continue",
    "continued",
    type=FILE,
    metavar="FILE.json",
    help="Go on with what --json kept, with its options, up to --seconds in all.",
)
@click.option("--csv", "csv_path", type=OUTPUT, metavar="FILE", help="A row for each variant.")
@click.option(
    "--markdown", "markdown_path", type=OUTPUT, metavar="FILE", help="Table and verdicts."
)
@click.option(
    "--report",
    "report_path",
    type=OUTPUT,
    metavar="FILE.html",
    help="A page with charts of calls, stages, and time against mIoU.",
)
@click.option(
    "--save-baseline",
    type=OUTPUT,
    metavar="FILE.json",
    help="Keep one call a round, for --compare.",
)
@click.option(
    "--compare",
    "baseline",
    type=FILE,
    metavar="FILE.json",
    help="Hold it against a baseline; exit 1 when a variant is surely slower.",
)
@click.option(
    "--tolerance",
    callback=tolerance_share,
    metavar="PERCENT",
    default="5",
    show_default=True,
    help="By so much a variant may be slower than the baseline.",
)
@click.pass_context
def bench(
    ctx: click.Context,
    /,
    words: tuple[str, ...],
    matrix: str | None,
    json_path: Path | None,
    continued: Path | None,
    csv_path: Path | None,
    markdown_path: Path | None,
    report_path: Path | None,
    save_baseline: Path | None,
    baseline: Path | None,
    tolerance: float,
    **options: Any,
) -> None:
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
      edgeseg bench --matrix 'fcn8,fcn32 x float32,int8 x 1t,2t' --data camvid
    """  # noqa: D301  # click knows an example by its backspace
    from edgeseg.benchmarks.outputs import write_csv, write_markdown
    from edgeseg.benchmarks.record import load, save_json, thinned
    from edgeseg.benchmarks.suite import bench as run_bench
    from edgeseg.cli._bench_parts import show_parts
    from edgeseg.files import check_writable

    if options["what"] == "parts":
        given = {"--data": options["data"], "--continue": continued, "--compare": baseline}
        given |= {"--csv": csv_path, "--markdown": markdown_path, "--report": report_path}
        given |= {"--save-baseline": save_baseline}
        show_parts(_settings(words, matrix, options), json_path, given)
        return
    target = None if json_path in (None, STDOUT) else json_path
    if continued and json_path is None:
        target = continued
    for path in filter(None, (target, csv_path, markdown_path, report_path, save_baseline)):
        check_writable(path)
    then = load(baseline) if baseline else None
    so_far = load(continued) if continued else None
    if so_far:
        settings = _continued_settings(so_far, ctx, words, matrix, options)
    else:
        settings = _settings(words, matrix, options)
    with watcher(settings.plan) as watching:
        report = run_bench(
            settings,
            watching,
            lambda part: save_json(part, target) if target else None,
            so_far=so_far,
        )
    _show(report, as_json=json_path == STDOUT)
    if target:
        save_json(report, target)
        click.echo(f"wrote {target}", err=True)
    if csv_path:
        write_csv(report, csv_path)
    if markdown_path:
        write_markdown(report, markdown_path)
    if report_path:
        from edgeseg.benchmarks.page import write_bench_report

        write_bench_report(report, report_path)
    if report.interrupted:
        raise KeyboardInterrupt
    if save_baseline:
        save_json(thinned(report), save_baseline)
    for path in filter(None, (csv_path, markdown_path, report_path, save_baseline)):
        click.echo(f"wrote {path}", err=True)
    if then and _is_slower(report, then, tolerance, stderr=json_path == STDOUT):
        ctx.exit(1)


def _is_slower(report: BenchReport, then: BenchReport, tolerance: float, *, stderr: bool) -> bool:
    from edgeseg.benchmarks.baseline import against
    from edgeseg.cli._bench_baseline import show

    found = against(report, then, tolerance)
    out = _stderr() if stderr else console()
    out.print()
    show(found, out)
    return found.is_slower


def _settings(words: tuple[str, ...], matrix: str | None, options: dict[str, Any]) -> BenchOptions:
    from edgeseg.benchmarks.matrix import expand
    from edgeseg.benchmarks.suite import BenchOptions
    from edgeseg.benchmarks.variants import parse_variant, split_versus
    from edgeseg.zoo import names

    zoo = names()
    if not words and not matrix:
        raise click.UsageError("nothing to measure; type for example: edgeseg bench fcn8 vs fcn32")
    texts = [*(split_versus(words) if words else []), *(expand(matrix) if matrix else [])]
    variants = tuple(parse_variant(text, zoo) for text in texts)
    plan = _plan(options, len(variants))
    return BenchOptions(variants=variants, plan=plan, **options)


def _plan(options: dict[str, Any], variants: int) -> Plan:
    """Take what makes the plan out of the options."""
    from edgeseg.benchmarks.paired import SINGLE_STREAM, Plan

    chosen = {name: options.pop(name) for name in ("seconds", "rounds", "target", "seed")}
    if chosen["seconds"] is None:
        chosen["seconds"] = max(Plan.seconds, VARIANT_S * variants)
    if options.pop("single_stream"):
        return replace(SINGLE_STREAM, **{name: chosen[name] for name in ("rounds", "seed")})
    return Plan(**chosen)


def _continued_settings(
    so_far: BenchReport,
    ctx: click.Context,
    words: tuple[str, ...],
    matrix: str | None,
    options: dict[str, Any],
) -> BenchOptions:
    """Take the options of the file, except what says how long, where that was given."""
    from click.core import ParameterSource

    given = {
        name for name in options if ctx.get_parameter_source(name) is not ParameterSource.DEFAULT
    }
    fixed = sorted(given - {"seconds", "rounds", "target", "single_stream", "smallest"})
    if words or matrix or fixed:
        what = ", ".join([*(["variants"] if words or matrix else []), *fixed])
        raise click.UsageError(f"--continue takes {what} from the file; leave that out")
    plan = _plan(dict(options), len(so_far.cases))
    names = given & {"seconds", "rounds", "target"}
    if options["single_stream"]:
        names |= {"calls", "busy_s", "target"}
    changed = {name: getattr(plan, name) for name in names}
    smallest = options["smallest"] if "smallest" in given else so_far.options.smallest
    return replace(so_far.options, plan=replace(so_far.options.plan, **changed), smallest=smallest)


def _show(report: BenchReport, *, as_json: bool) -> None:
    """Print the table, or JSON on stdout and the table on stderr."""
    from edgeseg.benchmarks.record import to_json
    from edgeseg.benchmarks.report import notes, sentences
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
            description=f"measuring, {len(recording.rounds)} rounds, {recording.sittings} sittings",
            refresh=True,
        )
        self._drawn_s = monotonic()


@contextmanager
def watcher(plan: Plan) -> Iterator[_Watcher]:
    """Show how far a measurement is."""
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.description}", markup=False), BarColumn(), TimeElapsedColumn())
    with Progress(*columns, console=_stderr(), auto_refresh=False, transient=True) as progress:
        yield _Watcher(progress, progress.add_task("opening the models", total=plan.seconds))
