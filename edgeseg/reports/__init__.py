"""HTML pages from Jinja2 templates: one file each, with its style and pictures inside."""

from __future__ import annotations

import math
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edgeseg.files import atomic_write_bytes

if TYPE_CHECKING:
    from jinja2 import Environment

TEMPLATES = Path(__file__).parent / "templates"
NONE = "\N{EN DASH}"


def page(template: str, **context: Any) -> str:
    """Return a page as HTML text; what `context` brings is escaped.

    Templates extend `base.html.j2` and take tables, bars and figures from `macros.html.j2`. They
    have the filters `score` (0.641), `percent` (98.7 %) and `count` (12,345), which show None and
    NaN as a dash.

    Args:
        template: the name of a file in `TEMPLATES`.
        context: the template's variables; a missing one is an error, never an empty place.
    """
    from edgeseg.environment import edgeseg_version

    text: str = _environment().get_template(template).render(version=edgeseg_version(), **context)
    return text


def write_page(path: Path, template: str, **context: Any) -> None:
    """Write a page, complete or not at all; see `page`.

    Raises:
        OutputError: the file cannot be written.
    """
    atomic_write_bytes(path, page(template, **context).encode())


@lru_cache(maxsize=1)
def _environment() -> Environment:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"score": _score, "percent": _percent, "count": _count}
    return environment


def _score(value: float | None, digits: int = 3) -> str:
    return NONE if value is None or math.isnan(value) else f"{value:.{digits}f}"


def _percent(value: float | None, digits: int = 1) -> str:
    # A narrow no-break space keeps number and sign on one line.
    return NONE if value is None or math.isnan(value) else f"{value * 100:.{digits}f}\u202f%"


def _count(value: float | None) -> str:
    return NONE if value is None or math.isnan(value) else f"{value:,.0f}"
