"""Open a model, give it frames, get class maps at the frames' own size."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from types import TracebackType
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from edgeseg import kernels
from edgeseg.decode import decode, decode_class_map
from edgeseg.errors import ModelError
from edgeseg.flatbuffer import read_model
from edgeseg.heads import check_head, grid_on
from edgeseg.kernels_numpy_pictures import Layout
from edgeseg.manifest import Manifest, Size
from edgeseg.modelfile import ManifestOverrides, infer_manifest, override, read_manifest
from edgeseg.prepare import place, prepare, size_of
from edgeseg.runtimes import Runtime, default_threads, open_runtime
from edgeseg.tflite_metadata import read_hints

_Result = TypeVar("_Result")


@dataclass(frozen=True)
class StageTimes:
    """How long the stages of one frame took, in milliseconds."""

    prepare_ms: float
    infer_ms: float
    decode_ms: float


@dataclass(frozen=True)
class Segmentation:
    """The class map of a frame and what it took.

    Attributes:
        mask: class indices, uint8 [h, w], at the frame's size.
        times: of the stages.
        counts: how many pixels each class has, uint32 [classes]; None where the model itself gives
            classes instead of scores.
    """

    mask: NDArray[np.uint8]
    times: StageTimes
    counts: NDArray[np.uint32] | None = None


class Segmenter:
    """A .tflite model that turns frames into class maps.

    One thread at a time may use it, any thread. `prepare`, `infer` and `decode` are the three
    stages that `segment` runs.

    Attributes:
        path: the model's file.
        size_bytes: of that file.
        manifest: what the model is, from the file or guessed.
        guesses: without a manifest in the file, each guess with the flag that overrules it.
        runtime: what runs the network.
        pool: as many threads as the network has, for prepare, decode and what is done with the
            class map; they sleep while the network runs.
    """

    def __init__(
        self,
        model: Path,
        *,
        threads: int | None = None,
        runtime: str | None = None,
        overrides: ManifestOverrides | None = None,
    ) -> None:
        """Load a model.

        Args:
            model: a .tflite file.
            threads: of the network and the kernels; None means one per core, at most 4.
            runtime: one of `edgeseg.runtimes.NAMES`; None takes the first that is installed.
            overrides: what the user knows better than the file.

        Raises:
            ModelError: the file cannot be read, loaded or understood.
            ConfigError: the runtime is unknown or not installed, or a number makes no sense.
        """
        overrides = overrides or ManifestOverrides()
        data = read_model(model)
        own = read_manifest(data)
        size = overrides.input_size or (own.preparation.size if own else None)
        self.path = model
        self.size_bytes = len(data)
        self.runtime: Runtime = open_runtime(data, name=runtime, threads=threads, input_size=size)
        try:
            self.manifest, self.guesses = _describe(data, own, self.runtime, overrides)
            self.pool = kernels.Pool(min(threads or default_threads(), kernels.MAX_THREADS))
        except BaseException:
            self.runtime.close()
            raise

    def segment(
        self, frame: NDArray[Any], size: Size | None = None, *, layout: Layout = "bgr"
    ) -> Segmentation:
        """Return the class map of a frame (uint8 BGR [h, w, 3]; grey and BGRA are converted).

        Args:
            frame: the frame.
            size: of the class map; None is the frame's.
            layout: of the frame, as for `edgeseg.prepare.prepare`.

        Raises:
            SourceError: the frame is no such picture.
            ModelError: the model fails, or gives classes without a label.
        """
        # Written into the network's own input, and read from its own output.
        into = self.runtime.input_tensor()
        tensor, prepare_ms = _timed(lambda: self.prepare(frame, into, layout=layout))
        output, infer_ms = _timed(lambda: self.infer(tensor))
        own = size_of(frame, layout)
        gives_scores = self.manifest.head.kind != "class_map"
        counts = np.zeros(output.shape[3], np.uint32) if gives_scores else None
        mask, decode_ms = _timed(lambda: self.decode(output, own, size, counts=counts))
        return Segmentation(mask, StageTimes(prepare_ms, infer_ms, decode_ms), counts)

    def prepare(
        self, frame: NDArray[Any], out: NDArray[Any] | None = None, *, layout: Layout = "bgr"
    ) -> NDArray[Any]:
        """Return the input tensor of a frame; see `edgeseg.prepare.prepare`."""
        preparation, inputs = self.manifest.preparation, self.runtime.inputs
        return prepare(frame, preparation, inputs, out, layout=layout, pool=self.pool)

    def infer(self, tensor: NDArray[Any]) -> NDArray[Any]:
        """Return the network's output, valid until the next `infer`.

        Raises:
            ModelError: the tensor does not fit, or the model fails.
        """
        return self.runtime.infer(tensor)[0]

    def decode(
        self,
        output: NDArray[Any],
        frame: Size,
        size: Size | None = None,
        *,
        counts: NDArray[np.uint32] | None = None,
    ) -> NDArray[np.uint8]:
        """Return the class map of a network output, uint8 [height, width] of `size`.

        Args:
            output: of `infer`.
            frame: the frame's size.
            size: of the class map; None is the frame's. Scores are brought to it at once.
            counts: written to as well where the model gives scores, uint32 [classes]: how many
                pixels each class has.

        Raises:
            ModelError: the model gives classes without a label.
        """
        cells = Size(output.shape[2], output.shape[1])
        placement = place(frame, self.manifest.preparation)
        out = size or frame
        grid = grid_on(self.manifest, cells, out, placement)
        if self.manifest.head.kind != "class_map":
            # The greatest probability and the greatest logit are the same class.
            mode = self.manifest.head.to_frame
            return decode(output[0], out, grid, mode, counts=counts, pool=self.pool)
        mask = decode_class_map(output.reshape(cells.height, cells.width), out, grid)
        self._check_classes(mask)
        return mask

    def close(self) -> None:
        """Give the network's memory back and end the kernels' threads."""
        self.runtime.close()
        self.pool.close()

    def __enter__(self) -> Segmenter:
        """Return the segmenter itself."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close it."""
        self.close()

    def _check_classes(self, mask: NDArray[np.uint8]) -> None:
        highest, count = int(mask.max()), len(self.manifest.labels)
        if highest >= count:
            raise ModelError(
                f"the model gives class {highest}, but there are {count} labels; give all with "
                "--labels FILE"
            )


def open_segmenter(
    model: str | Path | None = None,
    *,
    threads: int | None = None,
    runtime: str | None = None,
    overrides: ManifestOverrides | None = None,
) -> Segmenter:
    """Open a model by its file, or by its name in the zoo; None is the zoo's default.

    Raises:
        ModelError: no such file or name, or as `Segmenter`.
        ConfigError: as `Segmenter`.
    """
    return Segmenter(locate(model), threads=threads, runtime=runtime, overrides=overrides)


def locate(model: str | Path | None) -> Path:
    """Return the .tflite file that `model` means; a file goes before a zoo name.

    Raises:
        ModelError: it is neither a file's path nor a name in the zoo.
    """
    if model is not None:
        path = Path(model)
        if isinstance(model, Path) or path.suffix or path.exists() or len(path.parts) > 1:
            return path
    from edgeseg.zoo import resolve_tflite

    return resolve_tflite(None if model is None else str(model))


def _describe(
    data: bytes, own: Manifest | None, runtime: Runtime, overrides: ManifestOverrides
) -> tuple[Manifest, tuple[str, ...]]:
    guesses: tuple[str, ...] = ()
    if own is None:
        hints = read_hints(data)
        manifest, guesses = infer_manifest(runtime.inputs, runtime.outputs, overrides, hints)
    else:
        manifest = override(own, overrides)
    _check_input(manifest, runtime)
    if len(runtime.outputs) != 1:
        raise ModelError(f"the model has {len(runtime.outputs)} outputs, expected one")
    check_head(manifest, runtime.outputs[0])
    return manifest, guesses


def _check_input(manifest: Manifest, runtime: Runtime) -> None:
    width, height = manifest.preparation.size
    if runtime.inputs.shape != (1, height, width, 3):
        raise ModelError(
            f"the model's input is fixed at {list(runtime.inputs.shape)}, not {width}x{height}; "
            "convert it again with --input-size"
        )


def _timed(stage: Callable[[], _Result]) -> tuple[_Result, float]:
    start_s = perf_counter()
    result = stage()
    return result, (perf_counter() - start_s) * 1000.0
