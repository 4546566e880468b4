"""Steps that resize: by interpolation, with every convention of where a pixel's centre is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from edgeseg.converters.delegates.op import Op

from .predicted import live, numbers, operator, version
from .step import Shape

Method = Literal["bilinear", "nearest"]
Centres = Literal["half_pixel", "legacy", "align_corners"]
_NAMES = {"bilinear": "RESIZE_BILINEAR", "nearest": "RESIZE_NEAREST_NEIGHBOR"}


@dataclass(frozen=True)
class Resize:
    """A resize to a fixed size.

    Attributes:
        method: bilinear or nearest.
        size: height and width of the output.
        centres: `half_pixel` as Keras has it (version 3 of the operator); `legacy`, where pixel 0
            stays at 0; `align_corners`, where the outermost pixels' centres stay.
    """

    method: Method
    size: tuple[int, int]
    centres: Centres = "half_pixel"
    suffix: str = ""

    def shape(self, before: Shape) -> Shape:
        """See Step."""
        return 1, *self.size, before[3]

    def ops(self, before: Shape, dtype: str, layer: str) -> tuple[Op, ...]:
        """See Step."""
        made = operator(
            _NAMES[self.method],
            3 if self.centres == "half_pixel" else version(dtype),
            (live(before, dtype), numbers(self.size)),
            live(self.shape(before), dtype),
            layer,
            align_corners=self.centres == "align_corners",
            half_pixel_centers=self.centres == "half_pixel",
        )
        return (made,)

    def build(self, x: Any, name: str) -> Any:
        """See Step."""
        import keras

        if self.centres == "half_pixel":
            return self._keras_layer(x, name)(x)
        return keras.layers.Lambda(self._raw, name=name)(x)

    def _keras_layer(self, x: Any, name: str) -> Any:
        """Return a bilinear UpSampling2D where it does; a nearest one would become TILE."""
        import keras

        height, width = x.shape[1:3]
        down, across = self.size[0] // height, self.size[1] // width
        is_whole = (down * height, across * width) == self.size
        if self.method == "bilinear" and is_whole:
            return keras.layers.UpSampling2D((down, across), interpolation="bilinear", name=name)
        return keras.layers.Resizing(*self.size, interpolation=self.method, name=name)

    def _raw(self, t: Any) -> Any:
        import tensorflow as tf

        resize = {
            "bilinear": tf.raw_ops.ResizeBilinear,
            "nearest": tf.raw_ops.ResizeNearestNeighbor,
        }[self.method]
        return resize(
            images=t,
            size=self.size,
            align_corners=self.centres == "align_corners",
            half_pixel_centers=False,
        )
