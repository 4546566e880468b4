"""The command line: `python -m edgeseg.benchmarks.upsampling`."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import click

from edgeseg.benchmarks.paired import Plan
from edgeseg.errors import EdgesegError
from edgeseg.files import check_writable
from edgeseg.manifest import Size

from .cycles import ACCELERATORS
from .results import Results, blocks_only, load, save
from .run import PRECISIONS, Options, run
from .show import draw, write_markdown
from .timing import KERNELS

FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
FOLDER = click.Path(file_okay=False, path_type=Path)
OUTPUT = click.Path(dir_okay=False, path_type=Path)
QUICK = Plan(seconds=0.2, rounds=6, target=0)


def _size(_: click.Context, param: click.Parameter, value: str) -> Size:
    match = re.fullmatch(r"(\d{1,5})x(\d{1,5})", value)
    if match is None:
        raise click.BadParameter(f"{value!r}; expected a size as in 480x352", param=param)
    return Size(int(match[1]), int(match[2]))


def _numbers(_: click.Context, param: click.Parameter, value: str) -> tuple[int, ...]:
    try:
        return tuple(int(part) for part in value.split(","))
    except ValueError:
        raise click.BadParameter(f"{value!r}; expected numbers as in 1,2", param=param) from None


def _words(_: click.Context, __: click.Parameter, value: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in value.split(",") if part.strip())


@click.command()
@click.option(
    "--size", callback=_size, default="256x256", show_default=True, help="WxH of the output."
)
@click.option("--classes", type=int, default=21, show_default=True, help="Channels.")
@click.option("--strides", callback=_numbers, default="2,4,8,16,32", show_default=True)
@click.option("--taps", type=int, default=2, show_default=True, help="Kernel / stride.")
@click.option(
    "--precision", "precisions", callback=_words, default=",".join(PRECISIONS), show_default=True
)
@click.option("--threads", callback=_numbers, default="1,2", show_default=True)
@click.option("--kernels", type=click.Choice(KERNELS), default=KERNELS[0], show_default=True)
@click.option("--forms/--no-forms", default=True, help="Time the forms alone.")
@click.option("--model", "models", type=FILE, multiple=True, help="Keras file to time both ways.")
@click.option("--target", default="cpu", show_default=True, help="That models are planned for.")
@click.option("--frames", type=FOLDER, help="Pictures for the models; without, rendered streets.")
@click.option("--vela", is_flag=True, help="Ask Vela for the forms' cycles on Ethos-U.")
@click.option("--accelerators", callback=_words, default=",".join(ACCELERATORS), show_default=True)
@click.option("--seconds", type=float, default=10.0, show_default=True, help="For each group.")
@click.option("--quick", is_flag=True, help="Few rounds: to see that it works, not to measure.")
@click.option("--work", type=FOLDER, help="Keep files here.")
@click.option("--json", "json_path", type=OUTPUT, help="Write everything, each timed call too.")
@click.option("--reference", type=OUTPUT, help="Likewise, with the median of each block of calls.")
@click.option("--markdown", type=OUTPUT, help="Write the tables into this page, between its marks.")
@click.option("--from", "stored", type=FILE, help="Measure nothing: take a file of --json.")
def main(**options: Any) -> None:
    """Time every form of an upsampling, whole networks in both ways, and ask Vela.

    \b
      python -m edgeseg.benchmarks.upsampling --json table.json
      python -m edgeseg.benchmarks.upsampling --no-forms --model fcn8.keras
      python -m edgeseg.benchmarks.upsampling --from table.json --markdown docs/upsampling.md
    """  # noqa: D301  # click knows an example by its backspace
    try:
        _main(options)
    except EdgesegError as error:
        raise click.ClickException(str(error)) from error


def _main(options: dict[str, Any]) -> None:
    from rich.console import Console

    stored, page = options.pop("stored"), options.pop("markdown")
    targets = {name: options.pop(name) for name in ("json_path", "reference")}
    for path in filter(None, (page, *targets.values())):
        check_writable(path)
    results = load(stored) if stored else _measured(options, targets)
    draw(results, Console(highlight=False))
    if page:
        write_markdown(results, page)


def _measured(options: dict[str, Any], targets: dict[str, Path | None]) -> Results:
    seconds, quick = options.pop("seconds"), options.pop("quick")
    plan = QUICK if quick else Plan(seconds=seconds)

    def keep(results: Results) -> None:
        if path := targets["json_path"]:
            save(results, path)
        if path := targets["reference"]:
            save(blocks_only(results), path)

    return run(Options(**options, plan=plan), lambda text: click.echo(text, err=True), keep)


if __name__ == "__main__":
    main()
