"""A step of a form, and how steps in a row are built and predicted."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Protocol

from edgeseg.converters.delegates.op import Op

Shape = tuple[int, int, int, int]
"""[1, h, w, channels]."""


class Step(Protocol):
    """One step: from a tensor [1, h, w, channels] to another."""

    @property
    def suffix(self) -> str:
        """What its layer's name ends with; empty for the step that does the main work."""

    def shape(self, before: Shape) -> Shape:
        """Return the shape of its output for an input of shape `before`."""

    def ops(self, before: Shape, dtype: str, layer: str) -> tuple[Op, ...]:
        """Return the operators that a .tflite file has for it.

        Args:
            before: shape of its input.
            dtype: of the file's activations: float32, int8 or int16.
            layer: its name.
        """

    def build(self, x: Any, name: str) -> Any:
        """Return the Keras tensor that the step makes of the Keras tensor `x`."""


def build_steps(steps: Sequence[Step], x: Any, layer: str) -> Any:
    """Return what the steps make of the Keras tensor `x`, one after the other.

    Args:
        steps: in order.
        x: [1, h, w, channels].
        layer: name of the layer that they stand for.
    """
    for step, name in zip(steps, _names(steps, layer), strict=True):
        x = step.build(x, name)
    return x


def steps_ops(steps: Sequence[Step], before: Shape, dtype: str, layer: str) -> tuple[Op, ...]:
    """Return the operators of the steps, one after the other; see Step.ops."""
    ops: list[Op] = []
    for step, name in zip(steps, _names(steps, layer), strict=True):
        ops += step.ops(before, dtype, name)
        before = step.shape(before)
    return tuple(ops)


def _names(steps: Sequence[Step], layer: str) -> Iterator[str]:
    seen: dict[str, int] = {}
    for step in steps:
        name = f"{layer}_{step.suffix}" if step.suffix else layer
        seen[name] = seen.get(name, 0) + 1
        yield name if seen[name] == 1 else f"{name}_{seen[name]}"
