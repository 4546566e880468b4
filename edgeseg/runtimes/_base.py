"""What every runtime offers: tensors described, one call that infers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

from numpy.typing import NDArray


@dataclass(frozen=True)
class TensorSpec:
    """One input or output tensor of a model.

    Attributes:
        shape: all dimensions known and positive.
        dtype: NumPy name: `float32`, `int8`, `uint8`, `int16`, `int32` or `int64`.
        scale: real value = (stored - zero_point) * scale; 0.0 when the tensor is not quantized.
        zero_point: the stored value that stands for 0.0.
        name: as the model file calls it.
    """

    shape: tuple[int, ...]
    dtype: str
    scale: float = 0.0
    zero_point: int = 0
    name: str = ""


class Runtime(Protocol):
    """A loaded model. Not thread-safe: one thread at a time, any thread.

    Attributes:
        name: runtime, version and kernels, for example `litert 2.3.0 (XNNPACK)`.
        inputs: the one input tensor.
        outputs: all output tensors, in the model's order.
        threads: how many threads the kernels use.
    """

    name: str
    inputs: TensorSpec
    outputs: tuple[TensorSpec, ...]
    threads: int

    def input_tensor(self) -> NDArray[Any]:
        """Return a view of the input tensor's own memory, to be filled and given to `infer`.

        That saves a copy. It is valid until the next `infer`, which may move it.

        Raises:
            ModelError: the model was closed.
        """
        ...

    def infer(self, tensor: NDArray[Any]) -> list[NDArray[Any]]:
        """Run the model on a tensor of `inputs`' shape and dtype, best that of `input_tensor`.

        Returns:
            One array per output. They may be views of the runtime's own memory: read them before
            the next `infer`, or copy them.

        Raises:
            ModelError: the tensor does not fit, or the runtime failed.
        """
        ...

    def close(self) -> None:
        """Give the memory back; further calls of `infer` raise ModelError."""
        ...
