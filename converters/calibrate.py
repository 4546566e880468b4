"""Which frames set the activation ranges, and which others the proof is held on."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgeseg.errors import DataError
from edgeseg.labels import STREET
from edgeseg.manifest import Preparation
from edgeseg.masks import Pair, check_masks, find_pairs
from edgeseg.prepare import prepare
from edgeseg.runtimes import TensorSpec

from .coverage import frame_warnings
from .frames import Images, Pool, Streets, open_pool
from .likeness import choose, thumbnail
from .load import Network
from .options import CALIBRATED, ConvertOptions

# One frame in six is held out for the proof, within these bounds.
_PROOF_SHARE = 5
_PROOF_FRAMES = (8, 50)

# Calibration frames are chosen among so many at most: reading them is what the choice costs.
_LOOKED_AT = 400

Samples = Callable[[], Iterator[list[NDArray[Any]]]]


@dataclass(frozen=True)
class FramePlan:
    """The pictures of one conversion.

    Attributes:
        pool: where they come from.
        calibration, proof: numbers in the pool, disjoint where the pool has two pictures.
        ignore: the value of void pixels in the pool's class maps.
        has_truth: whether the pool's class maps are those of the network's classes.
        notes: what the user should know about them.
        warnings: why they may not cover what the camera will see.
    """

    pool: Pool
    calibration: tuple[int, ...]
    proof: tuple[int, ...]
    ignore: int
    has_truth: bool
    notes: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()

    @property
    def calibrated_on(self) -> str:
        """What set the ranges, for the report."""
        if not self.calibration:
            return "nothing, this precision needs no calibration"
        out_of = "" if isinstance(self.pool, Streets) else f" of {self.pool.length}"
        return f"{len(self.calibration)}{out_of} {self.pool.name}"

    @property
    def proven_on(self) -> str:
        """What the proof is held on, for the report."""
        masks = " with masks" if isinstance(self.pool, Images) and self.pool.masks else ""
        return f"{len(self.proof)} held-out {self.pool.name}{masks}"


def plan_frames(options: ConvertOptions, network: Network) -> FramePlan:
    """Choose frames for the proof, evenly spread, and others for calibration.

    Half of those that calibrate are evenly spread too, the rest are as unlike them as possible.

    Raises:
        DataError: there are no frames, or the masks given do not fit them.
        SourceError: a video cannot be opened.
    """
    street = network.manifest.labels == STREET.names
    ignore = STREET.ignore if street and STREET.ignore is not None else 255
    pool, notes = _open(options, street)
    count = options.frames if options.precision in CALIBRATED else 0
    calibration, proof = split(pool.length, count)
    if isinstance(pool, Images):
        classes = len(network.manifest.labels)
        pool = _with_checked_masks(pool, proof, options, classes, ignore)
    if set(calibration) & set(proof):
        notes += ("there is one frame only: the proof uses the one that calibrated",)
    warnings: tuple[str, ...] = ()
    if calibration and not isinstance(pool, Streets):
        calibration, warnings = _varied(pool, calibration, proof)
    has_truth = street or isinstance(pool, Images)
    return FramePlan(pool, calibration, proof, ignore, has_truth, notes, warnings)


def split(available: int, frames: int) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Return numbers for calibration and proof out of `available`, all evenly spread.

    At most `frames` calibrate; with 0 there are only proof frames. One is held out for every five
    that calibrate, within bounds; of a small pool, every fourth. A pool of one serves for both.
    """
    least, most = _PROOF_FRAMES
    held = min(most, max(least, frames // _PROOF_SHARE), max(1, available // 4))
    if not frames or available == 1:
        proof = tuple(_spread(min(least, available), available))
        return proof if frames else (), proof
    total = min(available, frames + held)
    chosen = _spread(total, available)
    held_out = {chosen[place] for place in _spread(held, total)}
    return tuple(n for n in chosen if n not in held_out), tuple(sorted(held_out))


def _varied(
    pool: Pool, even: tuple[int, ...], proof: tuple[int, ...]
) -> tuple[tuple[int, ...], tuple[str, ...]]:
    """Return calibration frames that differ, as many as `even` has, and warnings about them."""
    looked_at = _candidates(pool.length, even, proof)
    shots = pool.read(looked_at, truth=False)
    thumbnails = {shot.index: thumbnail(shot.pixels) for shot in shots}
    if not thumbnails:
        return even, ()  # whoever reads them says why
    chosen = choose(thumbnails, even[::2], len(even))
    return chosen, frame_warnings([thumbnails[index] for index in chosen], pool)


def _candidates(available: int, even: tuple[int, ...], proof: tuple[int, ...]) -> set[int]:
    others = set(_spread(min(_LOOKED_AT, available), available)) - set(proof)
    return others | set(even)


def _spread(count: int, available: int) -> list[int]:
    """Return `count` of `available` numbers, each in the middle of its share."""
    return [(2 * index + 1) * available // (2 * count) for index in range(count)]


def samples(plan: FramePlan, preparation: Preparation) -> Samples:
    """Return the calibration tensors as TensorFlow's converter takes them.

    Each is a list of one float32 [1, h, w, 3], made by the same code as on the device.
    """

    def generate() -> Iterator[list[NDArray[Any]]]:
        used = 0
        for tensor in tensors(plan.pool, plan.calibration, preparation):
            used += 1
            yield [tensor]
        if not used:
            raise none_readable(plan.pool)

    return generate


def tensors(
    pool: Pool, indices: Collection[int], preparation: Preparation
) -> Iterator[NDArray[np.float32]]:
    """Yield the float network's input for pictures of a pool, float32 [1, h, w, 3] each."""
    spec = float_tensor(preparation)
    for shot in pool.read(indices, truth=False):
        yield prepare(shot.pixels, preparation, spec)


def float_tensor(preparation: Preparation) -> TensorSpec:
    """Return the float network's input."""
    width, height = preparation.size
    return TensorSpec((1, height, width, 3), "float32")


def none_readable(pool: Pool) -> DataError:
    """Return the error for a pool of which nothing could be read."""
    named = ", ".join(pool.unreadable[:5]) or "no frame could be decoded"
    return DataError(f"nothing readable among the {pool.name}: {named}; are they pictures?")


def _open(options: ConvertOptions, street: bool) -> tuple[Pool, tuple[str, ...]]:
    if options.calibration is not None:
        return open_pool(options.calibration, options.masks), ()
    if street:
        advice = "for your camera's pictures, give some of them with --calib DIR"
    else:
        advice = (
            "they show none of this model's classes, so ranges and agreement mean little: give "
            "real frames with --calib DIR"
        )
    return Streets(), (f"without --calib, rendered street frames were used; {advice}",)


def _with_checked_masks(
    pool: Images, proof: tuple[int, ...], options: ConvertOptions, classes: int, ignore: int
) -> Images:
    """Check the masks of the proof frames; take those beside the images where none were named."""
    if options.masks is not None:
        check_masks([Pair(f, pool.masks[f]) for f in _files(pool, proof)], classes, ignore)
        return pool
    try:
        pairs = {pair.image: pair.mask for pair in find_pairs(pool.files[0].parent)}
        check_masks([Pair(f, pairs[f]) for f in _files(pool, proof)], classes, ignore)
    except (DataError, KeyError):
        return pool  # nobody asked for these masks, so nobody misses them
    return Images(pool.name, pool.files, pairs)


def _files(pool: Images, indices: tuple[int, ...]) -> list[Any]:
    return [pool.files[int(index)] for index in np.unique(indices)]
