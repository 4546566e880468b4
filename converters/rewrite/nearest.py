"""Nearest upsampling as a resize: TILE, which Keras's layer becomes, has five dimensions."""

from __future__ import annotations

from .sites import Site
from .stepped import stepped
from .steps import Step
from .steps.resize import Centres, Resize

# What accelerators repeat in one go, the largest first.
_STEPS = (8, 4, 2)


def _fits(site: Site) -> str:
    return "" if site.kind == "nearest" else "it does not interpolate to the nearest pixel"


def _fits_resize(site: Site) -> str:
    if type(site.layer).__name__ == "Resizing":
        return _fits(site) or "it is that already"
    return _fits(site)


def _fits_chain(site: Site) -> str:
    if reason := _fits(site):
        return reason
    links = [_links(factor) for factor in site.stride]
    if not all(links):
        return "its factor is no power of two"
    return "" if max(map(len, links)) > 1 else "it is one step of at most 8 already"


def _links(factor: int) -> list[int]:
    """Return steps whose product is `factor`, small ones first; empty where there are none."""
    found: list[int] = []
    for step in _STEPS:
        while factor % step == 0:
            found.insert(0, step)
            factor //= step
    return (found or [1]) if factor == 1 else []


def _resized(site: Site, centres: Centres) -> list[Step]:
    return [Resize("nearest", site.output_shape[1:3], centres)]


def _chained(site: Site) -> list[Step]:
    """Return the links of both axes side by side; the shorter chain begins later."""
    both = [_links(factor) for factor in site.stride]
    count = max(map(len, both))
    height, width = site.input_shape[1:3]
    steps: list[Step] = []
    for turn in range(count):
        down, across = ([1] * (count - len(links)) + links for links in both)
        height, width = height * down[turn], width * across[turn]
        suffix = "" if turn == count - 1 else "step"
        steps.append(Resize("nearest", (height, width), "legacy", suffix))
    return steps


NEAREST_RESIZE = stepped(
    "nearest-resize", "nearest resize", _fits_resize, lambda site: _resized(site, "half_pixel")
)
NEAREST_LEGACY = stepped(
    "nearest-legacy", "legacy nearest resize", _fits, lambda site: _resized(site, "legacy")
)
NEAREST_CHAIN = stepped("nearest-chain", "nearest resizes by 2, 4 or 8", _fits_chain, _chained)
