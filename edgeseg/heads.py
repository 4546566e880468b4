"""What a model's output is, and where its cells lie on the frame."""

from __future__ import annotations

from typing import Final

from edgeseg.decode import Grid, grid_for
from edgeseg.errors import ModelError
from edgeseg.manifest import MAX_CLASSES, Head, Layout, Manifest, Size
from edgeseg.prepare import Placement
from edgeseg.runtimes import TensorSpec

_SCORES: Final = ("float32", "int8", "uint8", "int16")
_INDICES: Final = ("int64", "int32", "uint8", "int8", "int16")

# A network may pad its input to a multiple of its deepest stride before it computes.
_MAX_PADDING: Final = 64


def infer_head(input_size: Size, output: TensorSpec) -> tuple[Head, int | None]:
    """Guess from shapes what an output is.

    Scores are [1, h, w, classes]; a class map is [1, h, w] or [1, h, w, 1] of plain integers.

    Returns:
        The head, and the number of classes, None where a class map does not tell.

    Raises:
        ModelError: the output is none of these.
    """
    cells = _cells(output)
    if cells is None or cells.width > input_size.width or cells.height > input_size.height:
        raise ModelError(_no_head(output))
    layout, stride = _lie(input_size, cells)
    classes = output.shape[3] if len(output.shape) == 4 else 1
    if classes > 1:
        return Head("logits", stride, "bilinear", layout), classes
    return Head("class_map", stride, "nearest", layout), None


def check_head(manifest: Manifest, output: TensorSpec) -> None:
    """Check that the output is what the manifest says.

    Raises:
        ModelError: the shape, type, class count or size differs; all reasons in one message.
    """
    reasons = _reasons_against(manifest, output)
    if reasons:
        raise ModelError(
            f"the model's output is {output.dtype} {list(output.shape)} and its manifest says "
            f"otherwise: {'; '.join(reasons)}; convert it again with `edgeseg convert`, or give "
            "other --labels"
        )


def grid_on(manifest: Manifest, cells: Size, frame: Size, placement: Placement) -> Grid:
    """Return how a frame lies on the head's cells.

    Args:
        manifest: the input's size and the head's layout.
        cells: the output's size.
        frame: the frame's size.
        placement: where the frame lies in the input.
    """
    head, size = manifest.head, manifest.preparation.size
    if head.layout == "stride":
        return grid_for(frame, placement, head.stride)
    x_step, x_shift = _axis(head.layout, size.width, cells.width)
    y_step, y_shift = _axis(head.layout, size.height, cells.height)
    return Grid(
        scale_x=x_step * placement.width / frame.width,
        scale_y=y_step * placement.height / frame.height,
        offset_x=x_step * placement.x + x_shift,
        offset_y=y_step * placement.y + y_shift,
    )


def _axis(layout: Layout, pixels: int, cells: int) -> tuple[float, float]:
    """Return cells per input pixel, and where the input's edge lies, in cells from the grid's."""
    if layout == "span" or cells == 1:
        return cells / pixels, 0.0
    # Cell centre 0 is on pixel centre 0, half a pixel and half a cell from the two edges.
    step = (cells - 1) / (pixels - 1)
    return step, 0.5 - 0.5 * step


def _lie(pixels: Size, cells: Size) -> tuple[Layout, int]:
    pairs = ((pixels.width, cells.width), (pixels.height, cells.height))
    stride = max(1, round(pixels.width / cells.width))
    if all(side == count * stride for side, count in pairs):
        return "stride", stride
    # An odd input, halved by 'same' convolutions: 513 becomes 257, 129, 65; centres stay on pixels.
    if all(side - 1 == (count - 1) * stride for side, count in pairs):
        return "corners", stride
    return "span", stride


def _cells(output: TensorSpec) -> Size | None:
    """Return the size of a tensor that can be scores or a class map."""
    shape = output.shape
    if len(shape) not in (3, 4) or shape[0] != 1 or 0 in shape:
        return None
    classes = shape[3] if len(shape) == 4 else 1
    is_scores = 1 < classes <= MAX_CLASSES and output.dtype in _SCORES
    is_class_map = classes == 1 and output.dtype in _INDICES and output.scale == 0.0
    return Size(shape[2], shape[1]) if is_scores or is_class_map else None


def _no_head(output: TensorSpec) -> str:
    return (
        f"the output is {output.dtype} {list(output.shape)}; expected scores [1, h, w, classes] of "
        f"2 to {MAX_CLASSES} classes, or integer class indices [1, h, w], not larger than the input"
    )


def _reasons_against(manifest: Manifest, output: TensorSpec) -> list[str]:
    head, classes = manifest.head, len(manifest.labels)
    cells = _cells(output)
    if cells is None:
        return [_no_head(output)]
    found = output.shape[3] if len(output.shape) == 4 else 1
    reasons = []
    if (found == 1) != (head.kind == "class_map"):
        reasons.append(f"it should be {head.kind}")
    if found not in (1, classes):
        reasons.append(f"it has {found} classes and the labels name {classes}")
    if head.layout == "stride":
        reasons += _stride_reasons(manifest, cells)
    return reasons


def _stride_reasons(manifest: Manifest, cells: Size) -> list[str]:
    stride = manifest.head.stride
    sides = zip(("width", "height"), manifest.preparation.size, cells, strict=True)
    return [
        f"{count} cells of stride {stride} do not fit an input {name} of {pixels}"
        for name, pixels, count in sides
        if not 0 <= count * stride - pixels < max(_MAX_PADDING, stride)
    ]
