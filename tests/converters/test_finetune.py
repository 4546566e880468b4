"""Fine-tuning: a swap that destroyed a network is learned again, the same way every time."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import keras
import numpy as np
import pytest
from numpy.typing import NDArray

from edgeseg.converters.finetune import FinetuneReport, finetune
from edgeseg.converters.lessons import label_cells
from edgeseg.converters.rewrite.calls import Call, replace_calls
from edgeseg.converters.rewrite.head import argmax_head, coarse_head
from edgeseg.converters.rewrite.refit import projected
from edgeseg.converters.rewrite.sites import site_of
from edgeseg.errors import DataError, ModelError
from edgeseg.manifest import Head, Preparation, Size
from edgeseg.masks import read_image
from edgeseg.prepare import prepare
from edgeseg.runtimes import TensorSpec

layers = keras.layers
PREPARATION = Preparation(Size(64, 64))


def noisy(model: Any, noise: float) -> Any:
    """Give the transposed convolution a kernel that no resize can stand for."""
    up = model.layers[-1]
    rng = np.random.default_rng(0)
    kernel = np.asarray(up.kernel)
    up.set_weights([kernel + noise * rng.normal(size=kernel.shape)])
    return model


@pytest.fixture(scope="module")
def teacher(color_net: Any) -> Any:
    return noisy(color_net("transpose"), 0.1)


@pytest.fixture(scope="module")
def student(teacher: Any) -> Any:
    """The teacher with a resize that gets every class wrong, its other layers shared."""

    def swap(call: Call) -> Any:
        site = site_of(call)
        if site is None:
            return None
        turned = layers.Conv2D(3, 1, name="turned")  # every class passes as the next one
        scores = turned(projected(site)(site, call.inputs[0]))
        turned.set_weights([np.roll(np.eye(3), 1, axis=1)[None, None], np.zeros(3)])
        return scores

    return replace_calls(teacher, PREPARATION.size, swap)


@pytest.fixture(scope="module")
def report(student: Any, teacher: Any, pictures: Path) -> FinetuneReport:
    return finetune(
        student, teacher, PREPARATION, pictures, epochs=8, learning_rate=0.01, batch_size=1
    )


@pytest.fixture(scope="module")
def few(pictures: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three of the pictures."""
    folder = tmp_path_factory.mktemp("few")
    for path in sorted(pictures.glob("*.png"))[:3]:
        (folder / path.name).write_bytes(path.read_bytes())
    return folder


def frames(pictures: Path) -> Iterator[NDArray[np.float32]]:
    spec = TensorSpec((1, 64, 64, 3), "float32")
    for path in sorted(pictures.glob("*.png")):
        yield prepare(read_image(path), PREPARATION, spec)


def agreement(model: Any, teacher: Any, pictures: Path) -> float:
    shares = [
        np.mean(np.argmax(model(image), -1) == np.argmax(teacher(image), -1))
        for image in frames(pictures)
    ]
    return float(np.mean(shares))


def test_what_a_swap_destroyed_comes_back(
    report: FinetuneReport, student: Any, teacher: Any, pictures: Path
) -> None:
    before, after = (agreement(one, teacher, pictures) for one in (student, report.model))
    assert before < 0.2
    assert after > 0.7
    assert (report.epochs, report.pictures, report.masks, report.skipped) == (8, 12, 0, ())
    assert len(report.losses) == 8
    assert 0 < report.losses[-1] < 0.4 * report.losses[0]


def test_neither_network_is_touched(color_net: Any, few: Path) -> None:
    model = color_net("transpose")
    before = [np.array(weights) for weights in model.get_weights()]
    made = finetune(model, model, PREPARATION, few, epochs=1).model
    for old, weights in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(old, weights)
    assert not {id(w) for w in made.weights} & {id(w) for w in model.weights}


def test_the_same_seed_gives_the_same_weights(color_net: Any, few: Path) -> None:
    model = noisy(color_net("transpose"), 0.1)
    one, other, third = (
        finetune(color_net(), model, PREPARATION, few, epochs=1, seed=seed) for seed in (3, 3, 4)
    )
    assert one.losses == other.losses != third.losses
    for old, weights in zip(one.model.get_weights(), other.model.get_weights(), strict=True):
        np.testing.assert_array_equal(old, weights)


def test_batch_normalization_is_left_alone(few: Path) -> None:
    image = keras.Input((64, 64, 3))
    norm = layers.BatchNormalization(name="norm")
    model = keras.Model(image, norm(layers.Conv2D(3, 3, padding="same", name="conv")(image)))
    made = finetune(model, model, PREPARATION, few, epochs=1, learning_rate=0.1).model
    for old, new in zip(norm.get_weights(), made.get_layer("norm").get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)


@pytest.fixture(scope="module")
def masked(pictures: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Pictures whose masks say the second-strongest colour, with void at the top."""
    folder = tmp_path_factory.mktemp("masked")
    for name in ("images", "masks"):
        (folder / name).mkdir()
    for path in sorted(pictures.glob("*.png")):
        picture = read_image(path)
        (folder / "images" / path.name).write_bytes(path.read_bytes())
        mask = np.argsort(picture[..., ::-1], axis=-1)[..., 1].astype(np.uint8)
        mask[:9] = 7
        cv2.imwrite(str(folder / "masks" / path.name), mask)
    return folder


def test_masks_pull_away_from_the_teacher(color_net: Any, masked: Path, pictures: Path) -> None:
    """Masks that contradict the teacher show that they are read."""
    model = color_net()
    more: dict[str, Any] = {"epochs": 2, "learning_rate": 0.003, "batch_size": 1}
    report = finetune(model, model, PREPARATION, masked, 7, **more)
    assert (report.pictures, report.masks) == (12, 12)
    alone = finetune(model, model, PREPARATION, pictures, **more)
    assert agreement(alone.model, model, pictures) > 0.95
    assert agreement(report.model, model, pictures) < 0.9


def test_bad_files_are_named_and_left_out(color_net: Any, masked: Path, tmp_path: Path) -> None:
    for name in ("images", "masks"):
        (tmp_path / name).mkdir()
        for path in sorted((masked / name).iterdir())[:4]:
            (tmp_path / name / path.name).write_bytes(path.read_bytes())
    (tmp_path / "images" / "00.png").write_bytes(b"no picture")
    (tmp_path / "masks" / "01.png").unlink()
    (tmp_path / "images" / "x.png").write_bytes(b"nothing")
    model = color_net()
    report = finetune(model, model, PREPARATION, tmp_path, 7, epochs=1)
    assert (report.pictures, report.masks) == (3, 2)
    assert len(report.skipped) == 2
    assert "00.png" in report.skipped[0]
    assert "x.png" in report.skipped[1]


def test_nothing_to_learn_from_is_told(color_net: Any, tmp_path: Path) -> None:
    model = color_net()
    for folder, reason in (
        (tmp_path / "missing", "no folder"),
        (tmp_path, "expected files like 0001.png"),
    ):
        with pytest.raises(DataError, match=reason):
            finetune(model, model, PREPARATION, folder)
    (tmp_path / "1.png").write_bytes(b"nothing")
    with pytest.raises(DataError, match=r"1\.png"):
        finetune(model, model, PREPARATION, tmp_path)


def test_masks_of_other_classes_are_refused(color_net: Any, masked: Path) -> None:
    model = color_net()
    with pytest.raises(DataError, match="has values 7"):
        finetune(model, model, PREPARATION, masked)


def test_networks_of_other_shapes_are_refused(color_net: Any, pictures: Path) -> None:
    model = color_net()
    with pytest.raises(ModelError, match="cannot learn from"):
        finetune(coarse_head(model).model, model, PREPARATION, pictures)


def test_every_head_is_trained(color_net: Any, few: Path) -> None:
    """A class map has no gradient: the logits behind it are trained, and it stays."""
    model = color_net()
    for headed in (coarse_head(model), argmax_head(model)):
        seen: list[tuple[int, int]] = []

        def progress(epoch: int, epochs: int, picture: int, count: int, loss: float) -> None:
            seen.append((picture, count))  # noqa: B023  # of this turn
            assert (epoch, epochs) == (1, 1)
            assert np.isfinite(loss)

        report = finetune(headed.model, headed.model, PREPARATION, few, epochs=1, progress=progress)
        assert report.model.output_shape[1:] == headed.model.output_shape[1:]
        assert seen == [(number, 3) for number in range(1, 4)]


@pytest.mark.parametrize(
    ("head", "cells", "expected"),
    [
        (Head("logits", 4), Size(3, 2), [[2, 6, 255], [2, 6, 255]]),
        (
            Head("logits", 1, layout="span"),
            Size(16, 1),
            [[0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7]],
        ),
        (Head("logits", 7, layout="corners"), Size(2, 2), [[0, 7], [0, 7]]),
    ],
)
def test_cells_take_the_class_at_their_centre(head: Head, cells: Size, expected: Any) -> None:
    labels = np.tile(np.arange(8, dtype=np.uint8), (8, 1))
    np.testing.assert_array_equal(label_cells(labels, cells, head), expected)


@pytest.fixture(autouse=True)
def _silent_stderr(capfd: pytest.CaptureFixture[str]) -> Iterator[None]:
    """Nothing of TensorFlow's chatter may reach the terminal."""
    yield
    assert capfd.readouterr() == ("", "")
