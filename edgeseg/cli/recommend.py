"""`edgeseg recommend`: which model to take on this device, for a time and an accuracy."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from edgeseg.cli._bench_words import complete
from edgeseg.cli._common import FOLDER, OUTPUT, console, runtime_options

if TYPE_CHECKING:
    from rich.console import Console

    from edgeseg.benchmarks.recommend import Advice, Candidate
    from edgeseg.benchmarks.suite import BenchReport

SECONDS_A_VARIANT = 4.0


def _milliseconds(_: click.Context, param: click.Parameter, value: str) -> float:
    """Return milliseconds of `50ms`, `0.05s`, `50` or `20fps`."""
    match = re.fullmatch(r"(\d+(?:\.\d*)?|\.\d+)\s*(ms|s|fps)?", value.strip().lower())
    number = float(match[1]) if match else 0.0
    if match is None or number <= 0:
        raise click.BadParameter(
            f"{value!r} is no time; expected for example 50ms, 0.05s or 20fps", param=param
        )
    return {"s": number * 1e3, "fps": 1e3 / number}.get(match[2] or "ms", number)


@click.command()
@click.argument("words", nargs=-1, metavar="[VARIANT]...", shell_complete=complete)
@click.option(
    "--budget",
    required=True,
    callback=_milliseconds,
    metavar="TIME",
    help="What a frame may take, 95 times of 100: 50ms, 0.05s or 20fps.",
)
@click.option(
    "--min-miou", type=click.FloatRange(0, 1), metavar="SHARE", help="Needs --data: at least this."
)
@click.option("--data", type=FOLDER, help="Images with index masks, as for edgeseg eval.")
@runtime_options
@click.option("--seconds", type=float, help="Budget of the measurement.  [default: 4 a variant]")
@click.option("--json", "json_path", type=OUTPUT, help="Keep the measurement, as edgeseg bench.")
@click.pass_context
def recommend(ctx: click.Context, /, words: tuple[str, ...], **options: Any) -> None:
    """Say which model to take on this device.

    Measures whole frames (prepare, infer, decode, overlay at 1280x720) of every VARIANT, without
    any those of the zoo, as `edgeseg bench --what frame` does, and names the most accurate one that
    keeps within the budget. Exits with 1 when none does.

    \b
      edgeseg recommend --budget 50ms --data camvid --min-miou 0.5
      edgeseg recommend --budget 20fps fcn8 fcn8@240x176 mine.tflite
    """  # noqa: D301  # click knows an example by its backspace
    from edgeseg.benchmarks.recommend import Wishes, advise, sentences

    wishes = Wishes(options.pop("budget"), options.pop("min_miou"))
    if wishes.min_miou is not None and options["data"] is None:
        raise click.UsageError("--min-miou needs images and masks to measure it on: --data DIR")
    report = _measured(words, options.pop("json_path"), options)
    advice = advise(report, wishes)
    _show(report, advice, console())
    for line in sentences(advice, wishes):
        console().print(line, style="bold", markup=False, soft_wrap=not console().is_terminal)
    if advice.best is None:
        ctx.exit(1)


def _measured(words: tuple[str, ...], target: Path | None, options: dict[str, Any]) -> BenchReport:
    from edgeseg.benchmarks.paired import Plan
    from edgeseg.benchmarks.record import save_json
    from edgeseg.benchmarks.suite import BenchOptions
    from edgeseg.benchmarks.suite import bench as run_bench
    from edgeseg.benchmarks.variants import parse_variant
    from edgeseg.cli.bench import watcher
    from edgeseg.files import check_writable
    from edgeseg.zoo import names

    if target:
        check_writable(target)
    zoo = names()
    texts = [word for word in words if word != "vs"] or zoo
    variants = tuple(parse_variant(text, zoo) for text in texts)
    plan = Plan(seconds=options.pop("seconds") or SECONDS_A_VARIANT * len(variants))
    settings = BenchOptions(variants=variants, what="frame", plan=plan, float_too=False, **options)
    with watcher(plan) as watching:
        report = run_bench(settings, watching)
    if target:
        save_json(report, target)
    if report.interrupted:
        raise KeyboardInterrupt
    return report


def _show(report: BenchReport, advice: Advice, out: Console) -> None:
    from rich import box
    from rich.table import Table

    from edgeseg.benchmarks.report import notes
    from edgeseg.benchmarks.table import setup

    grid = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), show_edge=False)
    grid.add_column("variant", overflow="fold")
    headings = ("mIoU", "frame\nms", "p95\nms")
    for heading in headings if report.accuracy else headings[1:]:
        grid.add_column(heading, justify="right")
    grid.add_column("", overflow="fold")
    for one in advice.candidates:
        miou = () if one.miou is None else (f"{one.miou:.3f}",)
        times = f"{one.standing.median_ms:.2f}", f"{one.standing.p95_ms:.2f}"
        style = "green" if one is advice.best else ""
        grid.add_row(one.standing.label, *miou, *times, _word(one, advice), style=style)
    out.print(grid)
    out.print()
    found = report.accuracy[:1]
    evaluated = (f"mIoU: on the {one.images} images of {one.data}" for one in found if one)
    for line in (*setup(report), *evaluated):
        out.print(line, style="dim", markup=False, soft_wrap=not out.is_terminal)
    for line in notes(report):
        out.print(f"! {line}", style="yellow", markup=False, soft_wrap=not out.is_terminal)
    out.print()


def _word(one: Candidate, advice: Advice) -> str:
    if one is advice.best:
        return "take this"
    if one.reasons:
        return ", ".join(one.reasons)
    beaten = one.is_dominated and one.miou is not None
    return "fits, but another is as good and quicker" if beaten else "fits"
