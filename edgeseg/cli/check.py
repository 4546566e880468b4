"""`edgeseg check`: where the operators of a file run on a target, and whether its numbers hold."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

import click

from edgeseg.cli._common import console
from edgeseg.cli._signals import interruptible

if TYPE_CHECKING:
    from edgeseg.cli._check_table import Checked
    from edgeseg.converters.delegates.target import Target

_ALL = "all"


@click.command()
@click.argument("models", metavar="MODEL...", nargs=-1, required=True)
@click.option(
    "--target",
    "names",
    metavar="TARGET[,...]",
    required=True,
    help="Where it is to run (docs/targets.md has the names); all for a table of all of them.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.option(
    "--compiler/--no-compiler",
    default=True,
    help="Ask the target's real compiler where it is installed.  [default: on]",
)
@click.option(
    "--strict",
    is_flag=True,
    help="Also fail where no compiler confirmed it, or where it contradicts the table.",
)
def check(models: Sequence[str], names: str, as_json: bool, compiler: bool, strict: bool) -> int:
    """Say where the operators of MODEL run on a target, what falls back, and what to do about it.

    MODEL is any .tflite file, or the name of an embedded model. The exit code is 0 when every
    operator runs on every target and numbers, where they could be compared, are right; 1 when
    something falls back, does not load or is wrong; 2 for bad input.
    """
    if strict and not compiler:
        raise click.UsageError("--strict wants a compiler's word; leave --no-compiler out")
    targets = _targets(names)
    with interruptible():
        found = [_check(model, targets, compiler) for model in models]
    if as_json:
        from edgeseg.cli._check_json import as_dict

        click.echo(json.dumps(as_dict(found, strict), indent=1))
    else:
        _show(found, is_matrix=_ALL in names.split(","))
    return 0 if all(one.is_good(strict) for one in found) else 1


def _targets(names: str) -> tuple[Target, ...]:
    from edgeseg.converters.delegates import all_targets, target
    from edgeseg.errors import ConfigError

    wanted = [name.strip() for name in names.split(",") if name.strip()]
    if not wanted:
        raise ConfigError("--target names no target; expected for example --target cpu,gpu or all")
    if _ALL in wanted:
        return tuple(all_targets())
    found = {one.name: one for one in map(target, wanted)}
    return tuple(found.values())


def _check(model: str, targets: Sequence[Target], compiler: bool) -> Checked:
    from edgeseg.cli._check_table import Checked
    from edgeseg.converters.compilers.opinion import opinion
    from edgeseg.converters.delegates.op import read_ops
    from edgeseg.errors import ModelError

    path, content = _read(model, targets[0])
    ops = read_ops(content)
    if not ops:
        raise ModelError(f"{path} has no operators; expected a .tflite file with a network")
    opinions = tuple(
        opinion(content, ops, target, compile=compiler)
        for target in _with_status(targets, path.name)
    )
    return Checked(path, ops, opinions)


def _read(model: str, target: Target) -> tuple[Path, bytes]:
    """Return a file's or an embedded model's path and content."""
    from edgeseg.errors import ModelError
    from edgeseg.flatbuffer import read_model
    from edgeseg.zoo import names, resolve_tflite

    path = resolve_tflite(model) if model in names() and not Path(model).exists() else Path(model)
    if _is_keras(path):
        precision = "--int8" if "int8" in target.types else "--float32"
        raise ModelError(
            f"{path} is a Keras model; check looks at the file that runs: convert it first, "
            f"edgeseg convert {path} {precision} --target {target.name}"
        )
    return path, read_model(path)


def _is_keras(path: Path) -> bool:
    is_file = path.suffix in (".keras", ".h5") and path.is_file()
    return is_file or (path / "saved_model.pb").is_file()


def _with_status(targets: Sequence[Target], name: str) -> Iterator[Target]:
    """Yield the targets; on a terminal, say which is at hand."""
    from rich.console import Console

    is_shown = sys.stderr is not None and sys.stderr.isatty()
    status = Console(stderr=True).status("") if is_shown else None
    with status or nullcontext():
        for target in targets:
            if status is not None:
                status.update(f"{name} on {target.name}")
            yield target


def _show(found: Sequence[Checked], *, is_matrix: bool) -> None:
    from edgeseg.cli._check_table import matrix, show_report

    for place, one in enumerate(found):
        if place:
            console().print()
        if is_matrix:
            console().print(
                f"{one.path.name}, {len(one.ops)} operators", markup=False, soft_wrap=True
            )
            console().print(matrix(one))
        else:
            show_report(one, console())
