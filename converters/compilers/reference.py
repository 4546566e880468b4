"""Files as LiteRT's reference kernels want them."""

from __future__ import annotations

# The kernel has int8, which version 2 stands for; the list of reference kernels (LiteRT 2.3.0) has
# version 1 alone.
_UNDERSTATED = ("DEPTH_TO_SPACE",)


def as_reference_wants(model: bytes) -> bytes:
    """Return a model with the operator versions that LiteRT's list of reference kernels has."""
    import flatbuffers
    from ai_edge_litert import schema_py_generated as schema

    parsed = schema.ModelT.InitFromPackedBuf(model, 0)
    numbers = {getattr(schema.BuiltinOperator, name) for name in _UNDERSTATED}
    high = [
        code for code in parsed.operatorCodes if code.builtinCode in numbers and code.version > 1
    ]
    if not high:
        return model
    for code in high:
        code.version = 1
    builder = flatbuffers.Builder(len(model))
    builder.Finish(parsed.Pack(builder), b"TFL3")
    return bytes(builder.Output())
