"""What a model file says about itself: the only contract between workstation and device."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Literal, NamedTuple, get_args

from edgeseg.errors import ModelError

VERSION = 1
METADATA_NAME = "EDGESEG_MANIFEST"  # the name of the flatbuffer metadata entry in the .tflite

ColorOrder = Literal["rgb", "bgr"]
Resize = Literal["stretch", "letterbox"]
HeadKind = Literal["logits", "probability", "class_map"]
ToFrame = Literal["bilinear", "nearest"]
Layout = Literal["stride", "span", "corners"]


class Size(NamedTuple):
    """A picture's size in pixels; width first, and never a bare tuple."""

    width: int
    height: int

    def __str__(self) -> str:
        """Return the form that the command line takes, "480x352"."""
        return f"{self.width}x{self.height}"


@dataclass(frozen=True)
class Preparation:
    """How a frame becomes the network's input: value = (pixel - mean) / std, pixel in 0..255.

    Attributes:
        size: the network's input size.
        color: channel order of the input; mean and std follow this order.
        mean: per channel, in pixel values.
        std: per channel, in pixel values.
        resize: `stretch` fills the input, `letterbox` keeps the aspect ratio, pads with the mean.
    """

    size: Size
    color: ColorOrder = "rgb"
    mean: tuple[float, float, float] = (127.5, 127.5, 127.5)
    std: tuple[float, float, float] = (127.5, 127.5, 127.5)
    resize: Resize = "stretch"


@dataclass(frozen=True)
class Head:
    """What the output tensor is and how it comes to the frame.

    Attributes:
        kind: `logits` and `probability` are [1, h, w, classes]; `class_map` holds class indices.
        stride: input pixels per cell of the output, 1 for a full-size head.
        to_frame: how cells become pixels: `bilinear` (then argmax) or `nearest`.
        layout: how the cells lie on the input. `stride`: each covers `stride` pixels, from the top
            left on, and the last ones may reach beyond the input (padding). For models from
            elsewhere also `span`: they share the input evenly; and `corners`: the first and last
            centres are those of the first and last pixel (TensorFlow 1's align_corners, DeepLab).
    """

    kind: HeadKind = "logits"
    stride: int = 1
    to_frame: ToFrame = "bilinear"
    layout: Layout = "stride"


@dataclass(frozen=True)
class Manifest:
    """All that the device needs to know about a model, and where the model came from.

    Attributes:
        labels: class names; their order is the order of the logits.
        palette: one RGB colour per class.
        preparation: frame to input tensor.
        head: output tensor to class map.
        decoder, encoder, upsampling: the network's parts, empty when unknown.
        precision: `float32`, `float16`, `dynamic`, `int8` or `int16x8`.
        float_layers: names of the layers of an int8 file that run in float32 all the same.
        source_sha256: hash of the file that was converted, empty when there is none.
        proof: figures of the comparison that conversion ended with, and of each swapped layer.
        target: where the file is to run, empty when nothing was changed for a target.
        version: of this format.
    """

    labels: tuple[str, ...]
    palette: tuple[tuple[int, int, int], ...]
    preparation: Preparation
    head: Head
    decoder: str = ""
    encoder: str = ""
    upsampling: str = ""
    precision: str = "float32"
    source_sha256: str = ""
    proof: Mapping[str, Any] = field(default_factory=dict)
    version: int = VERSION
    float_layers: tuple[str, ...] = ()
    target: str = ""

    def to_json(self) -> str:
        """Return the manifest as JSON text, keys sorted."""
        return json.dumps(asdict(self), sort_keys=True)

    @staticmethod
    def from_json(text: str | bytes) -> Manifest:
        """Read and check a manifest.

        Raises:
            ModelError: the text is no manifest; the message lists every reason at once.
        """
        try:
            raw = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise ModelError(f"the model's manifest is not JSON ({error}); {_AGAIN}") from error
        reasons = _reasons_against(raw)
        if reasons:
            raise ModelError(f"the model's manifest is not usable: {'; '.join(reasons)}; {_AGAIN}")
        return _from_dict(raw)


def precision_in_words(precision: str, float_layers: Sequence[str]) -> str:
    """Return the precision, and how many layers have another: "int8, 2 layers in float32"."""
    count = len(float_layers)
    return precision + (f", {count} layer{'s' if count > 1 else ''} in float32" if count else "")


_AGAIN = "convert the model again with `edgeseg convert`"


def _from_dict(raw: dict[str, Any]) -> Manifest:
    preparation = raw["preparation"]
    return Manifest(
        labels=tuple(raw["labels"]),
        palette=tuple((int(r), int(g), int(b)) for r, g, b in raw["palette"]),
        preparation=Preparation(
            size=Size(*preparation["size"]),
            color=preparation["color"],
            mean=_triple(preparation["mean"]),
            std=_triple(preparation["std"]),
            resize=preparation["resize"],
        ),
        head=Head(
            **{key: raw["head"][key] for key in ("kind", "stride", "to_frame")},
            layout=raw["head"].get("layout", "stride"),
        ),
        version=raw["version"],
        float_layers=tuple(raw.get("float_layers", ())),
        **{key: raw[key] for key in _OPTIONAL if key in raw},
    )


def _triple(values: list[float]) -> tuple[float, float, float]:
    first, second, third = (float(value) for value in values)
    return first, second, third


_OPTIONAL: dict[str, type] = {
    "decoder": str,
    "encoder": str,
    "upsampling": str,
    "precision": str,
    "source_sha256": str,
    "proof": dict,
    "target": str,
}

MAX_CLASSES = 256
MAX_SIDE = 16384


def _reasons_against(raw: object) -> list[str]:
    if not isinstance(raw, dict):
        return ["it is not a JSON object"]
    if not isinstance(raw.get("version"), int) or not 1 <= raw["version"] <= VERSION:
        return [f"version is {raw.get('version')!r}, this edgeseg reads 1 to {VERSION}"]
    return [
        f"{name} is {_short(raw, name)}, expected {expected}"
        for name, expected, holds in _RULES
        if not _safely(holds, raw)
    ] + [
        f"{name} is not a {kind.__name__}"
        for name, kind in _OPTIONAL.items()
        if name in raw and not isinstance(raw[name], kind)
    ]


def _safely(holds: Callable[[Any], bool], raw: object) -> bool:
    """A rule that trips over the wrong shape of the data is a rule that does not hold."""
    try:
        return bool(holds(raw))
    except (AttributeError, KeyError, TypeError, ValueError, IndexError, OverflowError):
        return False


def _short(raw: Any, name: str) -> str:
    try:
        for key in name.split("."):
            raw = raw[key]
    except (KeyError, TypeError):
        return "missing"
    text = repr(raw)
    return text if len(text) <= 60 else text[:57] + "..."


def _all_numbers(values: Any, count: int, *, low: float, high: float) -> bool:
    return len(values) == count and all(
        isinstance(v, int | float) and not isinstance(v, bool) and low <= v <= high for v in values
    )


def _all_whole(values: Any, count: int, *, low: int, high: int) -> bool:
    return all(isinstance(v, int) for v in values) and _all_numbers(
        values, count, low=low, high=high
    )


_RULES: tuple[tuple[str, str, Callable[[Any], bool]], ...] = (
    (
        "labels",
        f"2 to {MAX_CLASSES} names",
        lambda m: (
            2 <= len(m["labels"]) <= MAX_CLASSES
            and isinstance(m["labels"], list)
            and all(isinstance(name, str) for name in m["labels"])
        ),
    ),
    (
        "float_layers",
        "a list of names",
        lambda m: (
            isinstance(m.get("float_layers", []), list)
            and all(isinstance(name, str) for name in m.get("float_layers", []))
        ),
    ),
    (
        "palette",
        "one [r, g, b] of 0..255 per label",
        lambda m: (
            len(m["palette"]) == len(m["labels"])
            and all(_all_whole(color, 3, low=0, high=255) for color in m["palette"])
        ),
    ),
    (
        "preparation.size",
        f"[width, height] of 1..{MAX_SIDE}",
        lambda m: _all_whole(m["preparation"]["size"], 2, low=1, high=MAX_SIDE),
    ),
    (
        "preparation.color",
        "rgb or bgr",
        lambda m: m["preparation"]["color"] in get_args(ColorOrder),
    ),
    (
        "preparation.mean",
        "3 numbers",
        lambda m: _all_numbers(m["preparation"]["mean"], 3, low=-1e6, high=1e6),
    ),
    (
        "preparation.std",
        "3 numbers above 0",
        lambda m: _all_numbers(m["preparation"]["std"], 3, low=1e-9, high=1e6),
    ),
    (
        "preparation.resize",
        "stretch or letterbox",
        lambda m: m["preparation"]["resize"] in get_args(Resize),
    ),
    (
        "head.kind",
        "logits, probability or class_map",
        lambda m: m["head"]["kind"] in get_args(HeadKind),
    ),
    (
        "head.stride",
        "a whole number of 1..256",
        lambda m: _all_whole([m["head"]["stride"]], 1, low=1, high=256),
    ),
    ("head.to_frame", "bilinear or nearest", lambda m: m["head"]["to_frame"] in get_args(ToFrame)),
    (
        "head.layout",
        "stride, span or corners",
        lambda m: m["head"].get("layout", "stride") in get_args(Layout),
    ),
)
