"""Write the manifest into a .tflite file, which stays a plain one for every other tool."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgeseg.manifest import METADATA_NAME, Manifest

from .flatbuffer import schema
from .freeze import INPUT

_IDENTIFIER = b"TFL3"
_ALIGNMENT = 16  # the schema's force_align of buffer data, which runtimes count on


def embed_manifest(tflite: bytes, manifest: Manifest) -> bytes:
    """Return `tflite` with `manifest` as flatbuffer metadata, in place of one it already has.

    A file without a signature gets one as well.
    """
    import flatbuffers

    model = schema().ModelT.InitFromPackedBuf(tflite, 0)
    _put(model, manifest.to_json().encode())
    if not model.signatureDefs:
        model.signatureDefs = [_signature(model.subgraphs[0], manifest.head.kind)]
    model.buffers = [_AlignedBuffer(buffer) for buffer in model.buffers]
    builder = flatbuffers.Builder(len(tflite) + 4096)
    builder.Finish(model.Pack(builder), _IDENTIFIER)
    return bytes(builder.Output())


def _put(model: Any, text: bytes) -> None:
    data = np.frombuffer(text, dtype=np.uint8)
    model.metadata = model.metadata or []
    for entry in model.metadata:
        if entry.name in (METADATA_NAME, METADATA_NAME.encode()):
            model.buffers[entry.buffer].data = data
            return
    entry = schema().MetadataT()
    entry.name = METADATA_NAME
    entry.buffer = len(model.buffers)
    model.metadata.append(entry)
    buffer = schema().BufferT()
    buffer.data = data
    model.buffers.append(buffer)


def _signature(graph: Any, output: str) -> Any:
    """Return the signature that other tools call the network by: "image" to e.g. "logits"."""
    signature = schema().SignatureDefT()
    signature.signatureKey = "serving_default"  # TensorFlow's usual name
    signature.subgraphIndex = 0
    signature.inputs = [_named(INPUT, graph.inputs[0])]
    signature.outputs = [_named(output, graph.outputs[0])]
    return signature


def _named(name: str, tensor: int) -> Any:
    entry = schema().TensorMapT()
    entry.name, entry.tensorIndex = name, int(tensor)
    return entry


class _AlignedBuffer:
    """A buffer that keeps its 16-byte alignment; the generated Python packer keeps only 4."""

    def __init__(self, buffer: Any) -> None:
        self._buffer = buffer

    def Pack(self, builder: Any) -> int:  # noqa: N802  # the generated packer calls this name
        made = schema()
        data = self._buffer.data
        start = None if data is None else _vector(builder, np.asarray(data, dtype=np.uint8))
        made.BufferStart(builder)
        if start is not None:
            made.BufferAddData(builder, start)
        made.BufferAddOffset(builder, self._buffer.offset)
        made.BufferAddSize(builder, self._buffer.size)
        return int(made.BufferEnd(builder))


def _vector(builder: Any, data: NDArray[np.uint8]) -> int:
    builder.StartVector(1, len(data), _ALIGNMENT)
    builder.head = builder.Head() - len(data)
    builder.Bytes[builder.Head() : builder.Head() + len(data)] = data.tobytes()
    return int(builder.EndVector())
