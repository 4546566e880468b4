"""Which frames calibrate and which prove."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgeseg.converters.calibrate import float_tensor, plan_frames, samples, split
from edgeseg.converters.frames import Streets, open_pool
from edgeseg.converters.load import Network
from edgeseg.converters.options import ConvertOptions, Precision
from edgeseg.errors import DataError, EdgesegError
from edgeseg.labels import STREET, palette_for
from edgeseg.manifest import Head, Manifest, Preparation, Size
from edgeseg.masks import read_image
from edgeseg.prepare import prepare

pytestmark = pytest.mark.convert
PREPARATION = Preparation(Size(32, 24))


def network(labels: tuple[str, ...] = ("red", "green", "blue")) -> Network:
    manifest = Manifest(labels, palette_for(len(labels)), PREPARATION, Head())
    return Network("colors", None, manifest, (), 0)


def asked(calib: Any = None, precision: Precision = "int8", **more: Any) -> ConvertOptions:
    return ConvertOptions("colors.keras", Path("o.tflite"), precision, calibration=calib, **more)


@given(available=st.integers(2, 3000), frames=st.integers(1, 400))
def test_calibration_and_proof_share_no_frame_and_cover_the_pool(
    available: int, frames: int
) -> None:
    calibration, proof = split(available, frames)
    assert 1 <= len(calibration) <= frames
    assert 1 <= len(proof) <= 50
    assert not set(calibration) & set(proof)
    assert all(0 <= index < available for index in calibration + proof)
    if available > 12 * (frames + 50):
        assert max(proof) - min(proof) > available / 2


@pytest.mark.parametrize(
    ("available", "frames", "calibrating", "proving"),
    [(367, 100, 100, 20), (12, 100, 9, 3), (2, 100, 1, 1), (1, 100, 1, 1), (367, 0, 0, 8)],
)
def test_how_many_frames(available: int, frames: int, calibrating: int, proving: int) -> None:
    calibration, proof = split(available, frames)
    assert (len(calibration), len(proof)) == (calibrating, proving)


def test_samples_are_what_the_device_prepares(pictures: Path) -> None:
    plan = plan_frames(asked(pictures), network())
    tensors = [tensor for (tensor,) in samples(plan, PREPARATION)()]
    first = read_image(sorted(pictures.iterdir())[plan.calibration[0]])
    assert len(tensors) == len(plan.calibration)
    expected = prepare(first, PREPARATION, float_tensor(PREPARATION))
    np.testing.assert_array_equal(tensors[0], expected)
    assert plan.calibrated_on == f"9 of 12 images in {pictures.name}"


def flat(folder: Path, levels: list[int]) -> Path:
    """A folder of pictures of one grey each."""
    for number, level in enumerate(levels):
        cv2.imwrite(str(folder / f"{number:03d}.png"), np.full((12, 16, 3), level, np.uint8))
    return folder


def test_rare_pictures_calibrate_too(tmp_path: Path) -> None:
    levels = [10 + number % 5 for number in range(60)]
    levels[14], levels[43] = 200, 120
    plan = plan_frames(asked(flat(tmp_path, levels), frames=10), network())
    assert {14, 43} <= set(plan.calibration)
    assert len(plan.calibration) == 10
    assert len(plan.proof) == 8
    assert not set(plan.calibration) & set(plan.proof)
    again = plan_frames(asked(tmp_path, frames=10), network())
    assert (again.calibration, again.proof) == (plan.calibration, plan.proof)


def test_few_frames_and_repeated_ones_are_warned_of(tmp_path: Path) -> None:
    for name in ("various", "still"):
        (tmp_path / name).mkdir()
    various = flat(tmp_path / "various", list(range(0, 250, 4)))
    assert plan_frames(asked(various), network()).warnings == ()
    (few,) = plan_frames(asked(various, frames=5), network()).warnings
    assert few.startswith("5 calibration frames leave")
    assert "add --calib-frames 100" in few
    (still,) = plan_frames(asked(flat(tmp_path / "still", [40] * 40)), network()).warnings
    assert still.startswith("only 1 of 30 calibration frames differ")
    assert "--calib" in still


def test_a_small_folder_is_warned_of(pictures: Path) -> None:
    (warning,) = plan_frames(asked(pictures), network()).warnings
    assert warning.startswith("9 calibration frames leave")
    assert "give 20 or more pictures with --calib" in warning
    assert plan_frames(asked(pictures, "float32"), network()).warnings == ()


def test_masks_of_calibration_frames_are_not_opened(pictures: Path, tmp_path: Path) -> None:
    for image in pictures.iterdir():
        cv2.imwrite(str(tmp_path / image.name), np.ones((90, 120), np.uint8))
    plan = plan_frames(asked(pictures, masks=tmp_path), network())
    for index in plan.calibration:
        (tmp_path / sorted(pictures.iterdir())[index].name).write_bytes(b"damaged")
    assert len(list(samples(plan, PREPARATION)())) == len(plan.calibration)


def test_float_needs_no_calibration(pictures: Path) -> None:
    plan = plan_frames(asked(pictures, "float32"), network())
    assert plan.calibration == ()
    assert "no calibration" in plan.calibrated_on


def test_without_frames_the_street_is_rendered_and_said_so() -> None:
    street = plan_frames(asked(), network(STREET.names))
    assert isinstance(street.pool, Streets)
    assert street.has_truth
    assert "rendered street frames" in street.notes[0]
    other = plan_frames(asked(), network())
    assert not other.has_truth  # the street's class maps are not those of red, green and blue
    assert "none of this model's classes" in other.notes[0]


def test_a_video_and_a_pattern_are_frames_too(pictures: Path, tmp_path: Path) -> None:
    writer = cv2.VideoWriter(str(tmp_path / "v.avi"), cv2.VideoWriter.fourcc(*"MJPG"), 10, (64, 48))
    for level in range(20):
        writer.write(np.full((48, 64, 3), 10 * level, np.uint8))
    writer.release()
    video = open_pool(tmp_path / "v.avi", None)
    assert video.length == 20
    shots = list(video.read([3, 7]))
    assert [shot.name for shot in shots] == ["000003", "000007"]
    assert abs(int(shots[1].pixels.mean()) - 70) < 4
    assert open_pool(f"{pictures}/0*.png", None).length == 10
    assert open_pool("synthetic://street?frames=5", None).length == 5


def test_one_broken_image_is_left_out_and_named(pictures: Path, tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes((pictures / "01.png").read_bytes())
    (tmp_path / "b.png").write_bytes(b"not a picture")
    pool = open_pool(tmp_path, None)
    assert [shot.name for shot in pool.read([0, 1])] == ["a.png"]
    assert pool.unreadable == ["b.png"]


def test_only_broken_images_are_an_error(tmp_path: Path) -> None:
    for name in ("a.png", "b.png", "c.png"):
        (tmp_path / name).write_bytes(b"not a picture")
    plan = plan_frames(asked(tmp_path), network())
    with pytest.raises(DataError, match=r"nothing readable .*a\.png"):
        list(samples(plan, PREPARATION)())


@pytest.mark.parametrize(
    ("named", "reason"),
    [
        ("", "no images in"),
        ("missing", "does not exist"),
        ("*.png", "no images match"),
        ("notes.txt", "cannot read"),
    ],
)
def test_no_frames_are_an_error(tmp_path: Path, named: str, reason: str) -> None:
    (tmp_path / "notes.txt").write_text("not a picture")
    with pytest.raises(EdgesegError, match=reason):
        open_pool(f"{tmp_path}/{named}" if named else tmp_path, None)


def test_masks_must_fit_their_images(pictures: Path, tmp_path: Path) -> None:
    masks = tmp_path / "labels"
    masks.mkdir()
    for image in pictures.iterdir():
        cv2.imwrite(str(masks / image.name), np.ones((90, 120), np.uint8))
    plan = plan_frames(asked(pictures, masks=masks), network())
    assert plan.has_truth
    assert plan.proven_on.endswith("with masks")
    names = [image.name for image in sorted(pictures.iterdir())]
    small, odd = (names[index] for index in plan.proof[:2])
    cv2.imwrite(str(masks / small), np.ones((45, 60), np.uint8))
    cv2.imwrite(str(masks / odd), np.full((90, 120), 7, np.uint8))
    with pytest.raises(DataError) as refusal:
        plan_frames(asked(pictures, masks=masks), network())
    assert f"{small} is 60x45, its image 120x90" in str(refusal.value)
    assert f"{odd} has values 7 (10,800 pixels), expected 0 to 2 or 255 (void)" in str(
        refusal.value
    )
    (masks / names[0]).unlink()
    with pytest.raises(DataError, match=f"1 of 12 images have no mask .*{names[0]}"):
        plan_frames(asked(pictures, masks=masks), network())


def test_masks_beside_the_images_are_found(pictures: Path, tmp_path: Path) -> None:
    for part in ("train", "trainannot"):
        (tmp_path / part).mkdir()
    for image in pictures.iterdir():
        (tmp_path / "train" / image.name).write_bytes(image.read_bytes())
        cv2.imwrite(str(tmp_path / "trainannot" / image.name), np.ones((90, 120), np.uint8))
    plan = plan_frames(asked(tmp_path / "train"), network())
    assert all(shot.truth is not None for shot in plan.pool.read(plan.proof))
