"""Training: learns, repeats, resumes, and says clearly what is wrong with its data."""

from __future__ import annotations

import errno
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from edgeseg.errors import ConfigError, DataError, ModelError, OutputError
from edgeseg.fcn import read_card
from edgeseg.fcn.augment import VOID, augment, paste
from edgeseg.fcn.checkpoint import checkpoint_path
from edgeseg.fcn.dataset import BatchPlan, batches, class_weights
from edgeseg.fcn.encoder import ENCODERS, EncoderSpec, encoder_spec
from edgeseg.fcn.loss import segmentation_loss
from edgeseg.fcn.train import TrainOptions, train
from edgeseg.labels import STREET, LabelSet, palette_for
from edgeseg.manifest import Size
from edgeseg.masks import find_pairs

pytestmark = pytest.mark.convert

COLORS = LabelSet(("red", "green", "blue"), ((255, 0, 0), (0, 255, 0), (0, 0, 255)), 255)


@pytest.fixture(autouse=True)
def _tiny_encoder(monkeypatch: pytest.MonkeyPatch) -> None:
    """Add an encoder of five small convolutions: tracing a real one takes most of a test's time."""
    import keras

    def tiny(input_tensor: Any = None, **_: Any) -> Any:
        features = input_tensor
        for channels in (8, 8, 16, 16, 16):
            features = keras.layers.Conv2D(channels, 3, 2, "same", activation="relu")(features)
        return keras.Model(input_tensor, features)

    def normed(input_tensor: Any = None, **_: Any) -> Any:
        small = tiny(input_tensor)
        features = keras.layers.BatchNormalization(name="norm")(small.output)
        return keras.Model(input_tensor, features)

    monkeypatch.setattr(keras.applications, "Tiny", tiny, raising=False)
    monkeypatch.setattr(keras.applications, "Normed", normed, raising=False)
    monkeypatch.setitem(ENCODERS, "tiny", EncoderSpec("Tiny"))
    monkeypatch.setitem(ENCODERS, "normed", EncoderSpec("Normed"))


@pytest.fixture
def squares(tmp_path: Path) -> Path:
    """Sixteen pictures of three coloured stripes, a void corner in each, in images/ and masks/."""
    rng = np.random.default_rng(0)
    for name in ("images", "masks"):
        (tmp_path / "data" / name).mkdir(parents=True)
    for number in range(16):
        mask = np.zeros((64, 64), np.uint8)
        first, second = sorted(rng.integers(8, 56, 2))
        mask[first:], mask[second:] = 1, 2
        image = np.array([(0, 0, 220), (0, 220, 0), (220, 0, 0)], np.uint8)[mask]
        mask[:4, :4] = 255
        cv2.imwrite(str(tmp_path / "data" / "images" / f"{number:02}.png"), image)
        cv2.imwrite(str(tmp_path / "data" / "masks" / f"{number:02}.png"), mask)
    return tmp_path / "data"


def _options(data: Path, output: Path, **changes: Any) -> TrainOptions:
    return replace(
        TrainOptions(
            data=data,
            output=output,
            labels=COLORS,
            decoder="fcn32",
            encoder="tiny",
            input_size=Size(64, 64),
            epochs=2,
            batch_size=4,
        ),
        **changes,
    )


def test_training_writes_a_model_with_its_card(squares: Path, tmp_path: Path) -> None:
    seen: list[tuple[int, ...]] = []
    report = train(
        _options(squares, tmp_path / "a.keras", holdout="0[0-3].png"),
        lambda epoch, epochs, batch, count, _: seen.append((epoch, epochs, batch, count)),
    )
    card = read_card(report.path)
    assert card is not None
    assert card.labels == COLORS.names
    assert card.trained["images"] == 12
    assert len(card.trained["loss"]) == 2
    assert card.trained["evaluated"]["held out 0[0-3].png"]["images"] == 4
    assert seen[-1] == (2, 2, 3, 3)
    assert not checkpoint_path(report.path).exists()


def test_the_same_seed_trains_the_same_network(squares: Path, tmp_path: Path) -> None:
    reports = [train(_options(squares, tmp_path / f"{name}.keras", epochs=1)) for name in "ab"]
    first, second = (report.card.trained["loss"] for report in reports)
    assert first == pytest.approx(second, rel=1e-3)


def test_wider_decoder_starts_from_the_narrower_one(squares: Path, tmp_path: Path) -> None:
    train(_options(squares, tmp_path / "fcn32.keras", epochs=4))
    options = _options(squares, tmp_path / "fcn16.keras", epochs=1, init=tmp_path / "fcn32.keras")
    card = train(replace(options, decoder="fcn16")).card
    assert (card.decoder, card.trained["start"]) == ("fcn16", "fcn32.keras")
    before = read_card(tmp_path / "fcn32.keras")
    assert before is not None
    assert card.trained["loss"][0] < before.trained["loss"][0]


def test_interrupted_training_resumes(squares: Path, tmp_path: Path) -> None:
    whole = train(_options(squares, tmp_path / "whole.keras", epochs=3)).card.trained["loss"]

    def interrupt(epoch: int, _epochs: int, batch: int, _count: int, _loss: float) -> None:
        if (epoch, batch) == (3, 2):
            raise KeyboardInterrupt

    options = _options(squares, tmp_path / "cut.keras", epochs=3)
    with pytest.raises(KeyboardInterrupt):
        train(options, interrupt)
    assert not options.output.exists()
    assert checkpoint_path(options.output).is_file()
    with pytest.raises(ConfigError, match="holds an interrupted run: add --resume"):
        train(options)
    resumed = train(replace(options, resume=True)).card.trained["loss"]
    assert resumed == pytest.approx(whole, rel=1e-3)


def test_batches_depend_only_on_plan_epoch_and_index(squares: Path) -> None:
    plan = BatchPlan(
        pairs=tuple(find_pairs(squares)),
        preparation=encoder_spec("tiny").preparation(Size(48, 32)),
        weights=np.ones(3, np.float32),
        synthetic=0.0,
        mix=0.5,
        batch_size=4,
        seed=7,
    )
    one, other = batches(plan), batches(plan)
    other[0]
    for left, right in zip(one[2], other[2], strict=True):
        np.testing.assert_array_equal(left, right)
    images, labels = one[1]
    assert images.shape == (4, 32, 48, 3)
    assert set(np.unique(labels)) <= {0, 1, 2, VOID}
    assert (labels == VOID).any()  # void corners, and borders that augmentation uncovered
    one.epoch = 1
    assert not np.array_equal(one[1][0], images)


def test_masks_move_with_their_images(squares: Path) -> None:
    """After every augmentation the strongest channel of a pixel still names its class."""
    plan = BatchPlan(
        tuple(find_pairs(squares)),
        encoder_spec("tiny").preparation(Size(64, 64)),
        np.array([0.5, 1.5, 1.5], np.float32),
        0.0,
        0.5,
        8,
        3,
    )
    images, labels = batches(plan)[0]
    agree = (images.argmax(-1) == labels)[labels != VOID]
    assert agree.mean() > 0.9


def test_synthetic_frames_join_an_epoch(squares: Path) -> None:
    plan = BatchPlan(
        tuple(find_pairs(squares)),
        encoder_spec("tiny").preparation(Size(64, 64)),
        np.ones(len(STREET.names), np.float32),
        0.5,
        0.0,
        4,
        3,
    )
    assert (plan.length, len(batches(plan))) == (24, 6)
    assert (
        max(int(labels[labels != VOID].max()) for _, labels in (batches(plan)[i] for i in range(6)))
        > 2
    )


@pytest.mark.parametrize("scheme", ["none", "log", "median"])
def test_class_weights_favour_rare_classes(scheme: str) -> None:
    weights = class_weights(np.array([900, 90, 10, 0]), scheme)
    assert weights[3] == 0
    assert weights[0] <= weights[1] <= weights[2]
    assert float((weights * [0.9, 0.09, 0.01, 0]).sum()) == pytest.approx(1)


def test_a_mask_with_an_unknown_value_is_named(squares: Path, tmp_path: Path) -> None:
    cv2.imwrite(str(squares / "masks" / "03.png"), np.full((64, 64), 9, np.uint8))
    cv2.imwrite(str(squares / "masks" / "05.png"), np.zeros((32, 64), np.uint8))
    (squares / "images" / "07.png").write_bytes(b"no picture")
    with pytest.raises(DataError) as caught:
        train(_options(squares, tmp_path / "a.keras"))
    message = str(caught.value)
    assert "3 of 16" in message
    assert all(part in message for part in ("03.png has values 9", "64x32", "07.png"))


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"output": Path("a.h5")}, ConfigError, "must end with .keras"),
        ({"epochs": 0}, ConfigError, "at least 1"),
        ({"holdout": "zebra*"}, DataError, "keeps 0 of 16"),
        ({"resume": True}, ConfigError, "nothing to resume"),
        ({"batch_size": 64}, DataError, "at least one batch"),
    ],
)
def test_wrong_options_are_named(
    squares: Path, tmp_path: Path, changes: Any, error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        train(replace(_options(squares, tmp_path / "a.keras"), **changes))


def test_init_must_be_of_the_same_family(squares: Path, tmp_path: Path) -> None:
    train(_options(squares, tmp_path / "a.keras", epochs=1))
    other = LabelSet((*COLORS.names, "white"), palette_for(4), 255)
    options = _options(squares, tmp_path / "b.keras", init=tmp_path / "a.keras", labels=other)
    with pytest.raises(ModelError, match="has encoder tiny and 3 classes; expected tiny and 4"):
        train(options)


def test_a_state_of_another_network_is_refused(squares: Path, tmp_path: Path) -> None:
    options = _options(squares, tmp_path / "a.keras", resume=True)
    checkpoint_path(options.output).write_bytes(b"no archive")
    with pytest.raises(ConfigError, match="cannot resume from"):
        train(options)
    with checkpoint_path(options.output).open("wb") as stream:
        np.savez(stream, losses=np.zeros(1), v00000=np.zeros((3, 3)))
    with pytest.raises(ConfigError, match="cannot resume from"):
        train(options)


def test_resuming_with_other_options_is_refused(squares: Path, tmp_path: Path) -> None:
    def interrupt(epoch: int, *_: Any) -> None:
        if epoch == 2:
            raise KeyboardInterrupt

    options = _options(squares, tmp_path / "a.keras")
    with pytest.raises(KeyboardInterrupt):
        train(options, interrupt)
    changed = replace(options, resume=True, learning_rate=1e-4, seed=9)
    with pytest.raises(ConfigError, match=r"learning_rate was 0.001, now 0.0001, seed was 1, now"):
        train(changed)
    assert checkpoint_path(options.output).is_file()


def test_bad_pairs_are_left_out_on_request(squares: Path, tmp_path: Path) -> None:
    cv2.imwrite(str(squares / "masks" / "03.png"), np.full((64, 64), 9, np.uint8))
    (squares / "images" / "07.png").write_bytes(b"no picture")
    (squares / "masks" / "09.png").unlink()
    report = train(_options(squares, tmp_path / "a.keras", epochs=1, skip_bad=True))
    assert report.card.trained["images"] == 13
    assert len(report.skipped) == 3
    for name in ("03.png", "07.png", "09.png"):
        assert sum(name in reason for reason in report.skipped) == 1


def test_frozen_batch_normalization_stays(squares: Path, tmp_path: Path) -> None:
    """The encoder's statistics come out of training as they went in; its kernels do not."""
    import keras

    start = _options(squares, tmp_path / "a.keras", epochs=1, encoder="normed")
    train(start)
    train(replace(start, output=tmp_path / "b.keras", init=tmp_path / "a.keras"))
    before, after = (keras.models.load_model(tmp_path / f"{name}.keras").weights for name in "ab")
    moved = [
        one.path.split("/")[0]
        for one, other in zip(before, after, strict=True)
        if not np.array_equal(one, other)
    ]
    assert moved
    assert "norm" not in moved


def test_a_full_disk_ends_training_with_its_reason(
    squares: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OutputError, match="No space left on device"):
        train(_options(squares, tmp_path / "a.keras"))
    assert [path.name for path in tmp_path.iterdir()] == ["data"]


def test_jaccard_loss_is_what_its_formula_says() -> None:
    """Against a plain NumPy reading of the two terms; VOID has no part in either."""
    rng = np.random.default_rng(3)
    labels = rng.integers(0, 3, (2, 8, 6)).astype(np.uint8)
    labels[0, :3] = VOID
    logits = rng.normal(size=(2, 8, 6, 3)).astype(np.float32)
    weights = np.array([1.0, 2.0, 0.5], np.float32)
    share = np.exp(logits) / np.exp(logits).sum(-1, keepdims=True)
    known = labels != VOID
    truth = np.eye(256)[labels][..., :3]
    entropy = -np.log((share * truth).sum(-1)[known]) * weights[labels[known]]
    each = np.s_[:, ::2, ::2]
    hits = (share * truth)[each].sum((0, 1, 2))
    union = (share * known[..., None] + truth)[each].sum((0, 1, 2)) - hits
    expected = entropy.sum() / labels.size + 0.7 * (1 - hits / (union + 1)).mean()
    found = float(segmentation_loss(weights, 0.7)(labels, logits))
    assert found == pytest.approx(expected, rel=1e-5)


def test_pasting_takes_only_the_named_classes() -> None:
    image, other = np.zeros((4, 4, 3), np.uint8), np.full((4, 4, 3), 9, np.uint8)
    labels = np.zeros((4, 4), np.uint8)
    other_labels = np.repeat(np.array([0, 1, 2, VOID], np.uint8), 4).reshape(4, 4)
    pixels, classes = paste(image, labels, other, other_labels, np.array([2]))
    np.testing.assert_array_equal(classes[:, 0], [0, 0, 2, 0])
    np.testing.assert_array_equal(pixels[:, 0, 0], [0, 0, 9, 0])


def test_a_view_has_its_size_and_follows_its_seed() -> None:
    image = np.random.default_rng(0).integers(0, 256, (60, 90, 3)).astype(np.uint8)
    labels = np.ones((60, 90), np.uint8)
    one, same, other = (
        augment(image, labels, Size(48, 32), np.random.default_rng(seed)) for seed in (1, 1, 2)
    )
    assert one[0].shape == (32, 48, 3)
    assert set(np.unique(one[1])) <= {1, VOID}
    np.testing.assert_array_equal(one[0], same[0])
    assert not np.array_equal(one[0], other[0])


@pytest.mark.parametrize("learns", [False, True])
def test_the_last_transposed_convolution_moves_only_where_it_may(
    squares: Path, tmp_path: Path, learns: bool
) -> None:
    import keras

    from edgeseg.fcn import bilinear_kernel

    report = train(
        _options(squares, tmp_path / "m.keras", upsampling="transpose", learn_upsampling=learns)
    )
    layer = keras.saving.load_model(report.path, compile=False).get_layer("logits_up")
    moved = not np.array_equal(layer.get_weights()[0], bilinear_kernel(32, 3))
    assert moved == learns


def test_a_resize_has_nothing_to_learn(squares: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"--learn-upsampling needs --upsampling transpose"):
        train(_options(squares, tmp_path / "m.keras", learn_upsampling=True))
