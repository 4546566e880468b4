"""Steps that leave every pixel where it is: factors, a bias, an activation."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgeseg.converters.delegates.op import Op, read_ops

from .alone import convert_alone
from .predicted import constant, live, operator, version
from .step import Shape

FUSED = ("relu", "relu6")
"""Activations that TFLite computes within a convolution or an addition."""


@dataclass(frozen=True)
class Times:
    """A constant factor that spreads over the features: [channels] or [1, h, w, 1].

    One a channel is folded into the convolution before it, where one stands there.
    """

    factor: NDArray[np.float32]
    suffix: str = "scale"

    def shape(self, before: Shape) -> Shape:
        """See Step."""
        return before

    def ops(self, before: Shape, dtype: str, layer: str) -> tuple[Op, ...]:
        """See Step."""
        return (_with_constant("MUL", self.factor, before, dtype, layer),)

    def build(self, x: Any, name: str) -> Any:
        """See Step."""
        import keras

        return keras.layers.Lambda(lambda t: t * self.factor, name=name)(x)


@dataclass(frozen=True)
class Plus:
    """A bias [channels], and the activation behind it if that is one of FUSED."""

    bias: NDArray[np.float32]
    fused: str = "none"
    suffix: str = "bias"

    def shape(self, before: Shape) -> Shape:
        """See Step."""
        return before

    def ops(self, before: Shape, dtype: str, layer: str) -> tuple[Op, ...]:
        """See Step."""
        return (_with_constant("ADD", self.bias, before, dtype, layer, self.fused),)

    def build(self, x: Any, name: str) -> Any:
        """See Step."""
        import keras

        shifted = keras.layers.Lambda(lambda t: t + self.bias, name=name)(x)
        if self.fused == "none":
            return shifted
        return keras.layers.Activation(self.fused, name=f"{name}_{self.fused}")(shifted)


@dataclass(frozen=True)
class Activate:
    """An activation, as a Keras layer has it: a function, or a layer."""

    activation: Any
    suffix: str = "activation"

    def shape(self, before: Shape) -> Shape:
        """See Step."""
        return before

    def ops(self, before: Shape, dtype: str, layer: str) -> tuple[Op, ...]:
        """See Step; read from a file with nothing else in it, since some are several operators."""
        return tuple(replace(op, layer=layer) for op in _converted(self.activation, before, dtype))

    def build(self, x: Any, name: str) -> Any:
        """See Step."""
        import keras

        return keras.layers.Activation(self.activation, name=name)(x)


def activation_of(layer: Any) -> Any:
    """Return a layer's activation, None where it has none."""
    activation = getattr(layer, "activation", None)
    return None if getattr(activation, "__name__", "") == "linear" else activation


def fused_name(activation: Any) -> str:
    """Return an activation as an operator's option, "none" where it is not one of FUSED."""
    name = str(getattr(activation, "__name__", "none"))
    return name if name in FUSED else "none"


def _with_constant(
    name: str,
    values: NDArray[np.float32],
    before: Shape,
    dtype: str,
    layer: str,
    activation: str = "none",
) -> Op:
    inputs = (live(before, dtype), constant(values.shape, dtype))
    output = live(before, dtype)
    return operator(name, version(dtype), inputs, output, layer, activation=activation)


@lru_cache(maxsize=64)
def _converted(activation: Any, shape: Shape, dtype: str) -> tuple[Op, ...]:
    import keras

    layer = keras.layers.Activation(activation)
    return read_ops(convert_alone(layer, shape, dtype))
