"""Graft layers of a float file into the int8 file of the same network.

Both files come from one graph and hold the same operators, so a layer that should run in float32 is
taken over whole from the float file: operator, fused activation, weights and biases. Values are
converted only where they cross from one precision to the other (DEQUANTIZE, QUANTIZE): neighbours
that are both kept hand floats on. A trial takes milliseconds, where a new conversion takes half a
minute.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import Any

from edgeseg.converters.flatbuffer import pack, schema, unpack
from edgeseg.converters.tensors import PASSIVE, Layer, match_layers, read_layers

from .graft import graft, is_constant


class Surgeon:
    """An int8 file and its float twin, ready for any number of grafts.

    Attributes:
        layers: those of the int8 file that can be kept in float32, in order of execution.
    """

    def __init__(
        self, quantized: bytes, float_tflite: bytes, *, float_output: bool = False
    ) -> None:
        """Match the two files' layers.

        Args:
            quantized: its input and output tensors may be int8, uint8 or float32.
            float_tflite: float32 file of the same network.
            float_output: whether a kept last layer makes the network's output float32 too.
        """
        self._files = quantized, float_tflite
        self._float_output = float_output
        ours, theirs = unpack(quantized), unpack(float_tflite)
        everything = read_layers(quantized)
        pairs = match_layers(everything, read_layers(float_tflite))
        twins = [pair for pair in pairs if _can_replace(ours, theirs, *pair)]
        self.layers = tuple(layer for layer, _ in twins)
        self._twins = {layer.index: twin.index for layer, twin in twins}
        self._passive = {layer.index for layer in everything if layer.op in PASSIVE}
        self._chains = _chains(self.layers, everything)
        self._readers = _readers(everything)

    def keep(self, kept: Collection[int]) -> bytes:
        """Return the int8 file with the layers of these indices (`Layer.index`) in float32."""
        ours, theirs = (unpack(file) for file in self._files)
        twins = {index: self._twins[index] for index in self.joined(kept)}
        graft(ours, theirs, twins, float_output=self._float_output)
        return pack(ours)

    def around(self, layer: Layer) -> frozenset[int]:
        """Return what must be kept for a layer's output to stay in float32: it and its readers."""
        whole, edge = {layer.index}, [layer.index]
        while edge:
            for reader in self._readers.get(edge.pop(), set()) - whole:
                whole.add(reader)
                if reader in self._passive:
                    edge.append(reader)
        return frozenset(whole & self._twins.keys())

    def joined(self, kept: Collection[int]) -> frozenset[int]:
        """Return `kept` with the layers between them that only move numbers."""
        whole = set(kept)
        for members, around in self._chains:
            if around <= whole:
                whole |= members
        return frozenset(whole)


def _readers(layers: Sequence[Layer]) -> dict[int, set[int]]:
    """Return, for each layer, those that read its output."""
    makers = {layer.output: layer.index for layer in layers}
    readers: dict[int, set[int]] = {}
    for layer in layers:
        for tensor in layer.inputs:
            if tensor in makers:
                readers.setdefault(makers[tensor], set()).add(layer.index)
    return readers


def _can_replace(ours: Any, theirs: Any, layer: Layer, twin: Layer) -> bool:
    """Whether a layer gives integers, its twin floats, and both take the same inputs."""
    graphs = ours.subgraphs[0], theirs.subgraphs[0]
    operators = graphs[0].operators[layer.index], graphs[1].operators[twin.index]
    variable = [
        [tensor >= 0 and not is_constant(model, tensor) for tensor in operator.inputs]
        for model, operator in zip((ours, theirs), operators, strict=True)
    ]
    types = [
        graph.tensors[operator.outputs[0]].type
        for graph, operator in zip(graphs, operators, strict=True)
    ]
    return (
        layer.scale > 0
        and types[1] == schema().TensorType.FLOAT32
        and _places(variable[0]) == _places(variable[1])
        and len(operators[0].outputs) == len(operators[1].outputs)
    )


def _places(flags: Sequence[bool]) -> list[int]:
    return [place for place, flag in enumerate(flags) if flag]


def _chains(
    layers: Iterable[Layer], everything: Iterable[Layer]
) -> list[tuple[frozenset[int], frozenset[int]]]:
    """Return the connected groups of passive layers, each with the layers around it.

    -1 stands for what can never be kept: the network's input and output, and layers without a twin.
    """
    able = {layer.index: layer for layer in layers}
    makers = {layer.output: layer.index for layer in everything}
    beside: dict[int, set[int]] = {index: set() for index in able}
    for layer in everything:
        for tensor in layer.inputs:
            maker = makers.get(tensor, -1)
            beside.setdefault(layer.index, set()).add(maker if maker in able else -1)
            beside.setdefault(maker, set()).add(layer.index if layer.index in able else -1)
    read = {tensor for layer in everything for tensor in layer.inputs}
    for index, layer in able.items():
        if layer.output not in read:
            beside[index].add(-1)
    passive = {index for index, layer in able.items() if layer.op in PASSIVE}
    return list(_groups(passive, beside))


def _groups(
    passive: set[int], beside: dict[int, set[int]]
) -> Iterable[tuple[frozenset[int], frozenset[int]]]:
    left = set(passive)
    while left:
        members, edge = set[int](), {left.pop()}
        while edge:
            members |= edge
            edge = {near for index in edge for near in beside[index]} & passive - members
        left -= members
        around = {near for index in members for near in beside[index]} - members
        yield frozenset(members), frozenset(around)
