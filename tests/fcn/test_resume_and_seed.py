"""Training is repeatable with its seed, and an interrupted one goes on as if nothing had been."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np
import pytest

from edgeseg.errors import ConfigError
from edgeseg.fcn import read_card
from edgeseg.fcn.checkpoint import checkpoint_path
from edgeseg.fcn.encoder import ENCODERS
from edgeseg.fcn.train import TrainOptions, train
from edgeseg.labels import LabelSet, palette_for
from edgeseg.manifest import Size

pytestmark = pytest.mark.convert

SCRIPT = Path(__file__).parent / "train_tiny.py"
NAMES = ("red", "green", "blue")
EPOCHS = 4


class Trained(NamedTuple):
    """What a run ended with: the loss of each epoch, and the weights."""

    losses: list[float]
    weights: list[Any]


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twelve pictures of random coloured squares, with their class names beside."""
    folder = tmp_path_factory.mktemp("squares")
    rng = np.random.default_rng(0)
    colors = np.array([(0, 0, 220), (0, 220, 0), (220, 0, 0)], np.uint8)
    for number in range(12):
        mask = rng.integers(0, 3, (8, 8), np.uint8).repeat(8, 0).repeat(8, 1)
        for name, picture in (("images", colors[mask]), ("masks", mask)):
            (folder / name).mkdir(exist_ok=True)
            cv2.imwrite(str(folder / name / f"{number:02}.png"), picture)
    (folder / "names.txt").write_text("\n".join(NAMES))
    return folder


@pytest.fixture
def tiny_encoder() -> Iterator[None]:
    spec = spec_from_file_location("train_tiny", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    module.add_tiny_encoder()
    yield
    del ENCODERS["tiny"]


def _read(path: Path) -> Trained:
    import keras

    card = read_card(path)
    assert card is not None
    return Trained(card.trained["loss"], keras.models.load_model(path).get_weights())


def _assert_same(one: Trained, other: Trained) -> None:
    """Equal but for the last bits, which the order of sums on several cores may change."""
    np.testing.assert_allclose(one.losses, other.losses, rtol=1e-4)
    for left, right in zip(one.weights, other.weights, strict=True):
        np.testing.assert_allclose(left, right, rtol=1e-4, atol=1e-5)


def _options(data: Path, output: Path) -> TrainOptions:
    return TrainOptions(
        data=data,
        output=output,
        labels=LabelSet(NAMES, palette_for(3), None),
        encoder="tiny",
        input_size=Size(64, 64),
        epochs=2,
        batch_size=2,
    )


@pytest.mark.usefixtures("tiny_encoder")
def test_the_seed_decides_everything_random(data: Path, tmp_path: Path) -> None:
    def run(name: str, seed: int) -> Trained:
        train(replace(_options(data, tmp_path / name), seed=seed))
        return _read(tmp_path / name)

    first, again, other = run("a.keras", 1), run("b.keras", 1), run("c.keras", 2)
    _assert_same(first, again)
    apart = [float(np.abs(a - b).max()) for a, b in zip(first.weights, other.weights, strict=True)]
    assert max(apart) > 0.1
    assert max(abs(a - b) for a, b in zip(first.losses, other.losses, strict=True)) > 1e-3


@pytest.mark.usefixtures("tiny_encoder")
def test_resuming_as_another_run_is_refused_with_what_differs(data: Path, tmp_path: Path) -> None:
    def interrupt(epoch: int, *_: float) -> None:
        if epoch == 2:
            raise KeyboardInterrupt

    options = _options(data, tmp_path / "a.keras")
    with pytest.raises(KeyboardInterrupt):
        train(options, interrupt)
    before = checkpoint_path(options.output).read_bytes()
    cases: tuple[tuple[dict[str, Any], str], ...] = (
        ({"seed": 2}, "seed was 1, now 2"),
        ({"learning_rate": 0.01}, "learning_rate was 0.001, now 0.01"),
        ({"epochs": 5, "batch_size": 3}, "batch_size was 2, now 3, epochs was 2, now 5"),
        ({"holdout": "00*"}, "data was 12 images, [0-9a-f]{12}, now 11 images"),
    )
    for changes, says in cases:
        with pytest.raises(ConfigError, match=f"state of another run: .*{says}"):
            train(replace(options, resume=True, **changes))
    picture = min((data / "images").iterdir())
    whole = picture.read_bytes()
    picture.write_bytes(whole + b"x")
    with pytest.raises(ConfigError, match=r"data was 12 images, \w+, now 12 images, \w+;"):
        train(replace(options, resume=True))
    picture.write_bytes(whole)
    assert checkpoint_path(options.output).read_bytes() == before


Run = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture(scope="module")
def edgeseg_train(data: Path) -> Run:
    """`edgeseg train` in a process of its own, as typed."""

    def run(output: Path, *more: str, cut: str = "") -> subprocess.CompletedProcess[str]:
        options = {
            "--data": str(data),
            "--labels": str(data / "names.txt"),
            "--encoder": "tiny",
            "--input-size": "64x64",
            "--batch-size": "2",
            "--epochs": str(EPOCHS),
            "-o": str(output),
        }
        words = [word for pair in options.items() for word in pair]
        return subprocess.run(
            (sys.executable, str(SCRIPT), "train", *words, *more),
            env={**os.environ, "EDGESEG_TEST_SIGNAL": cut},
            capture_output=True,
            text=True,
            timeout=600,
            check=False,
        )

    return run


@pytest.fixture(scope="module")
def uninterrupted(edgeseg_train: Run, tmp_path_factory: pytest.TempPathFactory) -> Trained:
    output = tmp_path_factory.mktemp("whole") / "whole.keras"
    done = edgeseg_train(output)
    assert done.returncode == 0, done.stderr
    return _read(output)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("number", "cuts", "code"),
    [
        (signal.SIGINT, ["3:2"], 130),
        (signal.SIGKILL, ["2:5", "4:1"], -signal.SIGKILL),
    ],
)
def test_an_interrupted_run_resumes_to_the_same_losses_and_weights(
    edgeseg_train: Run,
    uninterrupted: Trained,
    tmp_path: Path,
    number: int,
    cuts: list[str],
    code: int,
) -> None:
    output = tmp_path / "cut.keras"
    for attempt, place in enumerate(cuts):
        more = ("--resume",) if attempt else ()
        done = edgeseg_train(output, *more, cut=f"{int(number)} at {place}")
        assert done.returncode == code, done.stderr
        assert [path.name for path in tmp_path.iterdir()] == [checkpoint_path(output).name]
        if number == signal.SIGINT:
            assert "the same command with --resume goes on from here" in done.stderr
            assert "Traceback" not in done.stderr
    refused = edgeseg_train(output)
    assert refused.returncode == 2
    assert "holds an interrupted run: add --resume" in refused.stderr
    done = edgeseg_train(output, "--resume")
    assert done.returncode == 0, done.stderr
    assert len(uninterrupted.losses) == EPOCHS
    _assert_same(_read(output), uninterrupted)
    assert [path.name for path in tmp_path.iterdir()] == [output.name]


@pytest.mark.slow
def test_a_cut_before_the_first_epoch_ends_leaves_nothing_behind(
    edgeseg_train: Run, tmp_path: Path
) -> None:
    done = edgeseg_train(tmp_path / "a.keras", cut=f"{int(signal.SIGKILL)} at 1:3")
    assert done.returncode == -signal.SIGKILL
    assert list(tmp_path.iterdir()) == []
