"""The one path through a TFLite `Interpreter`, shared by litert, tflite-runtime, TensorFlow."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgeseg.errors import ModelError
from edgeseg.flatbuffer import check_model, read_model
from edgeseg.manifest import Size
from edgeseg.runtimes._base import TensorSpec
from edgeseg.runtimes._coverage import kernels_in_use
from edgeseg.runtimes._stderr import no_chatter

Load = Callable[[bytes, int], Any]  # (model, threads) -> an Interpreter of that package


class InterpreterRuntime:
    """A TFLite model in an interpreter; see `edgeseg.runtimes.Runtime`."""

    def __init__(
        self,
        load: Load,
        model: Path | bytes,
        *,
        label: str,
        threads: int,
        input_size: Size | None = None,
    ) -> None:
        """Load the model, fix open dimensions and allocate its tensors.

        Raises:
            ModelError: the file cannot be read or loaded, or its input is not one tensor of known
                size.
        """
        data = model if isinstance(model, bytes) else read_model(model)
        check_model(data)
        self.threads = threads
        self._interpreter: Any = _loaded(load, data, threads, input_size)
        (given,) = self._interpreter.get_input_details()
        results = self._interpreter.get_output_details()
        self.inputs = _spec(given)
        self.outputs = tuple(_spec(result) for result in results)
        self.name = f"{label} ({kernels_in_use(self._interpreter)})"
        self._input_index = int(given["index"])
        self._peek_input: Any = self._interpreter.tensor(self._input_index)
        self._peeks = [self._interpreter.tensor(int(result["index"])) for result in results]

    def input_tensor(self) -> NDArray[Any]:
        """Return a view of the input's memory; see `edgeseg.runtimes.Runtime.input_tensor`.

        Raises:
            ModelError: the model was closed.
        """
        self._check_open()
        return _lend(self._peek_input(), self._interpreter)

    def infer(self, tensor: NDArray[Any]) -> list[NDArray[Any]]:
        """Run the model; see `edgeseg.runtimes.Runtime.infer`. The results are views.

        Raises:
            ModelError: the tensor does not fit, the runtime failed, or it was closed.
        """
        self._check_open()
        self._check(tensor)
        try:
            # A model with open shapes may move its tensors while it runs: so look each time.
            if not _is_same(tensor, self._peek_input()):
                self._interpreter.set_tensor(self._input_index, tensor)
            self._interpreter.invoke()
        except (ValueError, RuntimeError) as error:
            raise ModelError(f"the model failed while running: {_one_line(error)}") from error
        return [_lend(peek(), self._interpreter) for peek in self._peeks]

    def close(self) -> None:
        """Give the memory back, as soon as no result of `infer` is held any more."""
        self._interpreter = None
        self._peeks = []
        self._peek_input = None

    def _check_open(self) -> None:
        if self._interpreter is None:
            raise ModelError("this model was closed; open it again")

    def _check(self, tensor: NDArray[Any]) -> None:
        if tensor.shape != self.inputs.shape or tensor.dtype != self.inputs.dtype:
            raise ModelError(
                f"the model takes {self.inputs.dtype} {list(self.inputs.shape)}, "
                f"got {tensor.dtype} {list(tensor.shape)}"
            )


def _one_line(error: BaseException) -> str:
    """Return an exception's text without line breaks."""
    return " ".join(str(error).split()) or type(error).__name__


def _loaded(load: Load, data: bytes, threads: int, input_size: Size | None) -> Any:
    try:
        with no_chatter():
            interpreter = load(data, threads)
            _fix_input(interpreter, input_size)
            interpreter.allocate_tensors()
    except (ValueError, RuntimeError) as error:
        raise ModelError(_why_not_loaded(_one_line(error))) from error
    return interpreter


def _why_not_loaded(text: str) -> str:
    # The Flex and custom operators are the one cause with a cure that the user can type.
    if "custom op" in text.lower() or "select tensorflow op" in text.lower():
        return (
            f"the model uses an operator that this runtime does not have: {text}; convert it with "
            "built-in operators only (`edgeseg convert` does)"
        )
    return f"the runtime cannot load the model: {text}"


def _fix_input(interpreter: Any, input_size: Size | None) -> None:
    inputs = interpreter.get_input_details()
    if len(inputs) != 1:
        raise ModelError(f"the model has {len(inputs)} inputs; edgeseg runs models with one")
    shape = [int(side) for side in inputs[0].get("shape_signature", inputs[0]["shape"])]
    if len(shape) != 4 or not _is_open(shape):
        return
    if input_size is None:
        raise ModelError(
            "the model leaves its input size open; say which to use, for example "
            "--input-size 513x513"
        )
    fixed = [1, input_size.height, input_size.width, shape[3] if shape[3] > 0 else 3]
    interpreter.resize_tensor_input(int(inputs[0]["index"]), fixed)


def _is_open(shape: list[int]) -> bool:
    """Old converters wrote an open height and width as 1."""
    return min(shape) < 1 or shape[1:3] == [1, 1]


def _spec(details: Mapping[str, Any]) -> TensorSpec:
    scale, zero_point = details["quantization"]
    return TensorSpec(
        shape=tuple(int(side) for side in details["shape"]),
        dtype=np.dtype(details["dtype"]).name,
        scale=float(scale) if math.isfinite(scale) else 0.0,
        zero_point=int(zero_point),
        name=str(details["name"]),
    )


class _Loan:
    """Memory of an interpreter, offered to NumPy through the array interface."""

    def __init__(self, view: NDArray[Any], owner: Any) -> None:
        self.__array_interface__ = view.__array_interface__
        self.owner = owner


def _lend(view: NDArray[Any], owner: Any) -> NDArray[Any]:
    """Return a view that keeps the interpreter alive but does not bar its next `invoke`.

    `Interpreter.tensor()` gives a view that makes `invoke` raise for as long as the caller holds
    it; `get_tensor` copies, which costs milliseconds for logits of the full size.
    """
    return np.asarray(_Loan(view, owner))


def _is_same(one: NDArray[Any], other: NDArray[Any]) -> bool:
    """Whether two arrays of one shape and type are the same memory."""
    places = (array.__array_interface__["data"][0] for array in (one, other))
    return one.strides == other.strides and len(set(places)) == 1
