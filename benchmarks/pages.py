"""Blocks of a page that a command writes."""

from __future__ import annotations

from pathlib import Path

from edgeseg.errors import ConfigError


def fill(page: Path, name: str, block: str) -> str:
    """Return a page's text with `block` between `<!-- NAME: begin -->` and `<!-- NAME: end -->`.

    Raises:
        ConfigError: the page is not there or has no such marks.
    """
    begin, end = f"<!-- {name}: begin -->", f"<!-- {name}: end -->"
    text = page.read_text(encoding="utf-8") if page.is_file() else ""
    head, found, rest = text.partition(begin)
    _, closed, tail = rest.partition(end)
    if not found or not closed:
        raise ConfigError(f"{page} has no block between {begin} and {end}; put both lines into it")
    return f"{head}{begin}\n\n{block}\n\n{end}{tail}"
