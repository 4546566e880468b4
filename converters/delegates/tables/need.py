"""The conditions that targets set, one name each, so that a table's row reads like a line.

Their texts complete "needs ...".
"""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction

from edgeseg.converters.delegates.op import Op, Tensor
from edgeseg.converters.delegates.target import Limit

RELUS = ("none", "relu", "relu_n1_to_1", "relu6")


def tensor(op: Op, index: int) -> Tensor | None:
    """Return an input, None where it is left out."""
    return op.inputs[index] if index < len(op.inputs) else None


def custom(text: str, holds: Callable[[Op], bool]) -> Limit:
    """A condition of one target's own."""
    return Limit(text, holds)


# ---- constants


def constant(index: int, what: str) -> Limit:
    """The input at `index` is in the file, or left out."""

    def holds(op: Op) -> bool:
        found = tensor(op, index)
        return found is None or found.is_constant

    return Limit(f"a constant {what}", holds)


KERNEL = constant(1, "kernel")
BIAS = constant(2, "bias")
OUTPUT_SHAPE = constant(0, "output shape")
SIZE = constant(1, "size")
PADDING = constant(1, "padding")
AXES = constant(1, "axis")
PERMUTATION = constant(1, "permutation")
NEW_SHAPE = constant(1, "shape")
ALL_CONSTANT = Limit(
    "constants beside its input",
    lambda op: all(t is None or t.is_constant for t in op.inputs[1:]),
)


# ---- shapes


def rank_at_most(most: int) -> Limit:
    """No tensor has more dimensions."""
    return Limit(
        f"at most {most} dimensions", lambda op: all(len(t.shape) <= most for t in _all(op))
    )


def rank(*ranks: int) -> Limit:
    """What goes in has one of these numbers of dimensions."""
    return Limit(f"{_or(ranks)} dimensions", lambda op: len(_shape(op)) in ranks)


BATCH_OF_ONE = Limit(
    "a batch of one", lambda op: all(t.shape[0] == 1 for t in _maps(op) if len(t.shape) == 4)
)


def inner_dimensions(most: int) -> Limit:
    """Only so many of the last dimensions are longer than 1."""
    return Limit(
        f"sides above 1 only in the last {most} dimensions",
        lambda op: all(side == 1 for t in _maps(op) for side in t.shape[:-most]),
    )


def pixels_at_most(most: int) -> Limit:
    """Height times width of what goes in."""
    return Limit(
        f"at most {most} pixels",
        lambda op: len(_shape(op)) != 4 or _shape(op)[1] * _shape(op)[2] <= most,
    )


def channels_at_most(most: int) -> Limit:
    """Channels of what goes in."""
    return Limit(f"at most {most} channels", lambda op: not _shape(op) or _shape(op)[-1] <= most)


def inputs_at_most(most: int) -> Limit:
    """How many tensors are joined."""
    return Limit(f"at most {most} inputs", lambda op: len(op.inputs) <= most)


def _on_channels(op: Op) -> bool:
    return op.option("axis", 0) in (-1, len(_shape(op)) - 1)


JOINS_CHANNELS = Limit("to join channels", _on_channels)


# ---- convolutions and pooling


def fused(*activations: str) -> Limit:
    """The activation inside the operator is one of these."""
    some = [name for name in activations if name != "none"]
    text = f"no fused activation but {', '.join(some)}" if some else "no fused activation"
    return Limit(text, lambda op: op.option("activation", "none") in activations)


FUSED_RELU = fused(*RELUS)
FUSED_NOTHING = fused("none")


def stride_at_most(most: int) -> Limit:
    """The strides of a convolution or pooling."""
    return Limit(f"stride at most {most}", lambda op: max(strides(op)) <= most)


def stride(*allowed: int) -> Limit:
    """The strides are the same both ways, and one of these."""
    return Limit(
        f"stride {_or(allowed)}",
        lambda op: len(set(strides(op))) == 1 and strides(op)[0] in allowed,
    )


def strides(op: Op) -> tuple[int, int]:
    """Return the strides down and across."""
    return int(op.option("stride_h", 1)), int(op.option("stride_w", 1))


def kernel(op: Op) -> tuple[int, int]:
    """Return the height and width of a convolution's kernel or a pooling's window."""
    if op.option("filter_h") is not None:
        return int(op.option("filter_h")), int(op.option("filter_w"))
    weights = tensor(op, 1)
    return (1, 1) if weights is None else (weights.shape[1], weights.shape[2])


def _adds_nothing(op: Op) -> bool:
    """Whether a convolution or pooling reads no pixel outside of its input."""
    if op.option("padding") == "valid":
        return True
    sides = zip(_shape(op)[1:3], kernel(op), strides(op), strict=True)
    return all(max(reach - ((side - 1) % step + 1), 0) == 0 for side, reach, step in sides)


ADDS_NO_PADDING = Limit("no padding inside", _adds_nothing)
NO_DILATION = Limit(
    "no dilation", lambda op: op.option("dilation_h", 1) == op.option("dilation_w", 1) == 1
)
SAME_DILATION = Limit(
    "the same dilation both ways",
    lambda op: op.option("dilation_h", 1) == op.option("dilation_w", 1),
)
NO_STRIDE_FOR_1X1 = Limit(
    "no stride for a 1x1 window", lambda op: kernel(op) != (1, 1) or max(strides(op)) == 1
)


def window_at_most(most: int) -> Limit:
    """The window of a pooling, or the kernel of a convolution."""
    return Limit(f"a window of at most {most}x{most}", lambda op: max(kernel(op)) <= most)


# ---- resizes


def factors(op: Op) -> tuple[Fraction, ...]:
    """Return by how much a resize enlarges down and across, as its flags count it."""
    less = 1 if op.option("align_corners") else 0
    sides = zip(_shape(op)[1:3], op.output.shape[1:3], strict=True)
    return tuple(
        Fraction(new - less, old - less) if old > less else Fraction(new) for old, new in sides
    )


def factor(*allowed: int) -> Limit:
    """A resize enlarges by one of these, the same both ways."""
    return Limit(
        f"factor {_or(allowed)}, the same both ways",
        lambda op: len(set(factors(op))) == 1 and factors(op)[0] in allowed,
    )


def factors_in(*allowed: int) -> Limit:
    """A resize enlarges by one of these each way."""
    return Limit(f"factors {_or(allowed)}", lambda op: set(factors(op)) <= set(allowed))


def powers_of_two(most: int) -> Limit:
    """A resize enlarges by powers of two."""
    powers = {Fraction(2**n) for n in range(most.bit_length())}
    return Limit(
        f"factors that are powers of two, at most {most}", lambda op: set(factors(op)) <= powers
    )


def factors_at_most(most: int) -> Limit:
    """A resize enlarges by no more."""
    return Limit(f"factors of at most {most}", lambda op: max(factors(op)) <= most)


FROM_ONE_PIXEL = Limit("a single pixel", lambda op: _shape(op)[1:3] == (1, 1))
NOT_BOTH_FLAGS = Limit(
    "not both align_corners and half_pixel_centers",
    lambda op: not (op.option("align_corners") and op.option("half_pixel_centers")),
)
LEGACY = Limit(
    "neither align_corners nor half_pixel_centers",
    lambda op: not (op.option("align_corners") or op.option("half_pixel_centers")),
)
NOT_HALF_PIXEL = Limit("no half_pixel_centers", lambda op: not op.option("half_pixel_centers"))


def new_sides_at_most(most: int) -> Limit:
    """A resize makes no longer side."""
    return Limit(f"new sides of at most {most}", lambda op: max(op.output.shape[1:3]) <= most)


# ---- the rest

BLOCK_ABOVE_ONE = Limit("a block size above 1", lambda op: op.option("block_size", 0) > 1)
BETA_OF_ONE = Limit("beta = 1", lambda op: op.option("beta", 1.0) == 1.0)


def _axes(op: Op) -> set[int]:
    """Return the axes of a reduction, counted from the first."""
    axes, ranks = tensor(op, 1), len(_shape(op))
    return set() if axes is None or not ranks else {axis % ranks for axis in axes.values}


OVER_CHANNELS = Limit("axis of the channels", lambda op: _axes(op) == {len(_shape(op)) - 1})
OVER_PIXELS = Limit(
    "axes of height and width", lambda op: len(_shape(op)) == 4 and _axes(op) <= {1, 2}
)
NOT_OVER_CHANNELS = Limit(
    "axes other than the channels", lambda op: len(_shape(op)) - 1 not in _axes(op)
)
KEEPS_DIMENSIONS = Limit("keep_dims", lambda op: bool(op.option("keep_dims")))


def no_masks(*masks: str) -> Limit:
    """A slice has none of these masks: "ellipsis", "new_axis", "shrink_axis"."""
    return Limit(
        f"no {' or '.join(mask.replace('_', '-') for mask in masks)} mask",
        lambda op: not any(op.option(f"{mask}_mask", 0) for mask in masks),
    )


PLAIN_MASKS = no_masks("ellipsis", "new_axis", "shrink_axis")


def _steps_of_one(op: Op) -> bool:
    steps = tensor(op, 3)
    return steps is not None and set(steps.values) == {1}


STEPS_OF_ONE = Limit("steps of 1", _steps_of_one)


def _pads(op: Op) -> tuple[tuple[int, int], ...]:
    found = tensor(op, 1)
    values = found.values if found is not None else ()
    return tuple(zip(values[::2], values[1::2], strict=True))


PADDING_NOT_NEGATIVE = Limit(
    "no negative padding", lambda op: min(min(_pads(op) or ((0, 0),))) >= 0
)
PADS_PIXELS_ONLY = Limit(
    "to pad height and width only",
    lambda op: len(_pads(op)) == 4 and _pads(op)[0] == _pads(op)[3] == (0, 0),
)
PADS_NO_BATCH = Limit("not to pad the batch", lambda op: _pads(op)[:1] in ((), ((0, 0),)))
REFLECTS = Limit("mode REFLECT", lambda op: op.option("mode", 0) == 0)


# ---- combinations


def either(*limits: Limit) -> Limit:
    """One of the limits holds."""
    text = ", or ".join(limit.text for limit in limits)
    return Limit(text, lambda op: any(limit.holds(op) for limit in limits))


def both(*limits: Limit) -> Limit:
    """All of the limits hold; for `either`."""
    text = " with ".join(limit.text for limit in limits)
    return Limit(text, lambda op: all(limit.holds(op) for limit in limits))


def _shape(op: Op) -> tuple[int, ...]:
    return op.input.shape if op.input is not None else ()


def _maps(op: Op) -> list[Tensor]:
    live = [t for t in op.inputs if t is not None and not t.is_constant]
    return [*live, *op.outputs]


def _all(op: Op) -> list[Tensor]:
    return [*(t for t in op.inputs if t is not None), *op.outputs]


def _or(numbers: tuple[int, ...]) -> str:
    *first, last = (str(number) for number in numbers)
    return f"{', '.join(first)} or {last}" if first else last
