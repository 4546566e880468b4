"""Finding images and masks, and reading masks of every kind that programs write."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from edgeseg.errors import DataError
from edgeseg.labels import STREET, palette_for
from edgeseg.masks import (
    Pair,
    check_masks,
    find_pairs,
    from_colors,
    read_image,
    read_mask,
    usable_pairs,
)
from edgeseg.sinks.palette_png import encode_palette_png


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
    with pytest.raises(DataError, match=r"1 of 2 pairs .*b\.png has no mask b\.\* in"):
        find_pairs(tmp_path)


def test_unknown_layout_says_what_is_expected(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="images/ beside masks/"):
        find_pairs(tmp_path)
    (tmp_path / "images").mkdir()
    (tmp_path / "masks").mkdir()
    with pytest.raises(DataError, match="no images in"):
        find_pairs(tmp_path)
    _write(tmp_path / "images" / "a.png")
    with pytest.raises(DataError, match=r"no masks in .*masks; expected files like a\.png"):
        find_pairs(tmp_path)


def test_palette_masks_give_indices_not_colours(tmp_path: Path) -> None:
    indices = np.arange(12, dtype=np.uint8).reshape(3, 4)
    picture = Image.new("P", (4, 3))
    picture.putpalette([value for i in range(256) for value in (255 - i, i, 7)])
    picture.putdata(indices.ravel().tolist())
    picture.save(tmp_path / "palette.png")
    np.testing.assert_array_equal(read_mask(tmp_path / "palette.png"), indices)


@pytest.mark.parametrize("bits", [1, 2, 4])
def test_palettes_of_few_bits_give_indices(tmp_path: Path, bits: int) -> None:
    indices = (np.arange(77, dtype=np.uint8) % 2**bits).reshape(7, 11)
    picture = Image.new("P", (11, 7))
    picture.putpalette([value for i in range(2**bits) for value in (9 * i, 255 - i, 0)])
    picture.putdata(indices.ravel().tolist())
    picture.save(tmp_path / "few.png", bits=bits, transparency=1)
    np.testing.assert_array_equal(read_mask(tmp_path / "few.png"), indices)


def test_masks_that_edgeseg_writes_are_read(tmp_path: Path) -> None:
    indices = np.random.default_rng(0).integers(0, 12, (37, 53), np.uint8)
    (tmp_path / "a.png").write_bytes(encode_palette_png(indices, STREET.palette))
    np.testing.assert_array_equal(read_mask(tmp_path / "a.png"), indices)


def test_black_and_white_is_zero_and_one(tmp_path: Path) -> None:
    indices = (np.arange(60, dtype=np.uint8) % 7 == 0).astype(np.uint8).reshape(6, 10)
    Image.fromarray(indices * 255).convert("1").save(tmp_path / "two.png")
    np.testing.assert_array_equal(read_mask(tmp_path / "two.png"), indices)


def test_masks_of_other_formats(tmp_path: Path) -> None:
    indices = np.random.default_rng(0).integers(0, 12, (5, 7), np.uint8)
    for name in ("a.bmp", "a.tif"):
        cv2.imwrite(str(tmp_path / name), indices)
        np.testing.assert_array_equal(read_mask(tmp_path / name), indices)


def _colorful(path: Path, colors: list[tuple[int, int, int]]) -> None:
    """Write a colour mask, one row of four pixels for each RGB colour."""
    rows = np.array(colors, np.uint8)[:, None, ::-1].repeat(4, 1)
    cv2.imwrite(str(path), rows)


@pytest.mark.parametrize(
    ("colors", "says"),
    [
        ([(1, 2, 3), (1, 2, 3), (9, 8, 7)], r"mode RGB, colours 1,2,3 67 %, 9,8,7 33 %; expected"),
        ([(128, 0, 0), (0, 0, 0)], r"all in the palette of PASCAL VOC; expected one 8-bit channel"),
        ([STREET.palette[0], STREET.palette[9]], "all in the palette of edgeseg's street classes"),
        ([(3, 3, 3), (0, 0, 0)], "grey throughout"),
    ],
)
def test_colour_masks_are_refused_with_their_colours(
    tmp_path: Path, colors: list[tuple[int, int, int]], says: str
) -> None:
    _colorful(tmp_path / "rgb.png", colors)
    with pytest.raises(DataError, match=rf"rgb\.png has .*{says}"):
        read_mask(tmp_path / "rgb.png")


def test_colours_become_indices(tmp_path: Path) -> None:
    palette = palette_for(5)
    _colorful(tmp_path / "rgb.png", [palette[4], palette[0], (1, 1, 1)])
    assert from_colors(tmp_path / "rgb.png", palette)[:, 0].tolist() == [4, 0, 255]


def test_masks_of_other_kinds_are_refused(tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "deep.png"), np.full((4, 4), 900, np.uint16))
    cv2.imwrite(str(tmp_path / "photo.jpg"), np.zeros((4, 4), np.uint8))
    cv2.imwrite(str(tmp_path / "clear.png"), np.zeros((4, 4, 4), np.uint8))
    for name, says in (
        ("deep.png", "16 bits a pixel \\(values 900 to 900\\)"),
        ("photo.jpg", "is a JPEG, which changes class indices; expected a PNG"),
        ("clear.png", "mode RGBA"),
        ("none.png", "No such file"),
    ):
        with pytest.raises(DataError, match=f"{name}.*{says}"):
            read_mask(tmp_path / name)


def _picture(suffix: str, channels: int) -> bytes:
    noise = np.random.default_rng(3).integers(0, 11, (48, 64, channels), np.uint8)
    return bytes(cv2.imencode(suffix, noise.squeeze())[1])


@pytest.mark.parametrize("share", [0.0, 0.001, 0.3, 0.6, 0.95, 0.999])
@pytest.mark.parametrize("suffix", [".png", ".jpg", ".bmp", ".webp", ".tif"])
def test_an_image_cut_short_gives_no_half_picture(
    tmp_path: Path, suffix: str, share: float
) -> None:
    """OpenCV reads a JPEG with its lower half missing as grey, without an error."""
    path, whole = tmp_path / f"a{suffix}", _picture(suffix, 3)
    path.write_bytes(whole)
    assert read_image(path).shape == (48, 64, 3)
    path.write_bytes(whole[: int(len(whole) * share)])
    with pytest.raises(DataError, match=f"cannot read image .*a{suffix}: "):
        read_image(path)


@pytest.mark.parametrize("missing", [1, 4, 12, 13, 200])
def test_a_mask_cut_short_is_refused(tmp_path: Path, missing: int) -> None:
    (tmp_path / "a.png").write_bytes(_picture(".png", 1)[:-missing])
    with pytest.raises(DataError, match=r"cannot read mask .*a\.png: the file is cut short"):
        read_mask(tmp_path / "a.png")


def test_one_changed_bit_of_a_png_is_found(tmp_path: Path) -> None:
    whole = _picture(".png", 1)
    rng = np.random.default_rng(0)
    for place in rng.integers(0, 8 * len(whole), 200).tolist():
        data = bytearray(whole)
        data[place // 8] ^= 1 << place % 8
        (tmp_path / "a.png").write_bytes(data)
        with pytest.raises(DataError):
            read_mask(tmp_path / "a.png")


def test_sizes_beyond_reason_are_refused_before_decoding(tmp_path: Path) -> None:
    header = struct.pack(">IIBBBBB", 1_000_000, 1_000_000, 8, 0, 0, 0, 0)
    chunks = [(b"IHDR", header), (b"IDAT", zlib.compress(b"")), (b"IEND", b"")]
    data = b"".join(
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        for kind, body in chunks
    )
    (tmp_path / "a.png").write_bytes(b"\x89PNG\r\n\x1a\n" + data)
    with pytest.raises(DataError, match="1000000x1000000; a side has 1 to 16384 pixels"):
        read_mask(tmp_path / "a.png")


@pytest.fixture
def three_hundred(tmp_path: Path) -> Path:
    """300 pairs of three classes, void 255, with every kind of bad one among them."""
    rng = np.random.default_rng(5)
    images, masks = tmp_path / "images", tmp_path / "masks"
    for number in range(300):
        mask = rng.integers(0, 3, (12, 16), np.uint8)
        mask[0] = 255
        for folder, picture in ((images, mask), (masks, mask)):
            folder.mkdir(exist_ok=True)
            cv2.imwrite(str(folder / f"{number:03}.png"), picture)
    cv2.imwrite(str(masks / "010.png"), np.full((12, 16), 7, np.uint8))
    _colorful(masks / "020.png", [(128, 0, 0)] * 12)
    (images / "030.png").unlink()
    (masks / "040.png").rename(masks / "040_L.png")
    whole = (images / "050.png").read_bytes()
    (images / "050.png").write_bytes(whole[:-30])
    (masks / "060.png").write_bytes(b"")
    cv2.imwrite(str(masks / "070.png"), np.zeros((6, 8), np.uint8))
    cv2.imwrite(str(images / "080.jpg"), np.zeros((12, 16, 3), np.uint8))
    (images / "._090.png").write_bytes(b"what macOS leaves on other file systems")
    return tmp_path


EACH = (
    r"masks/010.png has values 7 (192 pixels), expected 0 to 2 or 255 (void)",
    r"masks/020.png has mode RGB, colours 128,0,0 100 %, all in the palette of PASCAL VOC",
    r"masks/030.png has no image 030.* in ",
    r"images/040.png has no mask 040.* in ",
    r"(040_L.* is there; names must be equal)",
    r"masks/040_L.png has no image 040_L.* in ",
    r"images/050.png: the file is cut short",
    r"masks/060.png: the file is empty",
    r"masks/070.png is 8x6, its image 16x12",
    r"images has 080.jpg, 080.png for one image",
)


def test_every_bad_pair_of_300_is_named(three_hundred: Path) -> None:
    with pytest.raises(DataError) as caught:
        usable_pairs(three_hundred, 3, 255)
    message = str(caught.value)
    assert message.startswith("9 of 301 pairs cannot be used: ")
    assert [part for part in EACH if part not in message] == []
    assert message.endswith(
        "; edgeseg.masks.from_colors maps colours to indices; --skip-bad leaves them out"
    )


def test_the_rest_of_300_is_usable_on_request(three_hundred: Path) -> None:
    found = usable_pairs(three_hundred, 3, 255, skip_bad=True)
    bad = {"010", "020", "030", "040", "050", "060", "070", "080"}
    kept = [f"{number:03}" for number in range(300) if f"{number:03}" not in bad]
    assert [pair.image.stem for pair in found.pairs] == kept
    assert len(found.reasons) == 9
    every = np.stack([read_mask(pair.mask) for pair in found.pairs])
    assert found.counts.tolist() == np.bincount(every.ravel(), minlength=256)[:3].tolist()
    assert usable_pairs(three_hundred, 3, 255, skip_bad=True).reasons == found.reasons


def test_evaluation_takes_masks_of_another_size(three_hundred: Path) -> None:
    pairs = [Pair(three_hundred / "images" / "070.png", three_hundred / "masks" / "070.png")]
    assert usable_pairs(pairs, 3, 255, same_size=False).pairs == pairs
    with pytest.raises(DataError, match=r"070\.png is 8x6"):
        usable_pairs(pairs, 3, 255)


def test_only_the_first_ten_are_named(tmp_path: Path) -> None:
    for number in range(30):
        _write(tmp_path / "images" / f"{number:02}.png")
        _write(tmp_path / "masks" / f"{number:02}.png", 200)
    with pytest.raises(DataError) as caught:
        usable_pairs(tmp_path, 3, None, skip_bad=True)
    message = str(caught.value)
    assert message.startswith("30 of 30 pairs cannot be used: ")
    assert message.count("values 200") == 10
    assert message.endswith("09.png has values 200 (24 pixels), expected 0 to 2; and 20 more")


def test_a_void_value_among_the_classes_counts_nothing(tmp_path: Path) -> None:
    _write(tmp_path / "images" / "a.png")
    _write(tmp_path / "masks" / "a.png", 2)
    assert usable_pairs(tmp_path, 3, 2).counts.tolist() == [0, 0, 0]
    assert usable_pairs(tmp_path, 3, None).counts.tolist() == [0, 0, 24]


def test_a_flag_is_named_only_where_there_is_one(tmp_path: Path) -> None:
    for name, value in (("a", 0), ("b", 9)):
        _write(tmp_path / "images" / f"{name}.png")
        _write(tmp_path / "masks" / f"{name}.png", value)
    pairs = find_pairs(tmp_path)
    with pytest.raises(DataError, match="--skip-bad leaves them out"):
        usable_pairs(pairs, 3, None)
    with pytest.raises(DataError, match=r"b\.png") as caught:
        check_masks(pairs, 3, None)
    assert "--skip-bad" not in str(caught.value)
