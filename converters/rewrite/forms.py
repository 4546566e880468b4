"""All forms of upsampling, in the order in which equals are preferred."""

from __future__ import annotations

from difflib import get_close_matches

from edgeseg.errors import ConfigError

from .bilinear import BILINEAR, BILINEAR_GAIN, BILINEAR_PADDED
from .fixed_transpose import TRANSPOSE
from .form import Form
from .keep import KEEP
from .nearest import NEAREST_CHAIN, NEAREST_LEGACY, NEAREST_RESIZE
from .refit import REFIT
from .resizes import (
    BILINEAR_ALIGN,
    BILINEAR_CHAIN,
    BILINEAR_LEGACY,
    BILINEAR_SUBPIXEL,
    BILINEAR_SUBPIXEL_RESHAPE,
)
from .smooth import SMOOTH
from .subpixel import SUBPIXEL, SUBPIXEL_RESHAPE

FORMS: tuple[Form, ...] = (
    KEEP,
    BILINEAR,
    NEAREST_RESIZE,
    NEAREST_LEGACY,
    NEAREST_CHAIN,
    BILINEAR_PADDED,
    BILINEAR_GAIN,
    SUBPIXEL,
    SUBPIXEL_RESHAPE,
    SMOOTH,
    BILINEAR_LEGACY,
    BILINEAR_ALIGN,
    BILINEAR_SUBPIXEL,
    BILINEAR_SUBPIXEL_RESHAPE,
    TRANSPOSE,
    BILINEAR_CHAIN,
    REFIT,
)


def form(name: str) -> Form:
    """Return a form by its name.

    Raises:
        ConfigError: there is none of that name.
    """
    found = {one.name: one for one in FORMS}
    if name not in found:
        near = get_close_matches(name, found, n=1)
        hint = f"did you mean {near[0]!r}? " if near else ""
        raise ConfigError(f"no form of upsampling {name!r}; {hint}there are {', '.join(found)}")
    return found[name]
