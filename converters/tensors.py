"""Look into a .tflite file as it runs: every tensor of every layer, in real units."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .flatbuffer import operator_names, schema

Frames = Sequence[NDArray[np.float32]]
"""Input tensors, float32 [1, h, w, 3] each."""

# They change how numbers are stored, and compute nothing.
STORAGE = ("QUANTIZE", "DEQUANTIZE")

PASSIVE = frozenset(
    (
        "CONCATENATION",
        "DEPTH_TO_SPACE",
        "EXPAND_DIMS",
        "GATHER",
        "MAX_POOL_2D",
        "MIRROR_PAD",
        "PACK",
        "PAD",
        "PADV2",
        "RESHAPE",
        "RESIZE_NEAREST_NEIGHBOR",
        "SLICE",
        "SPACE_TO_DEPTH",
        "SPLIT",
        "SQUEEZE",
        "STRIDED_SLICE",
        "TILE",
        "TRANSPOSE",
    )
)
"""They move numbers and compute none."""


class PlainNetwork:
    """A .tflite file in the plain kernels, which leave every tensor to be looked at."""

    def __init__(self, tflite: bytes) -> None:
        """Load the file."""
        from ai_edge_litert.interpreter import Interpreter, OpResolverType

        self._interpreter = Interpreter(
            model_content=tflite,
            num_threads=2,
            experimental_preserve_all_tensors=True,
            experimental_op_resolver_type=OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES,
        )
        self._interpreter.allocate_tensors()
        self._details = {d["index"]: d for d in self._interpreter.get_tensor_details()}
        self._input = self._interpreter.get_input_details()[0]
        self._output = self._interpreter.get_output_details()[0]

    def run(self, frame: NDArray[np.float32]) -> None:
        """Run the network; `value` then returns any of its tensors."""
        detail = self._input
        tensor = stored(frame, detail["dtype"], *detail["quantization"])
        self._interpreter.set_tensor(detail["index"], tensor)
        self._interpreter.invoke()

    def classes(self, frame: NDArray[np.float32]) -> NDArray[Any]:
        """Run the network and return the class of each cell of its output."""
        self.run(frame)
        return output_classes(self._interpreter.get_tensor(self._output["index"]))

    def value(self, tensor: int) -> NDArray[np.float64]:
        """Return a tensor in real units, as float64 [1, h, w, channels]."""
        scale, zero = self._details[tensor]["quantization"]
        held = self._interpreter.get_tensor(tensor).astype(np.float64)
        real: NDArray[np.float64] = (held - zero) * scale if scale else held
        return real.reshape((1,) * (4 - real.ndim) + real.shape)


def output_classes(output: NDArray[Any]) -> NDArray[Any]:
    """Return the class of each cell of a network's output, logits or class map."""
    is_class_map = output.ndim == 3
    return output if is_class_map else np.asarray(output.argmax(axis=-1))


def stored(frame: NDArray[np.float32], dtype: Any, scale: float, zero_point: int) -> NDArray[Any]:
    """Return a float tensor as a network's input; a scale of 0 is that of a float input."""
    if not scale:
        return frame
    limits = np.iinfo(dtype)
    steps = np.rint(frame / scale) + zero_point
    clipped: NDArray[Any] = steps.clip(limits.min, limits.max).astype(dtype)
    return clipped


@dataclass(frozen=True)
class Layer:
    """One operator that computes something.

    Attributes:
        index: among the file's operators.
        op: as in "CONV_2D".
        name: of the layer, as far as the file keeps it.
        inputs: indices of the tensors that are not constants; where one was only stored anew
            (QUANTIZE, DEQUANTIZE), the one that was computed.
        output: index of the first output tensor.
        shape: of that tensor.
        scale: of that tensor's quantization, its greatest over the channels; 0 where it is float.
    """

    index: int
    op: str
    name: str
    inputs: tuple[int, ...]
    output: int
    shape: tuple[int, ...]
    scale: float


def read_layers(tflite: bytes) -> list[Layer]:
    """Return the operators of a file in the order in which they run, without QUANTIZE and such."""
    model = schema().Model.GetRootAs(tflite, 0)
    graph = model.Subgraphs(0)
    layers = []
    computed: dict[int, int] = {}
    for index, op in enumerate(operator_names(tflite)):
        if op not in STORAGE:
            layers.append(_read_layer(model, graph, index, op, computed))
            continue
        operator = graph.Operators(index)
        source = int(operator.Inputs(0))
        computed[int(operator.Outputs(0))] = computed.get(source, source)
    return layers


def match_layers(quantized: Sequence[Layer], exact: Sequence[Layer]) -> list[tuple[Layer, Layer]]:
    """Return the layers that two files of one network have in common, in order.

    As a rule they have the same operators and shapes. Where not, names tell layers apart, and those
    that only one of the files has are left out.
    """
    ours, theirs = ([(layer.op, layer.shape) for layer in file] for file in (quantized, exact))
    if ours == theirs:
        return list(zip(quantized, exact, strict=True))
    blocks = SequenceMatcher(None, _named(quantized), _named(exact), False).get_matching_blocks()
    return [
        (quantized[start + i], exact[twin + i]) for start, twin, size in blocks for i in range(size)
    ]


def _named(layers: Sequence[Layer]) -> list[tuple[str, tuple[int, ...], str]]:
    return [(layer.op, layer.shape, layer.name) for layer in layers]


def _read_layer(model: Any, graph: Any, index: int, op: str, computed: Mapping[int, int]) -> Layer:
    operator = graph.Operators(index)
    tensor = graph.Tensors(operator.Outputs(0))
    quantization = tensor.Quantization()
    has_scale = quantization is not None and quantization.ScaleLength() > 0
    return Layer(
        index=index,
        op=op,
        name=_layer_name(tensor.Name().decode()),
        inputs=tuple(
            computed.get(int(i), int(i))
            for i in operator.InputsAsNumpy()
            if i >= 0 and not model.Buffers(graph.Tensors(int(i)).Buffer()).DataLength()
        ),
        output=int(operator.Outputs(0)),
        shape=tuple(int(side) for side in tensor.ShapeAsNumpy()) if tensor.ShapeLength() else (),
        scale=float(np.max(quantization.ScaleAsNumpy())) if has_scale else 0.0,
    )


def _layer_name(tensor: str) -> str:
    """Return the Keras layer that a tensor's name speaks of.

    "functional_1_1/functional_1/Conv1_relu_1/Relu6;functional..." is the output of Conv1_relu. Each
    call of a layer adds a number; the converter itself names the network's output.
    """
    first = tensor.partition(";")[0]
    if re.match(r"(Stateful)?PartitionedCall|Identity", first):
        return "output"
    nested = re.compile(r"(functional|model|sequential)[_\d]*")
    own = [part for part in first.split("/")[:-1] if not nested.fullmatch(part)]
    return re.sub(r"_1$", "", own[0]) if own else first
