"""Round weights with their inputs in view.

A converter rounds each weight to the nearest step. What counts is the error of the sum: with C the
covariance of a layer's inputs, a row of weights w rounded to q costs (w - q) C (w - q)'. So weights
are rounded one after the other, the largest inputs first, and what each rounding leaves is taken up
by the weights still to come, in closed form: Frantar, Ashkboos, Hoefler and Alistarh, "GPTQ:
Accurate Post-Training Quantization for Generative Pre-trained Transformers", ICLR 2023, algorithm
1 (after Hassibi and Stork's Optimal Brain Surgeon, 1993). The covariance, not the second moment,
since the bias takes up whatever is constant.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .flatbuffer import pack, schema, unpack
from .tensors import Frames, Layer, PlainNetwork, match_layers, read_layers

_MAX_INPUTS = 2048  # of one sum; beyond, the covariance costs minutes, and sums are robust anyway
_PLACES = 4096  # where a layer's inputs are looked at, over all frames
_DAMPING = 0.01  # of the mean variance, as in the paper

Matrix = NDArray[np.float64]


def round_weights(tflite: bytes, float_tflite: bytes, frames: Frames) -> bytes:
    """Return an int8 file with the weights of its convolutions rounded anew.

    Scales stay; biases take up what the new rounding shifts. Rows of weights that the nearest steps
    serve as well keep them, and so do transposed convolutions and layers with more than 2048
    weights in a sum.

    Args:
        tflite: int8 file.
        float_tflite: float32 file of the same network.
        frames: calibration tensors.
    """
    ours, theirs = unpack(tflite), unpack(float_tflite)
    pairs = match_layers(read_layers(tflite), read_layers(float_tflite))
    kernels = [kernel for pair in pairs if (kernel := _kernel(ours, theirs, *pair)) is not None]
    exact, rng = PlainNetwork(float_tflite), np.random.default_rng(0)
    for frame in frames:
        exact.run(frame)
        for kernel in kernels:
            kernel.look_at(exact.value(kernel.source), _PLACES // len(frames), rng)
    for kernel in kernels:
        kernel.store(ours)
    return pack(ours)


def round_rows(rows: Matrix, scales: Matrix, covariance: Matrix) -> Matrix:
    """Return rows of weights in steps of -127 to 127.

    Args:
        rows: weights [groups, rows, inputs].
        scales: of a step [groups, rows].
        covariance: of the inputs [groups, inputs, inputs].
    """
    inputs = rows.shape[2]
    spread = np.einsum("gii->gi", covariance)
    damped = covariance + (_DAMPING * spread.mean(axis=1)[:, None, None] + 1e-12) * np.eye(inputs)
    order = np.argsort(-spread, axis=1, kind="stable")
    damped = np.take_along_axis(damped, order[:, :, None], axis=1)
    damped = np.take_along_axis(damped, order[:, None, :], axis=2)
    upper = np.swapaxes(np.linalg.cholesky(np.linalg.inv(damped)), 1, 2)
    left = np.take_along_axis(rows, order[:, None, :], axis=2)
    steps = np.zeros_like(left)
    for place in range(inputs):
        steps[:, :, place] = _nearest(left[:, :, place], scales)
        error = (left[:, :, place] - steps[:, :, place] * scales) / upper[:, None, place, place]
        left[:, :, place:] -= error[:, :, None] * upper[:, None, place, place:]
    back = np.argsort(order, axis=1)
    return np.take_along_axis(steps, back[:, None, :], axis=2)


def _nearest(weights: Matrix, scales: Matrix) -> Matrix:
    steps: Matrix = np.rint(weights / scales).clip(-127, 127)
    return steps


def _cost(errors: Matrix, covariance: Matrix) -> Matrix:
    """Return the variance that errors of weights put into each sum, [groups, rows, 1]."""
    cost: Matrix = ((errors @ covariance) * errors).sum(axis=2, keepdims=True)
    return cost


@dataclass
class _Kernel:
    """The weights of one convolution, as rows over its inputs, and what is known of these.

    Attributes:
        source: the float file's tensor that it reads.
        weights, bias: tensors of the int8 file.
        rows: float weights [groups, rows, inputs]; a depthwise kernel has a group for each channel.
        scales: of the rows, [groups, rows].
        window: what it reads for an output.
        second, total, count: sums over the places looked at.
    """

    source: int
    weights: int
    bias: int
    rows: Matrix
    scales: Matrix
    window: _Window
    second: Matrix = field(init=False)
    total: Matrix = field(init=False)
    count: int = 0

    def __post_init__(self) -> None:
        groups, _, inputs = self.rows.shape
        self.second = np.zeros((groups, inputs, inputs))
        self.total = np.zeros((groups, inputs))

    def look_at(self, values: Matrix, places: int, rng: np.random.Generator) -> None:
        """Add what the layer reads at some places of one frame; values [1, h, w, channels]."""
        seen = self.window.read(values[0], places, rng)  # [places, taps, channels]
        if len(self.rows) > 1:
            per_group = np.moveaxis(seen, 2, 0)
        else:
            per_group = seen.reshape(1, len(seen), -1)
        self.second += np.swapaxes(per_group, 1, 2) @ per_group
        self.total += per_group.sum(axis=1)
        self.count += len(seen)

    def store(self, model: Any) -> None:
        mean = self.total / self.count
        covariance = self.second / self.count - mean[:, :, None] * mean[:, None, :]
        old = _nearest(self.rows, self.scales[:, :, None])
        new = round_rows(self.rows, self.scales, covariance)
        steps = np.where(
            _cost(self._error(new), covariance) < _cost(self._error(old), covariance), new, old
        )
        shift = np.einsum("gri,gi->gr", self._error(steps), mean)
        self._put(model, steps, shift.ravel())

    def _error(self, steps: Matrix) -> Matrix:
        return steps * self.scales[:, :, None] - self.rows

    def _put(self, model: Any, steps: Matrix, shift: Matrix) -> None:
        tensors = model.subgraphs[0].tensors
        shape = tuple(tensors[self.weights].shape)
        # [groups, 1, taps] of a depthwise kernel go back to [1, h, w, channels].
        laid = steps[:, 0].T if len(self.rows) > 1 else steps
        _fill(model, self.weights, laid.reshape(shape).astype(np.int8))
        if self.bias < 0:
            return
        tensor = tensors[self.bias]
        data = np.asarray(model.buffers[tensor.buffer].data, np.uint8).tobytes()
        held = np.frombuffer(data, np.int32)
        moved = np.rint(held - shift / np.asarray(tensor.quantization.scale, np.float64))
        _fill(model, self.bias, moved.clip(-(2**31) + 1, 2**31 - 1).astype(np.int32))


@dataclass(frozen=True)
class _Window:
    """Where a convolution reads: its kernel's size, stride, dilation and padding (y, x)."""

    output: tuple[int, int]
    kernel: tuple[int, int]
    stride: tuple[int, int]
    dilation: tuple[int, int]
    is_padded: bool

    def read(self, values: Matrix, places: int, rng: np.random.Generator) -> Matrix:
        """Return what is read for some outputs: [places, taps, channels] of [h, w, channels]."""
        height, width = self.output
        chosen = rng.choice(height * width, min(places, height * width), replace=False)
        y, y_inside = self._line(chosen // width, 0, values.shape[0])
        x, x_inside = self._line(chosen % width, 1, values.shape[1])
        seen = values[y[:, :, None], x[:, None, :]]
        inside = y_inside[:, :, None] & x_inside[:, None, :]
        taps = self.kernel[0] * self.kernel[1]
        read: Matrix = seen * inside[..., None]
        return read.reshape(len(chosen), taps, values.shape[2])

    def _line(self, output: Any, axis: int, side: int) -> tuple[Any, Any]:
        """Return the places along one axis that outputs read, and whether they are inside."""
        reach = (self.kernel[axis] - 1) * self.dilation[axis] + 1
        missing = (self.output[axis] - 1) * self.stride[axis] + reach - side
        before = max(missing, 0) // 2 if self.is_padded else 0
        taps = np.arange(self.kernel[axis]) * self.dilation[axis]
        read = output[:, None] * self.stride[axis] - before + taps
        return read.clip(0, side - 1), (read >= 0) & (read < side)


def _kernel(ours: Any, theirs: Any, layer: Layer, twin: Layer) -> _Kernel | None:
    """Return the weights of a layer; None where they are not of a kind that is rounded anew."""
    if layer.op not in ("CONV_2D", "DEPTHWISE_CONV_2D") or len(twin.inputs) != 1:
        return None
    operator = ours.subgraphs[0].operators[layer.index]
    exact = _constant(theirs, int(theirs.subgraphs[0].operators[twin.index].inputs[1]))
    weights, bias = int(operator.inputs[1]), int(operator.inputs[2])
    if exact is None or not _is_own(ours, weights, bias):
        return None
    is_deep = layer.op == "DEPTHWISE_CONV_2D"
    channels = theirs.subgraphs[0].tensors[twin.inputs[0]].shape[3]
    if exact.shape[3] != channels or (not is_deep and exact[0].size > _MAX_INPUTS):
        return None  # channel multipliers, groups, or too many weights in a sum
    if is_deep:
        rows = np.ascontiguousarray(exact[0].reshape(-1, channels).T[:, None])
    else:
        rows = exact.reshape(1, len(exact), -1)
    scales = np.asarray(ours.subgraphs[0].tensors[weights].quantization.scale, np.float64)
    held = np.broadcast_to(scales, rows.shape[0] * rows.shape[1]).reshape(rows.shape[:2])
    return _Kernel(twin.inputs[0], weights, bias, rows, held, _window(theirs, twin, exact))


def _is_own(model: Any, weights: int, bias: int) -> bool:
    """Whether int8 weights and a bias are constants that no other operator reads."""
    graph = model.subgraphs[0]
    read = [int(tensor) for operator in graph.operators for tensor in operator.inputs]
    own = [read.count(tensor) == 1 for tensor in (weights, bias) if tensor >= 0]
    is_int8 = graph.tensors[weights].type == schema().TensorType.INT8
    return is_int8 and all(own) and model.buffers[graph.tensors[weights].buffer].data is not None


def _window(model: Any, layer: Layer, weights: Matrix) -> _Window:
    options = model.subgraphs[0].operators[layer.index].builtinOptions
    return _Window(
        output=(layer.shape[1], layer.shape[2]),
        kernel=(weights.shape[1], weights.shape[2]),
        stride=(options.strideH, options.strideW),
        dilation=(options.dilationHFactor, options.dilationWFactor),
        is_padded=options.padding == schema().Padding.SAME,
    )


def _constant(model: Any, tensor: int) -> Matrix | None:
    """Return the values of a float constant; None for another tensor."""
    held = model.subgraphs[0].tensors[tensor]
    data = model.buffers[held.buffer].data
    if data is None or not len(data) or held.type != schema().TensorType.FLOAT32:
        return None
    values = np.frombuffer(np.asarray(data, np.uint8).tobytes(), np.float32)
    return values.reshape(tuple(held.shape)).astype(np.float64)


def _fill(model: Any, tensor: int, values: Any) -> None:
    """Give a constant other values; equal constants may have shared a buffer until then."""
    tensors = model.subgraphs[0].tensors
    held = tensors[tensor]
    if sum(other.buffer == held.buffer for other in tensors) > 1:
        model.buffers.append(schema().BufferT())
        held.buffer = len(model.buffers) - 1
    data = np.ascontiguousarray(values).tobytes()
    model.buffers[held.buffer].data = np.frombuffer(data, np.uint8)
