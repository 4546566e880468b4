"""`edgeseg eval`: how accurate models are on images and masks."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from edgeseg.cli._common import FOLDER, OUTPUT, manifest_options, overrides_from, runtime_options
from edgeseg.cli._signals import interruptible

if TYPE_CHECKING:
    from edgeseg.cli._eval_models import Engine
    from edgeseg.evaluate import Progress
    from edgeseg.reports.evaluation import Findings


@dataclass(frozen=True)
class _Wishes:
    """What is evaluated on what.

    Attributes:
        models: as typed.
        against: the model to compare with, None without.
        data, split, limit, ignore, skip_bad: which images, and their void value.
        typed: the command line.
    """

    models: tuple[str, ...]
    against: str | None
    data: Path
    split: str | None
    limit: int | None
    ignore: int | None
    skip_bad: bool
    typed: str


class _Remembering(click.Command):
    """A command that keeps what was typed, for the report."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        ctx.obj = shlex.join([*ctx.command_path.split(), *args])
        return super().parse_args(ctx, args)


@click.command("eval", cls=_Remembering)
@click.argument("models", nargs=-1, required=True, metavar="MODEL...")
@click.option("--data", type=FOLDER, required=True, help="Images and index masks in folders.")
@click.option(
    "--split", metavar="NAME", help="DATA/NAME beside DATA/NAMEannot.  [default: val, else train]"
)
@click.option("--against", metavar="MODEL", help="Compare each with this one, pixel by pixel.")
@click.option(
    "--ignore",
    type=click.IntRange(0, 255),
    metavar="N",
    help="Mask value to leave out.  [default: CamVid's 11 with its labels, else none]",
)
@click.option("--limit", type=click.IntRange(min=1), metavar="N", help="N images, evenly spread.")
@click.option("--skip-bad", is_flag=True, help="Leave out pairs that cannot be used.")
@click.option("--report", type=OUTPUT, metavar="FILE.html", help="Write a page with pictures.")
@click.option("--json", "as_json", is_flag=True, help="Print everything as JSON.")
@runtime_options
@manifest_options
@click.pass_obj
def eval(typed: str, /, report: Path | None, as_json: bool, **options: Any) -> None:
    """Say how accurate each MODEL is on the images and index masks in DATA.

    A MODEL is a .tflite file, a Keras file or SavedModel, or a zoo name (its int8 file), which may
    go on as NAME[:UPSAMPLING][:PRECISION][:HEAD][@WxH]. DATA holds val/ beside valannot/ (CamVid's
    layout) or images/ beside masks/. Predictions are made at the masks' size.

    \b
      edgeseg eval fcn8 fcn16 fcn32 --data camvid
      edgeseg eval mine.tflite --against mine.keras --data camvid --report report.html
    """  # noqa: D301  # click knows an example by its backspace
    from edgeseg.cli._eval_report import as_json as to_json
    from edgeseg.cli._eval_report import show
    from edgeseg.files import check_writable
    from edgeseg.reports.evaluation import write_report

    if report is not None:
        check_writable(report)
    engine = _engine(options)
    wishes = _Wishes(typed=typed, **options)
    with interruptible(), ExitStack() as stack:
        findings = _evaluated(wishes, engine, stack)
        if report is not None:
            write_report(report, findings)
    if as_json:
        click.echo(to_json(findings))
    else:
        show(findings)
    if report is not None:
        click.echo(f"wrote {report}", err=as_json)


def _engine(options: dict[str, Any]) -> Engine:
    from edgeseg.cli._eval_models import Engine

    return Engine(
        threads=options.pop("threads"),
        runtime=options.pop("runtime"),
        labels=options["labels"],
        overrides=overrides_from(options),
    )


def _evaluated(wishes: _Wishes, engine: Engine, stack: ExitStack) -> Findings:
    """Find the data, open the models, check both, evaluate."""
    from edgeseg.cli._eval_findings import findings_of
    from edgeseg.cli._eval_models import common_labels, open_contender, shown_names
    from edgeseg.evaluate import compare
    from edgeseg.evaluation_data import choose_split, find, usable, void_of

    split = choose_split(wishes.data, wishes.split)
    found = find(wishes.data, split, wishes.limit)
    names = [*wishes.models, *([wishes.against] if wishes.against else [])]
    shown = shown_names(names)
    contenders = [open_contender(name, shown[name], engine, stack) for name in names]
    for contender in contenders:
        for note in contender.notes:
            click.echo(f"edgeseg: {contender.name}: {note}", err=True)
    labels = common_labels(contenders)
    ignore = void_of(labels, wishes.ignore)
    data = usable(found, labels, ignore, skip_bad=wishes.skip_bad)
    models = contenders[: len(wishes.models)]
    other = contenders[-1] if wishes.against else None
    with _progress(len(data.pairs)) as progress:
        comparison = compare(
            [model.segment for model in models],
            labels,
            data.pairs,
            ignore,
            against=other.segment if other else None,
            progress=progress,
        )
    return findings_of(comparison, models, other, data, ignore, engine, wishes.typed)


@contextmanager
def _progress(total: int) -> Iterator[Progress | None]:
    """Show a bar with the time left on standard error, where that is a terminal."""
    if not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeRemainingColumn

    columns = ("evaluating", BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("evaluating", total=total)
        yield lambda done, _: bar.update(task, completed=done)
