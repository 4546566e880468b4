"""docs/targets.md, made of the tables: `python -m edgeseg.converters.delegates.page [-o FILE]`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from itertools import groupby
from pathlib import Path
from textwrap import fill

from edgeseg.files import atomic_write_bytes

from . import TARGETS, all_targets
from .examples import LEGEND, examples
from .op import Op
from .target import Rule, Target, check_ops

_TITLE = "# What runs where"
_INTRO = """\
`edgeseg convert --target NAME` plans by these tables, and `edgeseg check FILE --target NAME` reads
them out for any .tflite file. They are data (`converters/delegates/tables/`), and this page is made
from them; do not edit it, run `python -m edgeseg.converters.delegates.page -o docs/targets.md`.

- **yes**: the target takes the operator; **if**: it does under the conditions beside it; **no**: it
  does not.
- **?** behind it: the source is indirect or could not be read in full, or a closed compiler has the
  last word. Nothing on this page was measured on the chips themselves.
- *Instead* names what edgeseg can do about it: a form for `--swap`, another flag, another layer.
- Versions are those of the operator in the file, types those of its activations.
- Where a compiler or runtime can be installed (XNNPACK, Vela, LiteRT's GPU accelerator,
  TensorFlow Lite Micro), the tests ask it about every row, and its word went into the table."""

_GLANCE = """\
Whether a target takes the operators that make 256x256 scores of 21 classes, in int8 where it has
int8, else in float32:"""
_FALLBACK = {
    "cpu": "What it leaves out runs on the CPU beside it.",
    "fails": "One operator that it lacks, and the file does not load.",
}
_COMPILERS = {
    "xnnpack": "LiteRT's interpreter",
    "vela": "Vela",
    "gpu": "LiteRT's GPU accelerator",
    "tflm": "TensorFlow Lite Micro",
    "intel": "LiteRT's plugin for OpenVINO",
}
_WIDTH = 100


def page() -> str:
    """Return the page, Markdown."""
    parts = [_TITLE, _INTRO, "## Upsampling at a glance", _GLANCE, _legend(), _matrix()]
    for members in _groups():
        parts += _section(members)
    return "\n\n".join(parts) + "\n"


def main(arguments: Sequence[str] | None = None) -> None:
    """Write the page to a file, or to the standard output."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("-o", "--output", type=Path, metavar="FILE")
    output = parser.parse_args(arguments).output
    if output is None:
        sys.stdout.write(page())
    else:
        atomic_write_bytes(output, page().encode())


def _legend() -> str:
    return "\n".join(f"- **{names}**: {text}" for names, text in LEGEND.items())


def _matrix() -> str:
    head = ("target", *(f"`{one.name}`" for one in all_targets()))
    columns = [_column(one) for one in all_targets()]
    rows = [(title, *(column[title] for column in columns)) for title in columns[0]]
    return _table(list(zip(*(head, *rows), strict=True)))


def _column(target: Target) -> dict[str, str]:
    dtype = "int8" if "int8" in target.types else "float32"
    return {title: _cell(ops, target) for title, ops in examples(dtype).items()}


def _cell(ops: tuple[Op, ...], target: Target) -> str:
    rules = (target.rules.get(op.name) for op in ops)
    mark = "?" if any(rule is None or rule.unverified for rule in rules) else ""
    return f"{'no' if check_ops(ops, target).left_out else 'yes'}{mark}"


def _groups() -> Iterator[tuple[Target, ...]]:
    """Yield the targets, those with one and the same table together."""
    for _, members in groupby(TARGETS.values(), key=lambda one: id(one.rules)):
        yield tuple(members)


def _section(members: tuple[Target, ...]) -> Iterator[str]:
    first = members[0]
    titles = dict.fromkeys(one.title.partition(", ")[0] for one in members)
    yield f"## {' and '.join(titles) if len(members) > 1 else first.title}"
    yield _wrapped(", ".join(f"`{one.name}`" for one in members))
    yield _wrapped(f"{first.about} {_facts(first)}")
    sources: dict[str, int] = {first.listed: 1}
    rows = list(_rows(first, sources))
    if plain := list(_plain(first, sources)):
        yield "\n".join(plain)
    if rows:
        yield _table([("operator", "runs", "conditions", "instead", "source"), *rows], aligned=2)
    yield "\n".join(_wrapped(f"{number}. {text}", "   ") for text, number in sources.items())


def _facts(target: Target) -> str:
    facts = [f"Activations: {', '.join(target.types)}.", _FALLBACK[target.fallback]]
    if target.limits:
        every = "; ".join(limit.text for limit in target.limits)
        facts.append(f"Every operator needs {every}.")
    if target.compiler:
        facts.append(f"`edgeseg check` asks {_COMPILERS[target.compiler]} where it is installed.")
    facts.append(f"Last checked {target.since}.")
    return " ".join(facts)


def _has_words(rule: Rule) -> bool:
    """Whether a rule says more than yes or no."""
    return bool(_conditions(rule) or rule.remedy or rule.why)


def _plain(target: Target, sources: dict[str, int]) -> Iterator[str]:
    """Yield the rules without conditions, as lists."""
    for runs, words in ((True, "Runs as it is"), (False, "Does not run")):
        found: dict[tuple[int, str], list[str]] = {}
        for name, rule in target.rules.items():
            if rule.runs is runs and not _has_words(rule):
                mark = "?" if rule.unverified else ""
                found.setdefault((_number(rule.source, sources), mark), []).append(name)
        for (number, mark), names in found.items():
            yield _wrapped(f"- {words}{mark and ' (?)'}: {', '.join(names)}. [{number}]", "  ")


def _rows(target: Target, sources: dict[str, int]) -> Iterator[tuple[str, ...]]:
    """Yield the rules with words of their own; neighbours that say the same share a row."""
    said = [(name, _row(rule, sources)) for name, rule in target.rules.items() if _has_words(rule)]
    for row, members in groupby(said, key=lambda one: one[1]):
        yield ", ".join(name for name, _ in members), *row


def _row(rule: Rule, sources: dict[str, int]) -> tuple[str, ...]:
    runs = "no" if not rule.runs else "if" if _conditions(rule) else "yes"
    mark = "?" if rule.unverified else ""
    words = rule.why if not rule.runs else "; ".join(_conditions(rule))
    return f"{runs}{mark}", words, rule.remedy, f"[{_number(rule.source, sources)}]"


def _conditions(rule: Rule) -> list[str]:
    least, most = rule.versions
    conditions = [limit.text for limit in rule.limits]
    if rule.types:
        conditions.insert(0, ", ".join(rule.types))
    if (least, most) != (1, 99):
        conditions.insert(0, f"version {least}" if least == most else f"versions {least} to {most}")
    return conditions


def _number(source: str, sources: dict[str, int]) -> int:
    return sources.setdefault(source, len(sources) + 1)


def _wrapped(text: str, indent: str = "") -> str:
    return fill(
        text, _WIDTH, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False
    )


def _table(rows: Sequence[Sequence[str]], aligned: int = 99) -> str:
    """Return rows, the first one the head, as a table whose first columns are aligned."""
    widths = [max(map(len, column)) for column in list(zip(*rows, strict=True))[:aligned]]
    widths += [3] * (len(rows[0]) - len(widths))
    head, *body = rows
    lines = (head, ["-" * width for width in widths], *body)
    return "\n".join(
        f"| {' | '.join(c.ljust(w) for c, w in zip(line, widths, strict=True))} |" for line in lines
    )


if __name__ == "__main__":
    main()
