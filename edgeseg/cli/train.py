"""`edgeseg train`: images and masks in folders to a trained FCN."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from edgeseg.cli._common import SIZE

if TYPE_CHECKING:
    from edgeseg.fcn.train import Progress, TrainReport
    from edgeseg.labels import LabelSet

FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)
FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.command()
@click.option("--data", type=FOLDER, required=True, help="Images and index masks in folders.")
@click.option("-o", "--output", type=click.Path(path_type=Path), required=True, help="FILE.keras")
@click.option("--decoder", default="fcn8", show_default=True, help="fcn32, fcn16 or fcn8.")
@click.option("--encoder", default="mobilenetv2-0.35", show_default=True, help="See docs/train.md.")
@click.option(
    "--upsampling", default="bilinear", show_default=True, help="transpose, bilinear or nearest."
)
@click.option(
    "--learn-upsampling",
    is_flag=True,
    help="Let the last transposed convolution leave bilinear, as the others may.",
)
@click.option("--scores", default="light", show_default=True, help="light, or paper (vgg16).")
@click.option("--weights", help="Of the encoder: 'imagenet' or a file.")
@click.option("--init", type=FILE, help="Start from this .keras: FCN-16 from FCN-32, and so on.")
@click.option("--input-size", type=SIZE, default="480x352", show_default=True)
@click.option(
    "--labels", type=FILE, help="Class names, one a line; CamVid's 11 street classes without it."
)
@click.option("--ignore", type=int, help="Mask value to leave out; CamVid's 11 without --labels.")
@click.option("--epochs", type=int, default=30, show_default=True)
@click.option("--batch-size", type=int, default=8, show_default=True)
@click.option("--learning-rate", type=float, default=1e-3, show_default=True)
@click.option("--weight-decay", type=float, default=1e-4, show_default=True)
@click.option(
    "--class-weights",
    type=click.Choice(["none", "log", "median"]),
    default="log",
    show_default=True,
)
@click.option(
    "--jaccard",
    type=float,
    default=0.5,
    show_default=True,
    help="Weight of the soft Jaccard index beside cross-entropy.",
)
@click.option(
    "--batch-norm",
    type=click.Choice(["frozen", "trained"]),
    help="Whether batch normalizations move.  [default: frozen where weights are given]",
)
@click.option(
    "--synthetic",
    type=float,
    default=0.0,
    show_default=True,
    help="Rendered street frames for each image (street classes only).",
)
@click.option(
    "--mix",
    type=float,
    default=0.0,
    show_default=True,
    help="Share of pictures that get rare classes of another picture pasted in.",
)
@click.option("--holdout", help="File names kept out of training and evaluated, e.g. '0006R0*'.")
@click.option("--val", type=FOLDER, help="Another folder to evaluate at the end.")
@click.option("--seed", type=int, default=1, show_default=True)
@click.option("--skip-bad", is_flag=True, help="Leave out images and masks that cannot be used.")
@click.option("--resume", is_flag=True, help="Go on after an interruption.")
def train(**options: Any) -> None:
    """Train an FCN on images and index masks.

    DATA holds train/ beside trainannot/ (CamVid's layout) or images/ beside masks/. A checkpoint is
    kept beside the output after every epoch; after an interruption, the same command with --resume
    goes on from there.
    """
    from edgeseg.converters.quiet import import_keras
    from edgeseg.fcn.train import TrainOptions
    from edgeseg.fcn.train import train as run_training

    labels = _labels(options.pop("labels"), options.pop("ignore"), options["synthetic"])
    settings = TrainOptions(labels=labels, **options)
    import_keras()
    try:
        with _progress() as progress:
            report = run_training(settings, progress)
    except KeyboardInterrupt:
        click.echo("interrupted; the same command with --resume goes on from here", err=True)
        raise
    _show(report)


def _labels(names: Path | None, ignore: int | None, synthetic: float) -> LabelSet:
    from edgeseg.errors import ConfigError
    from edgeseg.labels import STREET, LabelSet, palette_for

    if names is None:
        return LabelSet(STREET.names, STREET.palette, STREET.ignore if ignore is None else ignore)
    lines = names.read_text(encoding="utf-8").splitlines()
    classes = tuple(line.strip() for line in lines if line.strip())
    if synthetic and classes != STREET.names:
        raise ConfigError(
            "--synthetic renders CamVid's 11 street classes; leave it out with --labels"
        )
    return LabelSet(classes, palette_for(len(classes)), ignore)


@contextmanager
def _progress() -> Iterator[Progress]:
    """Show a bar with the time left on standard error."""
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
    )

    columns = (
        TextColumn("[bold]epoch {task.fields[epoch]}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("loss {task.fields[loss]:.4f}  time left"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task("train", total=None, epoch="1", loss=float("nan"))

        def show(epoch: int, epochs: int, batch: int, batches: int, loss: float) -> None:
            bar.update(
                task,
                completed=(epoch - 1) * batches + batch,
                total=epochs * batches,
                epoch=f"{epoch}/{epochs}",
                loss=loss,
            )

        yield show


def _show(report: TrainReport) -> None:
    from rich.console import Console
    from rich.table import Table

    console = Console()
    if report.skipped:
        console.print(f"left out: {len(report.skipped)} that cannot be used")
        for reason in report.skipped[:10]:
            console.print(f"  {reason}", highlight=False, soft_wrap=True)
    size_kib = report.path.stat().st_size / 1024
    console.print(f"wrote {report.path} ({size_kib:,.0f} KiB)")
    evaluated = report.card.trained["evaluated"]
    if not evaluated:
        return
    table = Table("IoU", *evaluated, title="Accuracy of the float network")
    for label in report.card.labels:
        table.add_row(label, *(f"{part['iou'].get(label, 0):.3f}" for part in evaluated.values()))
    table.add_section()
    for figure in ("miou", "pixel_accuracy", "images"):
        table.add_row(figure, *(f"{part[figure]}" for part in evaluated.values()))
    console.print(table)
