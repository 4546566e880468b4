"""One fixed input shape: the only form whose every tensor has a size known in advance."""

from __future__ import annotations

from typing import Any

from edgeseg.errors import ModelError
from edgeseg.manifest import Size


def static_batch(model: Any, size: Size) -> Any:
    """Return `model` on an input of exactly [1, size.height, size.width, 3], sharing its weights.

    With an open batch a transposed convolution computes its output shape at run time, which
    delegates refuse.

    Raises:
        ModelError: the graph does not take a batch of one.
    """
    return _on_input(model, size, batch=1)


def with_input_size(model: Any, size: Size) -> Any:
    """Return `model` for another input size, where its graph allows it; the batch stays open.

    Weights are shared where the model leaves its size open, and copied otherwise.

    Raises:
        ModelError: a layer depends on the size that the model was built for.
    """
    before = tuple(model.inputs[0].shape[1:3])
    if before == (size.height, size.width):
        return model
    try:
        opened = model if None in before else _opened(model)
    except Exception as error:
        raise _refused(size, error) from error
    resized = _on_input(opened, size, batch=None)
    _check_scaled(model, resized, size)
    return resized


def _on_input(model: Any, size: Size, batch: int | None) -> Any:
    import keras

    image = keras.Input((size.height, size.width, 3), batch_size=batch, name="image")
    try:
        return keras.Model(image, model(image, training=False))
    except Exception as error:
        raise _refused(size, error) from error


def _opened(model: Any) -> Any:
    """Return a copy of `model` whose inputs, those of nested models too, take any size."""
    copy = type(model).from_config(_with_open_inputs(model.get_config()))
    copy.set_weights(model.get_weights())
    return copy


def _with_open_inputs(config: Any) -> Any:
    if isinstance(config, list):
        return [_with_open_inputs(part) for part in config]
    if not isinstance(config, dict):
        return config
    opened = {key: _with_open_inputs(value) for key, value in config.items()}
    shape = opened.get("batch_shape")
    if isinstance(shape, (list, tuple)) and len(shape) == 4:
        opened["batch_shape"] = [None, None, None, shape[3]]
    # Layers are built again from the new shapes; a stale one would be checked against.
    opened.pop("build_config", None)
    opened.pop("build_input_shape", None)
    return opened


def _check_scaled(before: Any, after: Any, size: Size) -> None:
    """A layer with a size of its own (Resizing) may give the old output size for a new input."""
    old_in, old_out = before.inputs[0].shape[1:3], before.outputs[0].shape[1:3]
    if None in old_in or None in old_out:
        return
    new_in, new_out = after.inputs[0].shape[1:3], after.outputs[0].shape[1:3]
    strides = [
        {max(1, round(i / o)) for i, o in zip(pixels, cells, strict=True)}
        for pixels, cells in ((old_in, old_out), (new_in, new_out))
    ]
    if strides[0] != strides[1]:
        raise ModelError(
            f"the model does not take --input-size {size}: its output stays "
            f"{new_out[1]}x{new_out[0]}; a layer holds a fixed size"
        )


def _refused(size: Size, error: Exception) -> ModelError:
    lines = str(error).strip().splitlines() or [repr(error)]
    return ModelError(
        f"the model does not take {size} pictures: {lines[0][:300]}; "
        "build it for that size, or give another --input-size"
    )
