"""Cards of the embedded models: written from the files themselves and from what they see."""

from __future__ import annotations

import re
import shutil
import zipfile
from dataclasses import replace
from pathlib import Path

import cv2
import pytest
from click.testing import CliRunner, Result

from edgeseg import zoo
from edgeseg.converters.cards import main
from edgeseg.fcn.card import MEMBER, ModelCard, read_card
from edgeseg.manifest import Size
from edgeseg.sources.street import render_street

pytestmark = pytest.mark.convert


@pytest.fixture(scope="module")
def streets(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three rendered streets where CamVid has its val."""
    folder = tmp_path_factory.mktemp("streets")
    for number in range(3):
        frame, mask = render_street(number, 2.0, Size(240, 180))
        for name, picture in (("val", frame), ("valannot", mask)):
            (folder / name).mkdir(exist_ok=True)
            cv2.imwrite(str(folder / name / f"{number}.png"), picture)
    return folder


@pytest.fixture
def models(tmp_path: Path) -> Path:
    """The zoo's FCN-8 alone."""
    folder = tmp_path / "zoo"
    folder.mkdir()
    shutil.copy(zoo.resolve_keras("fcn8"), folder)
    shutil.copy(zoo.resolve_tflite("fcn8"), folder)
    return folder


def _held_out(path: Path, **changes: str) -> Path:
    """Write the card, nothing else of a model, of an FCN-8 that never saw a sequence."""
    card = read_card(zoo.resolve_keras("fcn8"))
    assert card is not None
    figures = {
        "images": 101,
        "miou": 0.4567,
        "miou_interval": [0.41, 0.49],
        "pixel_accuracy": 0.81,
        "iou": {"sky": 0.77, "car": 0.5},
    }
    trained = {**card.trained, "images": 266, "evaluated": {"held out 0006R0*": figures}}
    return _write_card(path, replace(card, trained=trained, **changes))  # type: ignore[arg-type]


def _write_card(path: Path, card: ModelCard) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(MEMBER, card.to_json())
    return path


def _cards(data: Path, folder: Path, *more: str) -> Result:
    return CliRunner().invoke(main, ["--data", str(data), "--folder", str(folder), *more])


def test_a_card_tells_what_there_is_to_know(streets: Path, models: Path, tmp_path: Path) -> None:
    held = _held_out(tmp_path / "held.keras")
    other = _held_out(tmp_path / "other.keras", encoder="mobilenetv2-1.0")
    table = tmp_path / "table.md"
    more = ("--held-out", str(other), "--held-out", str(held), "--table", str(table))
    done = _cards(streets, models, *more)
    assert done.exit_code == 0, done.output
    text = (models / "fcn8.md").read_text()
    said = " ".join(text.split())
    for part in (
        "CC BY-NC 4.0",
        "near-train",
        "- seed: 1",
        "201,830,640 a frame of 480x352",
        "406,369 (batch normalization folded)",
        "mIoU **0.457** (95 % of draws of images: 0.410 to 0.490) and pixel accuracy 0.810",
        "IoU: sky 0.770, car 0.500.",
        "## Limits",
    ):
        assert part in said, part
    for row in ("mIoU", "pixel accuracy", "mean accuracy", "frequency-weighted IU", "boundary F"):
        exact, whole = _row(text, row)
        assert 0 < exact <= 1
        assert abs(exact - whole) < 0.05
    assert len(_row(text, "road")) == 4
    float32, int8 = (line for line in table.read_text().splitlines() if line.startswith("| fcn8"))
    assert f"| {_row(text, 'mIoU')[0]:.3f} (" in float32
    assert f"| {_row(text, 'mIoU')[1]:.3f} (" in int8
    assert "| 0.41 M | 202 M |" in int8


def _row(text: str, name: str) -> list[float]:
    found = re.search(rf"^\| {name} \| ([0-9.| ]+) \|$", text, re.MULTILINE)
    assert found, name
    return [float(cell) for cell in found[1].split("|")]


def test_without_a_held_out_run_a_card_says_so(streets: Path, models: Path, tmp_path: Path) -> None:
    held = _held_out(tmp_path / "held.keras", decoder="fcn16")
    assert _cards(streets, models, "--held-out", str(held)).exit_code == 0
    said = " ".join((models / "fcn8.md").read_text().split())
    assert "No run of this decoder with a sequence held out was made; the card of fcn16" in said


def test_what_is_missing_is_told_before_anything_is_written(
    streets: Path, models: Path, tmp_path: Path
) -> None:
    seen = str(zoo.resolve_keras("fcn8"))
    done = _cards(streets, models, "--held-out", seen)
    assert done.exit_code == 1
    assert "was not trained with edgeseg train --holdout" in done.output
    (models / "fcn8-int8.tflite").unlink()
    done = _cards(streets, models)
    assert "no int8 file beside fcn8.keras; edgeseg/zoo/make.sh makes both" in done.output
    empty = tmp_path / "empty"
    empty.mkdir()
    assert "no models in" in _cards(streets, empty).output
    assert "holds no images with masks; expected val/" in _cards(empty, models).output
    assert list(models.glob("*.md")) == []
