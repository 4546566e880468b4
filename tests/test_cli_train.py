"""`edgeseg train` as typed: a bar, a table, a file; one line where the data is wrong."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from edgeseg.cli import main


@pytest.fixture
def stripes(tmp_path: Path) -> Path:
    folder = tmp_path / "data"
    for name in ("images", "masks"):
        (folder / name).mkdir(parents=True)
    for number in range(4):
        mask = np.repeat(np.arange(3, dtype=np.uint8), 11)[:, None].repeat(32, 1)
        cv2.imwrite(str(folder / "images" / f"{number}.png"), mask * 80)
        cv2.imwrite(str(folder / "masks" / f"{number}.png"), mask)
    (tmp_path / "names.txt").write_text("dark\nmiddle\nlight\n")
    return folder


def _options(data: Path, *more: str) -> list[str]:
    names = str(data.parent / "names.txt")
    size = ("--input-size", "32x32", "--batch-size", "2", "--epochs", "1")
    return ["train", "--data", str(data), "--labels", names, *size, *more]


@pytest.mark.convert
@pytest.mark.slow
def test_trains_a_model_that_converts_and_runs(stripes: Path, tmp_path: Path) -> None:
    """The newcomer's way through all verbs, each in a process of its own."""
    keras, tflite = tmp_path / "mine.keras", tmp_path / "mine.tflite"
    images = str(stripes / "images")
    table = _edgeseg(*_options(stripes, "-o", str(keras), "--val", str(stripes)))
    assert "miou" in table
    assert "middle" in table
    assert "agreement" in _edgeseg(
        "convert", str(keras), "--float32", "--calib", images, "-o", str(tflite)
    )
    assert "masked" in _edgeseg("run", str(tflite), "--source", images, "--no-window")


def _edgeseg(*arguments: str) -> str:
    command = (sys.executable, "-m", "edgeseg", *arguments)
    done = subprocess.run(command, capture_output=True, text=True, timeout=600, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (("--synthetic", "0.5"), "--synthetic renders CamVid's 11 street classes"),
        (("--decoder", "fcn4"), "no decoder 'fcn4'"),
        (("--encoder", "alexnet"), "no encoder 'alexnet'"),
        (("--upsampling", "cubic"), "no upsampling 'cubic'"),
        (("--weights", "/missing.h5"), "cannot load /missing.h5"),
        (("--ignore", "2", "--holdout", "none*"), "keeps 0 of 4"),
    ],
)
@pytest.mark.convert
def test_mistakes_are_one_line(
    stripes: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    more: tuple[str, ...],
    message: str,
) -> None:
    code = main(_options(stripes, "-o", str(tmp_path / "a.keras"), *more))
    said = capsys.readouterr().err.strip().splitlines()
    assert code == 2
    assert message in said[-1]
    assert said[-1].startswith("edgeseg: error:")
    assert list(tmp_path.glob("*.keras*")) == []
