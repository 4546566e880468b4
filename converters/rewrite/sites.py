"""Where a network enlarges its features: every call that a target may want in another form."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from edgeseg.manifest import Size

from .calls import Call, replace_calls
from .graph import is_model, step_behind
from .tail import keeps_classes

Kind = Literal["transpose", "bilinear", "nearest"]
Shape = tuple[int, int, int, int]
CLASS_MAP = "class_map"
"""The name of the layer that `--head argmax` ends with."""


@dataclass(frozen=True)
class Site:
    """One upsampling call of a network.

    Attributes:
        name: of the call (edgeseg.converters.rewrite.calls.Call.name).
        kind: `transpose` for a Conv2DTranspose, else how it interpolates.
        layer: the Keras layer; its weights where it has any.
        input_shape, output_shape: [1, h, w, channels].
        winner_only: behind it come only steps that leave the winner at every pixel alone, so that a
            positive factor which all channels share changes no class.
    """

    name: str
    kind: Kind
    layer: Any
    input_shape: Shape
    output_shape: Shape
    winner_only: bool = False

    @property
    def stride(self) -> tuple[int, int]:
        """Factor down and across; for a transposed convolution its strides."""
        if self.kind == "transpose":
            down, across = self.layer.strides
            return int(down), int(across)
        (_, h, w, _), (_, height, width, _) = self.input_shape, self.output_shape
        return height // h, width // w


def site_of(call: Call, winner: Any = None) -> Site | None:
    """Return the call as a site, None where it enlarges nothing that edgeseg knows.

    Args:
        call: of the new graph.
        winner: the old graph's tensor behind which only the winner matters.
    """
    kind = _kind(call)
    if kind is None:
        return None
    shapes = (_shape(call.inputs[0]), _shape(call.source, call))
    return Site(call.name, kind, call.layer, *shapes, winner_only=call.source is winner)


def find_sites(model: Any, size: Size) -> tuple[Site, ...]:
    """Return the upsampling calls of `model` on pictures of `size`, in order of execution."""
    found: list[Site] = []
    winner = winner_tensor(model)

    def look(call: Call) -> None:
        site = site_of(call, winner)
        if site is not None:
            found.append(site)

    replace_calls(model, size, look)
    return tuple(found)


def winner_tensor(model: Any) -> Any:
    """Return the tensor behind which nothing changes which class wins at a pixel."""
    tensor = model.outputs[0]
    while True:
        step = step_behind(tensor)
        if is_model(step):
            return winner_tensor(step.operation)
        is_end = step.operation.name == CLASS_MAP or keeps_classes(step)
        if not is_end or not step.inputs:
            return tensor
        tensor = step.inputs[0]


def _kind(call: Call) -> Kind | None:
    layer = call.layer
    if getattr(layer, "data_format", "channels_last") != "channels_last":
        return None
    if call.kind == "Conv2DTranspose":
        return "transpose"
    if call.kind not in ("UpSampling2D", "Resizing"):
        return None
    for flag in ("crop_to_aspect_ratio", "pad_to_aspect_ratio", "antialias"):
        if getattr(layer, flag, False):
            return None
    interpolation = str(layer.interpolation)
    if interpolation == "bilinear" and _is_whole(call):
        return "bilinear"
    return "nearest" if interpolation == "nearest" and _is_whole(call) else None


def _is_whole(call: Call) -> bool:
    """Whether it enlarges by whole factors."""
    before, after = _shape(call.inputs[0]), _shape(call.source, call)
    return all(new % old == 0 for old, new in zip(before[1:3], after[1:3], strict=True))


def _shape(tensor: Any, call: Call | None = None) -> Shape:
    """Return a known shape; that of a call's output follows from its input in the new graph."""
    sides = tensor.shape if call is None else call.layer.compute_output_shape(call.inputs[0].shape)
    batch, height, width, channels = (int(side) for side in sides)
    return batch, height, width, channels
