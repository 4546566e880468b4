"""Folders of images and index masks: finding the pairs, and which of them can be used."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from edgeseg.errors import DataError
from edgeseg.manifest import Size
from edgeseg.pictures import IMAGE_SUFFIXES, from_colors, read_image, read_mask

__all__ = [
    "IMAGE_SUFFIXES",
    "Pair",
    "Usable",
    "check_masks",
    "find_pairs",
    "from_colors",
    "match_pairs",
    "read_image",
    "read_mask",
    "same_shape",
    "usable_pairs",
]

_NAMED_REASONS = 10
_VALUES = 256  # that a pixel of a mask can have


@dataclass(frozen=True)
class Pair:
    """An image file and the index mask of the same name."""

    image: Path
    mask: Path


class Usable(NamedTuple):
    """What can be used of a set of images and masks.

    Attributes:
        pairs: the good ones, in the order of the image names.
        counts: how many pixels each class has in them, int64 [num_classes]; none for `ignore`.
        reasons: why the others cannot be used, each naming its file.
    """

    pairs: list[Pair]
    counts: NDArray[np.int64]
    reasons: tuple[str, ...]


def usable_pairs(
    source: Path | Sequence[Pair],
    num_classes: int,
    ignore: int | None,
    *,
    skip_bad: bool = False,
    split: str = "train",
    same_size: bool = True,
    known: Sequence[str] = (),
    can_skip: bool = True,
) -> Usable:
    """Read every image and mask once, and return those that can be used.

    Args:
        source: a folder (see `find_pairs`) or pairs found already.
        num_classes: masks hold 0 to this, exclusive.
        ignore: or this value (void).
        skip_bad: leave bad pairs out and return why, instead of raising.
        split: the part of the folder.
        same_size: whether a mask must have its image's size, as for training, or only its shape
            (see `same_shape`).
        known: reasons found before, by `match_pairs`, to be told with the others.
        can_skip: whether the caller has a way to ask for `skip_bad`, which the error then names.

    Raises:
        DataError: there is nothing to use, or, without `skip_bad`, something that cannot be used:
            an image without a mask, a mask without an image, two files of one name, a file that is
            no picture, damaged or cut short, a mask that is no index mask, has unknown values or
            another size. The first ten are named, the others counted.
    """
    if isinstance(source, Path):
        pairs, found = match_pairs(source, split)
    else:
        pairs, found = list(source), ()
    counts = np.zeros(num_classes, np.int64)
    good, reasons = [], [*known, *found]
    for pair, checked in zip(pairs, _check_all(pairs, num_classes, ignore, same_size), strict=True):
        if checked.reasons:
            reasons.append(", and ".join(checked.reasons))
        else:
            good.append(pair)
            counts[:_VALUES] += checked.histogram[:num_classes]
    if reasons and not (skip_bad and good):
        skip = "; --skip-bad leaves them out" if good and can_skip else ""
        raise DataError(_summary(reasons, len(good)) + skip)
    if ignore is not None and ignore < num_classes:
        counts[ignore] = 0
    return Usable(good, counts, tuple(reasons))


def check_masks(pairs: list[Pair], num_classes: int, ignore: int | None) -> NDArray[np.int64]:
    """Read every pair once and return how many pixels each class has, int64 [num_classes].

    Raises:
        DataError: as `usable_pairs` without `skip_bad`.
    """
    return usable_pairs(pairs, num_classes, ignore, can_skip=False).counts


def find_pairs(folder: Path, split: str = "train") -> list[Pair]:
    """Find images and masks of equal stem in one of the layouts that edgeseg knows.

    Those are `folder/train` with `folder/trainannot` (CamVid's; `split` names another part),
    `folder/images` with `folder/masks`, and a folder of images itself whose masks are its sibling
    (`train` beside `trainannot`, `images` beside `masks`). Masks without an image are left out.

    Raises:
        DataError: no such layout, no images, images without a mask, or several files of one stem.
    """
    found = _match(folder, split)
    if found.unmatched:
        raise DataError(_summary(found.unmatched, len(found.pairs)))
    return found.pairs


def match_pairs(folder: Path, split: str = "train") -> tuple[list[Pair], tuple[str, ...]]:
    """Find the pairs as `find_pairs` does, and return them with why the other files have no pair.

    Raises:
        DataError: no such layout, or no images.
    """
    found = _match(folder, split)
    return found.pairs, (*found.unmatched, *found.spare)


def same_shape(a: Size, b: Size) -> bool:
    """Return whether two sizes have one ratio of width to height, to within a rounded pixel."""
    if a.width < b.width:
        a, b = b, a
    return abs(a.height * b.width / a.width - b.height) <= 1


class _Matched(NamedTuple):
    """The pairs of two folders; why some images are in none; and why some masks are."""

    pairs: list[Pair]
    unmatched: list[str]
    spare: list[str]


def _match(folder: Path, split: str) -> _Matched:
    image_folder, mask_folder = _layout(folder, split)
    images, masks = _by_stem(image_folder), _by_stem(mask_folder)
    if not images:
        raise DataError(f"no images in {image_folder}; expected files like 0001.png")
    if not masks:
        raise DataError(f"no masks in {mask_folder}; expected files like {next(iter(images))}.png")
    matched = _Matched([], [], [])
    for stem, files in images.items():
        has = masks.get(stem, [])
        if len(files) == len(has) == 1:
            matched.pairs.append(Pair(files[0], has[0]))
        elif not has:
            matched.unmatched.append(_no_mask(files[0], mask_folder, masks))
        else:
            several = files if len(files) > 1 else has
            what = "image" if len(files) > 1 else "mask"
            names = ", ".join(path.name for path in several)
            matched.unmatched.append(f"{several[0].parent} has {names} for one {what}")
    for stem, files in masks.items():
        if stem not in images:
            matched.spare.append(f"{files[0]} has no image {stem}.* in {image_folder}")
    return matched


def _no_mask(image: Path, folder: Path, masks: Iterable[str]) -> str:
    """Say what was looked for; a longer name is told but not taken, since it may be anything."""
    longer = next((stem for stem in masks if stem.startswith(image.stem)), None)
    hint = f" ({longer}.* is there; names must be equal)" if longer else ""
    return f"{image} has no mask {image.stem}.* in {folder}{hint}"


def _layout(folder: Path, split: str) -> tuple[Path, Path]:
    candidates = (
        (folder / split, folder / f"{split}annot"),
        (folder / "images", folder / "masks"),
        (folder, folder.with_name(f"{folder.name}annot")),
        (folder, folder.with_name("masks")),
    )
    for images, masks in candidates:
        if images != masks and images.is_dir() and masks.is_dir():
            return images, masks
    raise DataError(
        f"{folder} holds no images with masks; expected {split}/ beside {split}annot/ (CamVid's "
        "layout) or images/ beside masks/"
    )


def _by_stem(folder: Path) -> dict[str, list[Path]]:
    """Return the picture files of a folder, sorted; hidden ones are no pictures (macOS's ._*)."""
    found: dict[str, list[Path]] = defaultdict(list)
    for path in sorted(folder.iterdir()):
        if path.suffix.lower() in IMAGE_SUFFIXES and not path.name.startswith("."):
            found[path.stem].append(path)
    return dict(found)


class _Checked(NamedTuple):
    """Pixels of each value in a mask, int64 [_VALUES], and why the pair cannot be used."""

    histogram: NDArray[np.int64]
    reasons: list[str]


def _check_all(
    pairs: Sequence[Pair], num_classes: int, ignore: int | None, same_size: bool
) -> Iterable[_Checked]:
    """Check pairs in their order, on all cores: OpenCV decodes without holding the GIL."""
    from edgeseg.runtimes import usable_cores

    pool = ThreadPoolExecutor(usable_cores())
    try:
        yield from pool.map(lambda p: _check(p, num_classes, ignore, same_size), pairs)
    finally:
        pool.shutdown(cancel_futures=True)  # after Ctrl-C, read no more


def _check(pair: Pair, num_classes: int, ignore: int | None, same_size: bool) -> _Checked:
    image, image_reasons = _tried(read_image, pair.image)
    mask, mask_reasons = _tried(read_mask, pair.mask)
    reasons = image_reasons + mask_reasons
    if mask is None:
        return _Checked(np.zeros(_VALUES, np.int64), reasons)
    if image is not None:
        sizes = Size(*mask.shape[::-1]), Size(*image.shape[1::-1])
        if sizes[0] != sizes[1] if same_size else not same_shape(*sizes):
            reasons.append(f"{pair.mask} is {sizes[0]}, its image {sizes[1]}")
    histogram = np.bincount(mask.ravel(), minlength=_VALUES)
    reasons += _unknown_values(pair.mask, histogram, num_classes, ignore)
    return _Checked(histogram, reasons)


def _tried(
    read: Callable[[Path], NDArray[np.uint8]], path: Path
) -> tuple[NDArray[np.uint8] | None, list[str]]:
    try:
        return read(path), []
    except DataError as error:
        return None, [str(error)]


def _unknown_values(
    mask: Path, histogram: NDArray[np.int64], num_classes: int, ignore: int | None
) -> list[str]:
    odd = [int(v) for v in np.flatnonzero(histogram) if v >= num_classes and v != ignore]
    if not odd:
        return []
    void = "" if ignore is None else f" or {ignore} (void)"
    values = f"values {_first(map(str, odd))} ({int(histogram[odd].sum()):,} pixels)"
    return [f"{mask} has {values}, expected 0 to {num_classes - 1}{void}"]


def _first(names: Iterable[str], count: int = 5) -> str:
    names = list(names)
    return ", ".join(names[:count]) + (", ..." if len(names) > count else "")


def _summary(reasons: Sequence[str], good: int) -> str:
    named = "; ".join(reasons[:_NAMED_REASONS])
    more = len(reasons) - _NAMED_REASONS
    rest = f"; and {more} more" if more > 0 else ""
    colorful = any("has mode RGB" in reason for reason in reasons)
    advice = "; edgeseg.masks.from_colors maps colours to indices" if colorful else ""
    total = good + len(reasons)
    return f"{len(reasons)} of {total} pairs cannot be used: {named}{rest}{advice}"
