"""Folders of images and index masks: finding the pairs and reading them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from edgeseg.errors import DataError
from edgeseg.manifest import Size

IMAGE_SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".webp", ".tif", ".tiff")


@dataclass(frozen=True)
class Pair:
    """An image file and the index mask of the same name."""

    image: Path
    mask: Path


def find_pairs(folder: Path, split: str = "train") -> list[Pair]:
    """Find images and masks of equal stem in one of the layouts that edgeseg knows.

    Those are `folder/train` with `folder/trainannot` (CamVid's; `split` names another part),
    `folder/images` with `folder/masks`, and a folder of images itself whose masks are its sibling
    (`train` beside `trainannot`, `images` beside `masks`).

    Raises:
        DataError: no such layout, no images, or images without a mask; all of them named.
    """
    images, masks = _layout(folder, split)
    by_stem = {path.stem: path for path in _pictures(masks)}
    found = _pictures(images)
    if not found:
        raise DataError(f"no images in {images}; expected files like 0001.png")
    lonely = [path.name for path in found if path.stem not in by_stem]
    if lonely:
        raise DataError(
            f"{len(lonely)} of {len(found)} images in {images} have no mask of the same name in "
            f"{masks}: {_first(lonely)}"
        )
    return [Pair(path, by_stem[path.stem]) for path in found]


def _layout(folder: Path, split: str) -> tuple[Path, Path]:
    candidates = (
        (folder / split, folder / f"{split}annot"),
        (folder / "images", folder / "masks"),
        (folder, folder.with_name(f"{folder.name}annot")),
        (folder, folder.with_name("masks")),
    )
    for images, masks in candidates:
        if images.is_dir() and masks.is_dir():
            return images, masks
    raise DataError(
        f"{folder} holds no images with masks; expected {split}/ beside {split}annot/ (CamVid's "
        "layout) or images/ beside masks/"
    )


def _pictures(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if path.suffix.lower() in IMAGE_SUFFIXES)


def _first(names: Iterable[str], count: int = 5) -> str:
    names = list(names)
    return ", ".join(names[:count]) + (", ..." if len(names) > count else "")


def read_image(path: Path) -> NDArray[np.uint8]:
    """Read an image as BGR uint8 [h, w, 3].

    Raises:
        DataError: the file is missing or no picture.
    """
    image = cv2.imread(str(path), cv2.IMREAD_COLOR)
    if image is None:
        raise DataError(f"cannot read image {path}; is it a picture, and complete?")
    return np.asarray(image, np.uint8)


def read_mask(path: Path) -> NDArray[np.uint8]:
    """Read an index mask, grey or palette, as uint8 [h, w] of class indices.

    Raises:
        DataError: the file is missing, no picture, or a colour picture (whose colours would have to
            be mapped to indices first).
    """
    from PIL import Image, UnidentifiedImageError

    try:
        with Image.open(path) as picture:
            if picture.mode not in ("L", "P", "1"):
                raise DataError(
                    f"mask {path} has mode {picture.mode}; expected one 8-bit channel of class "
                    "indices (grey or palette)"
                )
            return np.array(picture, np.uint8)
    except (OSError, UnidentifiedImageError, SyntaxError) as error:
        raise DataError(f"cannot read mask {path}: {error}") from error


def check_masks(pairs: list[Pair], num_classes: int, ignore: int | None) -> NDArray[np.int64]:
    """Read every pair once and return how many pixels each class has, int64 [num_classes].

    Raises:
        DataError: files that cannot be read, masks that are not their image's size, or values that
            are neither a class nor `ignore`; each named with its file, all at once.
    """
    counts = np.zeros(num_classes, np.int64)
    reasons = []
    for pair in pairs:
        try:
            mask = read_mask(pair.mask)
            image = read_image(pair.image)
        except DataError as error:
            reasons.append(str(error))
            continue
        histogram = np.bincount(mask.ravel(), minlength=256)
        counts += histogram[:num_classes]
        reasons += _reasons(pair, Size(*image.shape[1::-1]), mask, num_classes, ignore)
    if reasons:
        raise DataError(
            f"{len(reasons)} of {len(pairs)} pairs cannot be used: {'; '.join(reasons[:5])}"
            + ("; ..." if len(reasons) > 5 else "")
        )
    return counts


def _reasons(
    pair: Pair, size: Size, mask: NDArray[np.uint8], num_classes: int, ignore: int | None
) -> list[str]:
    reasons = []
    mask_size = Size(*mask.shape[1::-1])
    if mask_size != size:
        reasons.append(f"{pair.mask} is {mask_size}, its image {size}")
    odd = [int(v) for v in np.unique(mask) if v >= num_classes and v != ignore]
    if odd:
        void = "" if ignore is None else f" or {ignore} (void)"
        reasons.append(
            f"{pair.mask} has values {_first(map(str, odd))}; expected 0 to {num_classes - 1}{void}"
        )
    return reasons
