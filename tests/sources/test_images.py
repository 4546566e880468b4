"""Images and folders: order, names, files that cannot be read."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from edgeseg.errors import SourceError
from edgeseg.manifest import Size
from edgeseg.sources import open_source

SIZE = Size(6, 4)


def write_image(path: Path, value: int = 0, size: Size = SIZE) -> None:
    assert cv2.imwrite(str(path), np.full((size.height, size.width, 3), value, np.uint8))


def test_one_image_is_one_frame(tmp_path: Path) -> None:
    write_image(tmp_path / "a.png", 7)
    source = open_source(str(tmp_path / "a.png"))
    assert (source.live, source.length, source.size) == (False, 1, Size(6, 4))
    (frame,) = source.frames()
    assert (frame.index, frame.name) == (0, "a")
    assert frame.pixels.shape == (4, 6, 3)
    assert frame.pixels.dtype == np.uint8
    assert (frame.pixels == 7).all()


def test_grey_and_transparent_images_become_bgr(tmp_path: Path) -> None:
    assert cv2.imwrite(str(tmp_path / "g.png"), np.full((3, 3), 9, np.uint8))
    assert cv2.imwrite(str(tmp_path / "t.png"), np.full((3, 3, 4), 9, np.uint8))
    assert [f.pixels.shape for f in open_source(str(tmp_path)).frames()] == [(3, 3, 3)] * 2


@pytest.mark.parametrize("content", [b"", b"not a picture", b"\x89PNG\r\n\x1a\n" + b"\0" * 50])
def test_an_image_that_cannot_be_read_is_an_error(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.png").write_bytes(content)
    with pytest.raises(SourceError, match=r"a\.png"):
        open_source(str(tmp_path / "a.png"))


def test_a_folder_is_in_natural_order(tmp_path: Path) -> None:
    for name in ("f10.png", "f9.png", "f1.png", "a2.png", "F3.PNG"):
        write_image(tmp_path / name)
    (tmp_path / "notes.txt").write_text("not an image")
    source = open_source(str(tmp_path))
    assert source.length == 5
    assert [frame.name for frame in source.frames()] == ["F3", "a2", "f1", "f9", "f10"]


def test_equal_stems_get_their_own_names(tmp_path: Path) -> None:
    write_image(tmp_path / "a.png")
    write_image(tmp_path / "a.bmp")
    write_image(tmp_path / "b.png")
    assert [f.name for f in open_source(str(tmp_path)).frames()] == ["a_bmp", "a_png", "b"]


def test_unreadable_images_in_a_folder_are_skipped_and_named(tmp_path: Path) -> None:
    write_image(tmp_path / "1.png")
    (tmp_path / "2.png").write_bytes(b"broken")
    write_image(tmp_path / "3.png")
    source = open_source(str(tmp_path))
    assert [frame.index for frame in source.frames()] == [0, 2]
    assert source.notes == ["1 of 3 images could not be read: 2.png"]


def test_a_folder_without_images_or_with_none_readable(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="no images"):
        open_source(str(tmp_path))
    (tmp_path / "x.jpg").write_bytes(b"broken")
    with pytest.raises(SourceError, match=r"1 of 1 images could not be read: x\.jpg"):
        list(open_source(str(tmp_path)).frames())


def test_closing_ends_the_frames(tmp_path: Path) -> None:
    for index in range(5):
        write_image(tmp_path / f"{index}.png")
    source = open_source(str(tmp_path))
    frames = source.frames()
    next(frames)
    source.close()
    assert list(frames) == []


def test_a_pattern_takes_what_fits_folder_by_folder(tmp_path: Path) -> None:
    for name in ("b2/10.png", "b2/9.png", "b10/1.png", "b2/deep/1.png", "top.png", "b2/x.bmp"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        write_image(tmp_path / name)
    flat = open_source(f"{tmp_path}/b2/*.png")
    assert [frame.name for frame in flat.frames()] == ["9", "10"]
    assert (flat.live, flat.length) == (False, 2)
    deep = open_source(f"{tmp_path}/**/*.png")
    assert [frame.name for frame in deep.frames()] == [
        "b2_9",
        "b2_10",
        "b2_deep_1",
        "b10_1",
        "top",
    ]


def test_names_of_a_pattern_are_unique_whatever_happens(tmp_path: Path) -> None:
    for name in ("a_b/c.png", "a/b_c.png", "a/b_c.bmp", "d/c.png"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        write_image(tmp_path / name)
    names = [frame.name for frame in open_source(f"{tmp_path}/**").frames()]
    assert len(set(names)) == 4


def test_what_fits_a_pattern_but_is_no_image_is_named(tmp_path: Path) -> None:
    write_image(tmp_path / "1.png")
    (tmp_path / "2.txt").write_text("no image")
    (tmp_path / "3.png").write_bytes(b"broken")
    (tmp_path / "4.d").mkdir()
    source = open_source(f"{tmp_path}/[1-9]*")
    assert len(list(source.frames())) == 1
    assert source.notes == [
        "1 of 3 files are no images: 2.txt",
        "1 of 2 images could not be read: 3.png",
    ]


def test_a_pattern_that_nothing_fits(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    with pytest.raises(SourceError, match=r"no file fits .*\*\.png; expected files ending in"):
        open_source(f"{tmp_path}/*.png")
    with pytest.raises(SourceError, match=r"there is no folder .*/none;"):
        open_source(f"{tmp_path}/none/*.png")
    with pytest.raises(SourceError, match=r"only folders fit .*type '.*/\*/\*'"):
        open_source(f"{tmp_path}/*")
    (tmp_path / "a.txt").write_text("no image")
    with pytest.raises(SourceError, match=r"no images fit .*, only a\.txt"):
        open_source(f"{tmp_path}/*")
