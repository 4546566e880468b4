"""Write the manifest into a .tflite file, which stays a plain one for every other tool."""

from __future__ import annotations

from typing import Any

import numpy as np

from edgeseg.manifest import METADATA_NAME, Manifest

from .flatbuffer import pack, schema, unpack
from .freeze import INPUT


def embed_manifest(tflite: bytes, manifest: Manifest) -> bytes:
    """Return `tflite` with `manifest` as flatbuffer metadata, in place of one it already has.

    A file without a signature gets one as well.
    """
    model = unpack(tflite)
    _put(model, manifest.to_json().encode())
    if not model.signatureDefs:
        model.signatureDefs = [_signature(model.subgraphs[0], manifest.head.kind)]
    return pack(model)


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
