"""Finding images and masks, and reading masks of every kind that programs write."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from edgeseg.errors import DataError
from edgeseg.masks import find_pairs, read_mask


def _write(path: Path, value: int = 0) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), np.full((4, 6), value, np.uint8))


@pytest.mark.parametrize(
    ("images", "masks", "start"),
    [
        ("train", "trainannot", "."),
        ("images", "masks", "."),
        ("train", "trainannot", "train"),
        ("images", "masks", "images"),
    ],
)
def test_layouts(tmp_path: Path, images: str, masks: str, start: str) -> None:
    for name in ("b", "a"):
        _write(tmp_path / images / f"{name}.png")
        _write(tmp_path / masks / f"{name}.png")
    pairs = find_pairs(tmp_path / start)
    assert [pair.image.name for pair in pairs] == ["a.png", "b.png"]
    assert all(pair.mask.parent.name == masks for pair in pairs)


def test_missing_masks_are_named(tmp_path: Path) -> None:
    _write(tmp_path / "images" / "a.png")
    _write(tmp_path / "images" / "b.png")
    _write(tmp_path / "masks" / "a.png")
    with pytest.raises(DataError, match=r"1 of 2 images .* b\.png"):
        find_pairs(tmp_path)


def test_unknown_layout_says_what_is_expected(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="images/ beside masks/"):
        find_pairs(tmp_path)
    (tmp_path / "images").mkdir()
    (tmp_path / "masks").mkdir()
    with pytest.raises(DataError, match="no images in"):
        find_pairs(tmp_path)


def test_palette_masks_give_indices_not_colours(tmp_path: Path) -> None:
    indices = np.arange(12, dtype=np.uint8).reshape(3, 4)
    picture = Image.new("P", (4, 3))
    picture.putpalette([value for i in range(256) for value in (255 - i, i, 7)])
    picture.putdata(indices.ravel().tolist())
    picture.save(tmp_path / "palette.png")
    np.testing.assert_array_equal(read_mask(tmp_path / "palette.png"), indices)


def test_colour_masks_and_damaged_files_are_refused(tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "rgb.png"), np.zeros((4, 4, 3), np.uint8))
    with pytest.raises(DataError, match="mode RGB"):
        read_mask(tmp_path / "rgb.png")
    _write(tmp_path / "cut.png", 3)
    whole = (tmp_path / "cut.png").read_bytes()
    (tmp_path / "cut.png").write_bytes(whole[:40])
    with pytest.raises(DataError, match=r"cut\.png"):
        read_mask(tmp_path / "cut.png")
