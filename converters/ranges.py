"""The activation ranges of an int8 file: read them, and set other ones.

A tensor's scale and zero point are a matter of the file alone: whoever reads the tensor takes them
from it. Two things hang on them: the bias of a convolution, whose unit is the scale of its input
times that of its weights, and tensors that an operator hands on without a new scale (a reshape, a
resize), which change together.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from .flatbuffer import name_of_code, pack, schema, unpack
from .tensors import PASSIVE, STORAGE

# They compute their output in a scale of its own, whatever that of their input.
_FREE = ("CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED", "TRANSPOSE_CONV", "ADD")
# Together with what only moves numbers, they lead from scores to the class that wins.
_DECIDING = ("ADD", "TRANSPOSE_CONV", "RESIZE_BILINEAR", "SOFTMAX", "LOGISTIC", "ARG_MAX")
# Where these have their input and their bias.
_BIASED = {
    "CONV_2D": (0, 2),
    "DEPTHWISE_CONV_2D": (0, 2),
    "FULLY_CONNECTED": (0, 2),
    "TRANSPOSE_CONV": (2, 3),
}


@dataclass(frozen=True)
class Range:
    """What a tensor can hold; 0 is always inside."""

    low: float
    high: float


@dataclass(frozen=True)
class Group:
    """Tensors that share one scale.

    Attributes:
        tensors: their indices in the int8 file.
        range: that they have now.
        decides: whether between them and the network's output there is nothing but sums, resizes
            and such: they hold the scores of classes.
    """

    tensors: frozenset[int]
    range: Range
    decides: bool


def range_groups(tflite: bytes) -> list[Group]:
    """Return the activation tensors of an int8 file whose ranges can be set, by common scale."""
    return _Graph(unpack(tflite)).groups()


def set_ranges(tflite: bytes, ranges: Mapping[Group, Range]) -> bytes:
    """Return an int8 file with other ranges for some groups of its tensors."""
    graph = _Graph(unpack(tflite))
    graph.narrow({tensor: new for group, new in ranges.items() for tensor in group.tensors})
    return pack(graph.model)


class _Graph:
    def __init__(self, model: Any) -> None:
        self.model = model
        self._tensors = model.subgraphs[0].tensors
        self._outputs = {int(tensor) for tensor in model.subgraphs[0].outputs}
        self._inputs = {int(tensor) for tensor in model.subgraphs[0].inputs}
        self._operators = [
            (name_of_code(model.operatorCodes[operator.opcodeIndex]), operator)
            for operator in model.subgraphs[0].operators
        ]

    def groups(self) -> list[Group]:
        root = self._tied()
        members: dict[int, set[int]] = {}
        for tensor in root:
            members.setdefault(_find(root, tensor), set()).add(tensor)
        fixed = {_find(root, tensor) for tensor in self._fixed() & root.keys()}
        deciding = {_find(root, tensor) for tensor in self._deciding() & root.keys()}
        return [
            Group(frozenset(tensors), self._range(min(tensors)), first in deciding)
            for first, tensors in members.items()
            if first not in fixed
        ]

    def narrow(self, ranges: Mapping[int, Range]) -> None:
        grown: dict[int, float] = {}
        for tensor, new in ranges.items():
            quantization = self._tensors[tensor].quantization
            least, steps = self._steps(tensor)
            scale = float(np.float32((new.high - new.low) / steps))
            grown[tensor] = scale / float(quantization.scale[0])
            zero = int(np.clip(np.rint(least - new.low / scale), least, least + steps))
            quantization.scale, quantization.zeroPoint = [scale], [zero]
        for name, operator in self._operators:
            if name in _BIASED and int(operator.inputs[_BIASED[name][0]]) in grown:
                self._rescale_bias(operator, _BIASED[name], grown)

    def _rescale_bias(
        self, operator: Any, places: tuple[int, int], grown: Mapping[int, float]
    ) -> None:
        source, bias = places
        if len(operator.inputs) <= bias or operator.inputs[bias] < 0:
            return
        factor = grown[int(operator.inputs[source])]
        tensor = self._tensors[operator.inputs[bias]]
        data = np.asarray(self.model.buffers[tensor.buffer].data, np.uint8).tobytes()
        steps = np.rint(np.frombuffer(data, np.int32) / factor)
        made = schema().BufferT()
        made.data = _bytes(steps.clip(-(2**31) + 1, 2**31 - 1).astype(np.int32))
        self.model.buffers.append(made)
        tensor.buffer = len(self.model.buffers) - 1
        scales = np.asarray(tensor.quantization.scale, np.float64) * factor
        tensor.quantization.scale = scales.astype(np.float32)

    def _tied(self) -> dict[int, int]:
        """Return a forest of the quantized activations: each tree shares one scale."""
        root = {
            int(tensor): int(tensor)
            for _, operator in self._operators
            for tensor in (*operator.inputs, *operator.outputs)
            if tensor >= 0 and self._is_activation(int(tensor))
        }
        for name, operator in self._operators:
            for target in set(map(int, operator.outputs)) & root.keys():
                for source in set(map(int, operator.inputs)) & root.keys():
                    if name not in _FREE and self._range(source) == self._range(target):
                        root[_find(root, source)] = _find(root, target)
        return root

    def _fixed(self) -> set[int]:
        """Return tensors whose ranges are not ours to set.

        That is the network's input, what operators other than convolutions and sums compute, and
        what is bound to a constant's scale.
        """
        fixed = set(self._inputs)
        for name, operator in self._operators:
            inputs = {int(tensor) for tensor in operator.inputs if tensor >= 0}
            outputs = {int(tensor) for tensor in operator.outputs}
            ranges = [self._range(tensor) for tensor in inputs if self._is_activation(tensor)]
            if name in _FREE or name in STORAGE:
                continue
            if any(self._is_activation(t) and self._range(t) not in ranges for t in outputs):
                fixed |= outputs
            if any(self._is_quantized(t) and not self._is_activation(t) for t in inputs):
                fixed |= outputs | inputs
        shared = [t for name, o in self._operators for t in self._bias_of(name, o)]
        fixed |= {
            int(operator.inputs[_BIASED[name][0]])
            for name, operator in self._operators
            if any(shared.count(tensor) > 1 for tensor in self._bias_of(name, operator))
        }
        return fixed

    def _bias_of(self, name: str, operator: Any) -> list[int]:
        if name not in _BIASED or len(operator.inputs) <= _BIASED[name][1]:
            return []
        return [int(operator.inputs[_BIASED[name][1]])]

    def _deciding(self) -> set[int]:
        """Return the tensors from which sums and the like lead to the network's output."""
        reached = set(self._outputs)
        for name, operator in reversed(self._operators):
            outputs = {int(tensor) for tensor in operator.outputs}
            if outputs & reached and (name in _DECIDING or name in PASSIVE or name in STORAGE):
                reached |= {int(tensor) for tensor in operator.inputs}
        return reached

    def _is_quantized(self, tensor: int) -> bool:
        quantization = self._tensors[tensor].quantization
        kinds = (schema().TensorType.INT8, schema().TensorType.UINT8)
        has_scale = quantization is not None and quantization.scale is not None
        return has_scale and len(quantization.scale) == 1 and self._tensors[tensor].type in kinds

    def _is_activation(self, tensor: int) -> bool:
        data = self.model.buffers[self._tensors[tensor].buffer].data
        return self._is_quantized(tensor) and (data is None or len(data) == 0)

    def _range(self, tensor: int) -> Range:
        quantization = self._tensors[tensor].quantization
        least, steps = self._steps(tensor)
        scale, zero = float(quantization.scale[0]), int(quantization.zeroPoint[0])
        return Range((least - zero) * scale, (least + steps - zero) * scale)

    def _steps(self, tensor: int) -> tuple[int, int]:
        is_signed = self._tensors[tensor].type == schema().TensorType.INT8
        return (-128 if is_signed else 0), 255


def _find(root: dict[int, int], tensor: int) -> int:
    while root[tensor] != tensor:
        tensor = root[tensor]
    return tensor


def _bytes(values: Any) -> Any:
    return np.frombuffer(values.tobytes(), np.uint8)
