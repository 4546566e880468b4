"""A command whose help lists its options under headings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import click


class SectionedCommand(click.Command):
    """A click command with options under headings.

    Set `sections` after the options are there: heading to the parameters' names. What no section
    names stands under "Options" at the end.
    """

    sections: Mapping[str, Sequence[str]] = {}

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the sections in their order."""
        options = [option for option in self.get_params(ctx) if isinstance(option, click.Option)]
        shown = {str(option.name): option.get_help_record(ctx) for option in options}
        records = {name: record for name, record in shown.items() if record is not None}
        for heading, names in self.sections.items():
            with formatter.section(heading):
                formatter.write_dl([records.pop(name) for name in names])
        with formatter.section("Options"):
            formatter.write_dl(list(records.values()))
