"""What each target can run: tables with sources, and the words of real compilers."""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches
from types import MappingProxyType

from edgeseg.errors import ConfigError

from .tables import (
    coreml,
    cpu,
    edgetpu,
    ethos_u,
    google_tensor,
    gpu,
    hexagon,
    intel,
    mediatek,
    neutron,
    nnapi,
    qnn,
    samsung,
    tflm,
    vx,
)
from .target import Target

_FAMILIES = (
    *(cpu, gpu, coreml, nnapi, edgetpu, ethos_u, tflm),
    *(qnn, mediatek, samsung, google_tensor, intel, neutron, vx, hexagon),
)
_SHORT = {
    "ethos-u55": "ethos-u55-128",
    "ethos-u65": "ethos-u65-256",
    "ethos-u85": "ethos-u85-256",
    "nnapi": "nnapi-30",
}
_SHOWN = (
    *("cpu", "gpu", "coreml", "nnapi-30", "edgetpu"),
    *("ethos-u55-128", "ethos-u65-256", "ethos-u85-256", "tflm", "cmsis-nn"),
    *("qnn", "mediatek", "samsung", "google-tensor", "intel-npu", "neutron", "vx", "hexagon"),
)

TARGETS: Mapping[str, Target] = MappingProxyType(
    {target.name: target for family in _FAMILIES for target in family.TARGETS}
)


def target(name: str) -> Target:
    """Return a target by its name, or by the short name of its family.

    Raises:
        ConfigError: there is none; with the nearest names.
    """
    found = TARGETS.get(_SHORT.get(name, name))
    if found is None:
        known = (*TARGETS, *_SHORT)
        near = get_close_matches(name, known, n=3, cutoff=0.5)
        meant = f"did you mean {' or '.join(near)}" if near else f"known are {', '.join(TARGETS)}"
        raise ConfigError(f"there is no target {name!r}; {meant}")
    return found


def names() -> tuple[str, ...]:
    """Return the name of every target, in the order of the tables."""
    return tuple(TARGETS)


def all_targets() -> tuple[Target, ...]:
    """Return one target a family, for a matrix: the variants of one chip are left out."""
    return tuple(TARGETS[name] for name in _SHOWN)
