"""Whole networks on Ethos-U: Vela's cycles of each, planned for the accelerator and untouched.

    python -m edgeseg.benchmarks.upsampling.ethos fcn8:bilinear fcn8:nearest learned.keras

Vela's estimate has no time of operators that it leaves to the CPU: their number stands beside it.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import click

from edgeseg.errors import EdgesegError

from .cycles import ACCELERATORS

Row = tuple[str, ...]
_TITLES = ("network", "accelerator", "planned, ms", "on the CPU", "untouched, ms", "on the CPU")


def rows_of(model: str, accelerators: Sequence[str], frames: Path | None) -> Iterator[Row]:
    """Yield a row for each accelerator: model, its name, and time and CPU operators of both files.

    Args:
        model: a Keras file, or a zoo name with or without an upsampling; the head is full.
        accelerators: names of targets.
        frames: pictures that calibrate; None renders streets.

    Raises:
        EdgesegError: it cannot be converted or compiled.
    """
    from edgeseg.converters import ConvertOptions, convert

    for accelerator in accelerators:
        with tempfile.TemporaryDirectory(prefix="edgeseg-") as folder:
            options = ConvertOptions(
                source=model,
                output=Path(folder) / "o.tflite",
                precision="int8",
                head="full",
                calibration=frames,
                frames=10,
                refine=False,
                min_agreement=0.0,
                target=accelerator,
                compiled=True,
            )
            made = convert(options).compiled
        if made is not None:
            # Where nothing was swapped, the file is the untouched one.
            before = made.untouched or made
            yield (
                Path(model).stem,
                accelerator,
                f"{made.inference_ms:.1f}",
                str(len(made.cpu_operators)),
                f"{before.inference_ms:.1f}",
                str(len(before.cpu_operators)),
            )


def table(rows: Sequence[Row]) -> str:
    """Return the rows as a Markdown table."""
    lines = [_TITLES, ("---",) * len(_TITLES), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


@click.command(help=__doc__)
@click.argument("models", nargs=-1, required=True)
@click.option("--accelerators", default=",".join(ACCELERATORS), show_default=True)
@click.option("--frames", type=click.Path(exists=True, path_type=Path), help="Pictures.")
def main(models: Sequence[str], accelerators: str, frames: Path | None) -> None:
    """Print the table."""
    rows: list[Row] = []
    for model in models:
        click.echo(f"{model}: converting and compiling", err=True)
        try:
            rows += rows_of(model, accelerators.split(","), frames)
        except EdgesegError as error:
            click.echo(f"error: {error}", err=True)
            sys.exit(error.exit_code)
    click.echo(table(rows))


if __name__ == "__main__":
    main()
