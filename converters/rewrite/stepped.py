"""Forms as lists of steps."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from edgeseg.converters.delegates.op import Op

from .form import Form
from .sites import Site
from .steps import Step, build_steps, steps_ops


def stepped(
    name: str,
    title: str,
    fits: Callable[[Site], str],
    steps: Callable[[Site], Sequence[Step]],
    *,
    exact: bool = True,
    note: str = "",
) -> Form:
    """Return the form whose layers and operators are those of `steps`; see Form."""

    def build(site: Site, x: Any) -> Any:
        return build_steps(steps(site), x, layer_name(site))

    def ops(site: Site, dtype: str) -> tuple[Op, ...]:
        return steps_ops(steps(site), site.input_shape, dtype, layer_name(site))

    return Form(name, title, exact, fits, build, ops, note=note)


def layer_name(site: Site) -> str:
    """Return the name of the layer that stands for the site: its own, and later calls' number."""
    _, _, number = site.name.partition("#")
    name = str(site.layer.name)
    return f"{name}_{number}" if number else name
