"""`edgeseg bench --what parts`: measured and shown in its own way, for parts have no verdict."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import click

from edgeseg.cli._common import console

if TYPE_CHECKING:
    from edgeseg.benchmarks.suite import BenchOptions

_STDOUT = Path("-")


def show_parts(
    options: BenchOptions, json_path: Path | None, not_for_parts: Mapping[str, object]
) -> None:
    """Measure, print a table for each network, and keep the figures where asked for.

    Raises:
        UsageError: an option was given that says nothing of parts.
        EdgesegError: a variant cannot be found, made, run or cut into parts.
    """
    from edgeseg.benchmarks.parts.measure import measure_parts, save_json, to_json
    from edgeseg.benchmarks.parts.show import show
    from edgeseg.cli.bench import watcher
    from edgeseg.files import check_writable

    given = [name for name, value in not_for_parts.items() if value]
    if given:
        raise click.UsageError(f"{', '.join(given)} does not go with --what parts; leave that out")
    to_stdout = json_path == _STDOUT
    if json_path and not to_stdout:
        check_writable(json_path)
    with watcher(options.plan) as watching:
        report = measure_parts(options, watching)
    show(report, console(stderr=to_stdout))
    if to_stdout:
        click.echo(to_json(report))
    elif json_path:
        save_json(report, json_path)
        click.echo(f"wrote {json_path}", err=True)
