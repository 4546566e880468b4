"""The conditions that targets set, one function each, so that a table's row reads like a line."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction

from edgeseg.converters.delegates.op import Op, Tensor
from edgeseg.converters.delegates.target import Limit

FUSED = ("none", "relu", "relu_n1_to_1", "relu6")
"""The activations that nearly every target fuses."""


def tensor(op: Op, index: int) -> Tensor | None:
    """Return an input, None where it is left out."""
    return op.inputs[index] if index < len(op.inputs) else None


def constant(index: int, what: str) -> Limit:
    """The input at `index` is in the file, or left out."""

    def holds(op: Op) -> bool:
        found = tensor(op, index)
        return found is None or found.is_constant

    return Limit(f"{what} is a constant", holds)


def has(index: int, what: str) -> Limit:
    """The input at `index` is there."""
    return Limit(f"has {what}", lambda op: tensor(op, index) is not None)


CONSTANT_WEIGHTS = constant(1, "the kernel")
CONSTANT_SHAPE = constant(0, "the output shape")
CONSTANT_SIZE = constant(1, "the size")
CONSTANT_PADDING = constant(1, "the padding")
CONSTANT_AXES = constant(1, "the axis")
CONSTANT_PERMUTATION = constant(1, "the permutation")

STATIC = Limit("no side is open", lambda op: all(min(t.shape, default=1) >= 0 for t in _maps(op)))


def fused(*activations: str) -> Limit:
    """The activation inside the operator is one of these."""
    text = f"fuses no activation but {', '.join(a for a in activations if a != 'none')}"
    text = "fuses no activation" if activations == ("none",) else text
    return Limit(text, lambda op: op.option("activation", "none") in activations)


FUSES_RELU = fused(*FUSED)
FUSES_NOTHING = fused("none")


def rank_at_most(most: int) -> Limit:
    """No tensor has more dimensions, those of constants included."""
    return Limit(
        f"at most {most} dimensions", lambda op: all(len(t.shape) <= most for t in _all(op))
    )


def rank_is(*ranks: int) -> Limit:
    """The activations that go in have one of these numbers of dimensions."""
    return Limit(
        f"{_either(ranks)} dimensions",
        lambda op: op.input is None or len(op.input.shape) in ranks,
    )


BATCH_OF_ONE = Limit(
    "a batch of one",
    lambda op: all(t.shape[0] == 1 for t in _maps(op) if len(t.shape) == 4),
)


def stride_at_most(most: int) -> Limit:
    """The strides of a convolution or pooling."""
    return Limit(f"stride at most {most}", lambda op: max(_strides(op)) <= most)


def stride_in(*strides: int) -> Limit:
    """The strides are each one of these."""
    return Limit(f"stride {_either(strides)}", lambda op: set(_strides(op)) <= set(strides))


SQUARE_STRIDE = Limit("the same stride both ways", lambda op: len(set(_strides(op))) == 1)
NO_DILATION = Limit(
    "no dilation", lambda op: op.option("dilation_h", 1) == op.option("dilation_w", 1) == 1
)
NOT_1X1_WITH_STRIDE = Limit(
    "no 1x1 window with a stride",
    lambda op: (op.option("filter_h"), op.option("filter_w")) != (1, 1) or max(_strides(op)) == 1,
)


def window_at_most(most: int) -> Limit:
    """The window of a pooling."""
    return Limit(
        f"window at most {most}x{most}",
        lambda op: max(op.option("filter_h", 0), op.option("filter_w", 0)) <= most,
    )


def kernel_at_most(most: int) -> Limit:
    """The sides of a convolution's kernel."""
    return Limit(f"kernel at most {most}x{most}", lambda op: max(kernel(op)) <= most)


def kernel(op: Op) -> tuple[int, int]:
    """Return a convolution's kernel, height and width."""
    weights = tensor(op, 1)
    return (1, 1) if weights is None else (weights.shape[1], weights.shape[2])


def scales_on_axis(axis: int) -> Limit:
    """A kernel with several scales has them along this dimension."""

    def holds(op: Op) -> bool:
        weights = tensor(op, 1)
        return weights is None or weights.scales <= 1 or weights.axis == axis

    return Limit(f"scales a channel lie on dimension {axis}", holds)


def factors(op: Op) -> tuple[Fraction, Fraction]:
    """Return by how much a resize enlarges down and across, as its flags count it."""
    before, after = (op.input or op.output).shape[1:3], op.output.shape[1:3]
    less = 1 if op.option("align_corners") else 0
    down, across = (
        Fraction(new - less, old - less) if old > less else Fraction(new, 1)
        for old, new in zip(before, after, strict=True)
    )
    return down, across


def factor_in(*allowed: int) -> Limit:
    """A resize enlarges by one of these, the same both ways."""
    return Limit(
        f"enlarges by {_either(allowed)}",
        lambda op: len(set(factors(op))) == 1 and factors(op)[0] in allowed,
    )


def half_pixel_factor(*allowed: int) -> Limit:
    """With half-pixel centres, a resize enlarges by one of these."""
    return Limit(
        f"half-pixel centres only where it enlarges by {_either(allowed)}",
        lambda op: not op.option("half_pixel_centers") or set(factors(op)) <= set(allowed),
    )


def power_of_two_at_most(most: int) -> Limit:
    """A resize enlarges by powers of two."""
    powers = {Fraction(2**n) for n in range(most.bit_length())}
    return Limit(
        f"enlarges by a power of two, at most {most}", lambda op: set(factors(op)) <= powers
    )


NOT_BOTH_FLAGS = Limit(
    "not both of align_corners and half_pixel_centers",
    lambda op: not (op.option("align_corners") and op.option("half_pixel_centers")),
)
NO_HALF_PIXEL = Limit("no half-pixel centres", lambda op: not op.option("half_pixel_centers"))
NO_ALIGN_CORNERS = Limit("corners not aligned", lambda op: not op.option("align_corners"))


def size_at_most(most: int) -> Limit:
    """A resize makes no longer side."""
    return Limit(f"new sides at most {most}", lambda op: max(op.output.shape[1:3]) <= most)


BLOCK_ABOVE_ONE = Limit("block size above 1", lambda op: op.option("block_size", 0) > 1)
BETA_OF_ONE = Limit("beta of 1", lambda op: op.option("beta", 1.0) == 1.0)


def pixels_at_most(most: int) -> Limit:
    """Height times width of what goes in."""

    def holds(op: Op) -> bool:
        shape = op.input.shape if op.input is not None else ()
        return len(shape) != 4 or shape[1] * shape[2] <= most

    return Limit(f"at most {most} pixels", holds)


def depth_at_most(most: int) -> Limit:
    """Channels of what goes in."""
    return Limit(
        f"at most {most} channels", lambda op: op.input is None or op.input.shape[-1] <= most
    )


def _over_channels(op: Op) -> bool:
    axis = tensor(op, 1)
    rank = len(op.input.shape) if op.input is not None else 0
    return axis is not None and set(axis.values) <= {-1, rank - 1} and bool(axis.values)


OVER_CHANNELS = Limit("over the channels", _over_channels)


def _over_pixels(op: Op) -> bool:
    axes = tensor(op, 1)
    rank = len(op.input.shape) if op.input is not None else 0
    return axes is not None and {axis % rank for axis in axes.values} == {1, 2}


OVER_PIXELS = Limit("over height and width", lambda op: rank_is(4).holds(op) and _over_pixels(op))

_MASKS = ("ellipsis_mask", "new_axis_mask", "shrink_axis_mask")
PLAIN_MASKS = Limit(
    "no ellipsis, new-axis or shrink-axis mask",
    lambda op: not any(op.option(mask, 0) for mask in _MASKS),
)
CONSTANT_SLICE = Limit(
    "begin, end and strides are constants",
    lambda op: all(t is None or t.is_constant for t in op.inputs[1:]),
)


def _unit_steps(op: Op) -> bool:
    steps = tensor(op, 3)
    return steps is not None and set(steps.values) == {1}


STEP_OF_ONE = Limit("steps of 1", _unit_steps)


def _padding(op: Op) -> tuple[tuple[int, int], ...]:
    pads = tensor(op, 1)
    values = pads.values if pads is not None else ()
    return tuple(zip(values[::2], values[1::2], strict=True))


PADDING_NOT_NEGATIVE = Limit(
    "no negative padding", lambda op: all(min(pair) >= 0 for pair in _padding(op))
)


def _only_height_and_width(op: Op) -> bool:
    pads = _padding(op)
    return len(pads) == 4 and pads[0] == pads[3] == (0, 0)


PADS_HEIGHT_AND_WIDTH = Limit("pads only height and width", _only_height_and_width)
REFLECTS = Limit("mode REFLECT", lambda op: op.option("mode", 0) == 0)

SAME_SHAPES = Limit(
    "both inputs of one shape, or one of them a constant",
    lambda op: (
        len({t.shape for t in op.inputs if t is not None}) == 1
        or any(t is not None and t.is_constant for t in op.inputs)
    ),
)


def inputs_at_most(most: int) -> Limit:
    """How many tensors are joined."""
    return Limit(f"at most {most} inputs", lambda op: len(op.inputs) <= most)


def either(text: str, *limits: Limit) -> Limit:
    """One of the limits holds."""
    return Limit(text, lambda op: any(limit.holds(op) for limit in limits))


def where(types: tuple[str, ...], limit: Limit) -> Limit:
    """The limit holds for activations of these types."""

    def holds(op: Op) -> bool:
        return op.input is None or op.input.dtype not in types or limit.holds(op)

    return Limit(f"{' and '.join(types)}: {limit.text}", holds)


def custom(text: str, holds: Callable[[Op], bool]) -> Limit:
    """A condition of one target's own."""
    return Limit(text, holds)


def _strides(op: Op) -> tuple[int, int]:
    return int(op.option("stride_h", 1)), int(op.option("stride_w", 1))


def _maps(op: Op) -> list[Tensor]:
    live = [t for t in op.inputs if t is not None and not t.is_constant]
    return [*live, *op.outputs]


def _all(op: Op) -> list[Tensor]:
    return [t for t in op.inputs if t is not None] + list(op.outputs)


def _either(numbers: tuple[int, ...]) -> str:
    words = [str(number) for number in numbers]
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} or {words[-1]}"
