"""The comparison every conversion ends with: the float network against the new file."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from edgeseg import metrics
from edgeseg.decode import decode, decode_class_map
from edgeseg.errors import GateError
from edgeseg.heads import grid_on
from edgeseg.manifest import Head, Manifest, Preparation, Size
from edgeseg.prepare import place, prepare

from .calibrate import FramePlan, float_tensor, none_readable
from .frames import Shot

ClassMap = NDArray[np.uint8]


class Reference(Protocol):
    """The float network with its full head."""

    @property
    def head(self) -> Head:
        """What its output is."""

    def logits(self, tensor: NDArray[Any]) -> NDArray[Any]:
        """Return float32 [h, w, classes] of float32 [1, H, W, 3]."""


class Contender(Protocol):
    """What is held against it: a file in a Segmenter, or a float network that was rewritten."""

    @property
    def manifest(self) -> Manifest:
        """With the head that its output is."""

    def prepare(self, frame: NDArray[Any]) -> NDArray[Any]:
        """Return a frame as its input."""

    def infer(self, tensor: NDArray[Any]) -> NDArray[Any]:
        """Return its output."""

    def decode(
        self, output: NDArray[Any], frame: Size, size: Size | None = None
    ) -> NDArray[np.uint8]:
        """Return the class map of an output."""


@dataclass(frozen=True)
class Proof:
    """What the comparison found.

    Agreement is counted at the size of the network's input, where the float network's full head
    defines every pixel; mIoU at the masks' size, as the device will see it.

    Attributes:
        on: which frames.
        frames: how many.
        agreement: share of equal pixels, the mean over the frames.
        worst, worst_frame: the lowest of the frames, and its name.
        per_class: share of the float network's pixels of a class on which the file agrees; classes
            that the float network does not show are left out.
        classes_seen, classes: how many classes the float network shows, of how many.
        classes_found: how many the file shows.
        mean_iou_float, mean_iou: against the masks, None without them.
        runtime: which runtime and kernels the file ran in.
    """

    on: str
    frames: int
    agreement: float
    worst: float
    worst_frame: str
    per_class: Mapping[str, float]
    classes_seen: int
    classes: int
    classes_found: int
    mean_iou_float: float | None
    mean_iou: float | None
    runtime: str

    @property
    def drop(self) -> float:
        """Points lost: of mIoU where the frames have masks, else of agreement."""
        if self.mean_iou is None or self.mean_iou_float is None:
            return 100 * (1 - self.agreement)
        return 100 * (self.mean_iou_float - self.mean_iou)

    @property
    def drop_of(self) -> str:
        """What `drop` counts."""
        return "pixel agreement" if self.mean_iou is None else "mIoU"

    def to_json(self) -> dict[str, Any]:
        """Return the figures for the manifest."""
        return asdict(self)


def prove(reference: Reference, contender: Contender, plan: FramePlan, runtime: str) -> Proof:
    """Run both on the held-out frames, through the device's own preparation and decode.

    Args:
        reference: the float network.
        contender: what is held against it.
        plan: which frames.
        runtime: what runs the contender.

    Raises:
        GateError: an output is not finite.
        DataError: no frame could be read.
    """
    tally = Tally(contender.manifest)
    for shot, pair in compared(reference, contender, plan):
        tally.add(shot, pair, plan.ignore)
    return tally.proof(plan.proven_on, runtime)


def compared(
    reference: Reference, contender: Contender, plan: FramePlan
) -> Iterator[tuple[Shot, Compared]]:
    """Yield the held-out frames, one at least, each with what both networks make of it.

    Raises:
        GateError: an output is not finite.
        DataError: no frame could be read.
    """
    found = False
    for shot in plan.pool.read(plan.proof, truth=plan.has_truth):
        found = True
        yield shot, _pair(reference, contender, shot)
    if not found:
        raise none_readable(plan.pool)


@dataclass(frozen=True)
class Compared:
    """What both networks make of one frame.

    Attributes:
        expected, found: class maps at the size of the network's input, where the full head defines
            every pixel; without the borders of a letterbox.
        expected_frame, found_frame: at frame size, for comparison with masks; None without one.
    """

    expected: ClassMap
    found: ClassMap
    expected_frame: ClassMap | None = None
    found_frame: ClassMap | None = None


def _pair(reference: Reference, contender: Contender, shot: Shot) -> Compared:
    preparation = contender.manifest.preparation
    logits = reference.logits(prepare(shot.pixels, preparation, float_tensor(preparation)))
    output = contender.infer(contender.prepare(shot.pixels))
    _check_finite(logits, output, shot)
    frame, size = Size(*shot.pixels.shape[1::-1]), preparation.size
    inner = _inner(frame, preparation)
    expected = _expected(reference, contender.manifest, logits, size)[inner]
    found = contender.decode(output, size)[inner]
    if shot.truth is None:
        return Compared(expected, found)
    expected_frame = _expected(reference, contender.manifest, logits, frame)
    return Compared(expected, found, expected_frame, contender.decode(output, frame))


def _inner(frame: Size, preparation: Preparation) -> tuple[slice, slice]:
    placed = place(frame, preparation)
    rows = slice(int(placed.y), int(placed.y + placed.height))
    return rows, slice(int(placed.x), int(placed.x + placed.width))


def _expected(
    reference: Reference, manifest: Manifest, logits: NDArray[Any], out: Size
) -> ClassMap:
    """Return the float network's class map at `out` pixels."""
    head, cells = reference.head, Size(logits.shape[1], logits.shape[0])
    grid = grid_on(replace(manifest, head=head), cells, out, place(out, manifest.preparation))
    if manifest.head.kind == "class_map":  # a class map comes to the frame by its nearest cell
        return decode_class_map(logits.argmax(axis=-1), out, grid)
    return decode(logits, out, grid, head.to_frame)


def _check_finite(logits: NDArray[Any], output: NDArray[Any], shot: Shot) -> None:
    if not np.isfinite(logits).all():
        raise GateError(
            "the float network itself gives NaN or infinite values; no file was written. Check its "
            "weights and --normalize"
        )
    if not np.isfinite(output).all():
        raise GateError(
            f"the converted file gives NaN or infinite values on {shot.name}; no file was written. "
            "Take another precision"
        )


class Tally:
    """Sums over the frames.

    Attributes:
        shares: agreement of each frame, with its name.
        together: pixels by the float network's class (rows) and the file's (columns).
        truth_float, truth_file: pixels by the mask's class (rows) and each network's.
    """

    def __init__(self, manifest: Manifest) -> None:
        """Begin at nothing."""
        classes = len(manifest.labels)
        self.labels = manifest.labels
        self.shares: list[tuple[float, str]] = []
        self.together = np.zeros((classes, classes), np.int64)
        self.truth_float = np.zeros_like(self.together)
        self.truth_file = np.zeros_like(self.together)

    def add(self, shot: Shot, pair: Compared, ignore: int) -> None:
        """Count a frame."""
        classes = len(self.labels)
        self.shares.append((float(metrics.agreement(pair.expected, pair.found)), shot.name))
        self.together += metrics.confusion(pair.expected, pair.found, classes)
        for total, map_ in (
            (self.truth_float, pair.expected_frame),
            (self.truth_file, pair.found_frame),
        ):
            if shot.truth is not None and map_ is not None:
                total += metrics.confusion(shot.truth, map_, classes, ignore)

    def proof(self, on: str, runtime: str) -> Proof:
        """Return the figures; there must be a frame."""
        worst, worst_frame = min(self.shares)
        rows = self.together.sum(axis=1)
        known = bool(self.truth_file.any())
        return Proof(
            on=on,
            frames=len(self.shares),
            agreement=_rounded(np.mean([share for share, _ in self.shares])),
            worst=_rounded(worst),
            worst_frame=worst_frame,
            per_class={
                label: _rounded(self.together[i, i] / rows[i])
                for i, label in enumerate(self.labels)
                if rows[i]
            },
            classes_seen=int((rows > 0).sum()),
            classes=len(self.labels),
            classes_found=int(self.together.any(axis=0).sum()),
            mean_iou_float=_rounded(metrics.mean_iou(self.truth_float)) if known else None,
            mean_iou=_rounded(metrics.mean_iou(self.truth_file)) if known else None,
            runtime=runtime,
        )


def _rounded(value: Any) -> float:
    return round(float(value), 6)
