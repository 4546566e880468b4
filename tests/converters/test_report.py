"""The proof report: what the page says, that it stands alone, and that it survives a refusal."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from edgeseg.converters import ConvertOptions, ConvertReport, convert
from edgeseg.errors import ConfigError, GateError, OutputError
from edgeseg.masks import read_image

pytestmark = pytest.mark.convert


class Page(HTMLParser):
    """What a page consists of."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.text: list[str] = []
        self.sources: list[str] = []
        self.captions: list[str] = []
        self.headings: list[str] = []
        self.open: list[str] = []
        self.feed(path.read_text())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.open.append(tag)
        self.sources += [value or "" for name, value in attrs if name in ("src", "href")]

    def handle_endtag(self, tag: str) -> None:
        while self.open and self.open.pop() != tag:
            pass

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] not in ("style", "title"):
            self.text.append(data)
        if self.open and self.open[-1] == "figcaption":
            self.captions.append(data)
        if self.open and self.open[-1] == "h2":
            self.headings.append(data)

    @property
    def words(self) -> str:
        return re.sub(r"\s+", " ", " ".join(self.text))


@pytest.fixture(scope="module")
def options(
    color_file: Path, pictures: Path, tmp_path_factory: pytest.TempPathFactory
) -> ConvertOptions:
    folder = tmp_path_factory.mktemp("made")
    masks = folder / "masks"
    masks.mkdir()
    for image in pictures.iterdir():
        bgr = cv2.GaussianBlur(read_image(image), (0, 0), 9)
        cv2.imwrite(str(masks / image.name), bgr[..., ::-1].argmax(axis=-1).astype(np.uint8))
    return ConvertOptions(
        str(color_file),
        folder / "colors.tflite",
        "int8",
        calibration=pictures,
        masks=masks,
        report=folder / "proof.html",
    )


@pytest.fixture(scope="module")
def made(options: ConvertOptions) -> ConvertReport:
    return convert(options)


@pytest.fixture(scope="module")
def page(options: ConvertOptions, made: ConvertReport) -> Page:
    assert made.path.exists()
    assert options.report is not None
    return Page(options.report)


def test_the_figures_are_those_of_the_proof(made: ConvertReport, page: Page) -> None:
    proof = made.proof
    for share in (proof.agreement, proof.worst, *proof.per_class.values()):
        assert f"{share:.2%}".replace("%", " %") in page.words
    assert proof.worst_frame in page.words
    assert f"{proof.mean_iou:.3f}" in page.words
    assert f"{made.size_bytes:,} bytes" in page.words
    assert made.calibrated_on in page.words


def test_pictures_of_the_frames_that_agree_least(page: Page, made: ConvertReport) -> None:
    frame = ["image", "float network", "new file", "where they differ", "mask"]
    assert page.captions == frame * made.proof.frames  # fewer than the page shows at most
    assert page.words.index(made.proof.worst_frame) < page.words.index("agree least")


def test_the_page_needs_nothing_from_elsewhere(page: Page) -> None:
    assert all(source.startswith("data:image/") for source in page.sources)
    assert len(page.sources) == len(page.captions)


def test_layers_operators_warnings_and_the_command(made: ConvertReport, page: Page) -> None:
    assert made.layers  # measured for the report, without --sensitivity
    assert f"All {len(made.layers)} layers" in page.words
    for layer in made.layers:
        assert f"{layer.name} {layer.op}" in page.words
    assert "CONV_2D 4" in page.words
    (warning,) = made.warnings
    assert warning.startswith("9 calibration frames")
    assert warning in page.words
    assert all(note in page.words for note in made.notes)
    assert f"--report {made.path.parent}/proof.html" in page.words
    assert made.manifest.source_sha256 in page.words
    assert "tensorflow" in page.words


def test_without_masks_and_layers_their_parts_are_left_out(
    options: ConvertOptions, tmp_path: Path
) -> None:
    report = tmp_path / "p.html"
    output = tmp_path / "o.tflite"
    plain = replace(options, precision="float32", masks=None, report=report, output=output)
    convert(plain)
    page = Page(report)
    assert "Layers" not in page.headings
    assert "mask" not in page.captions
    assert "IoU" not in page.words
    assert "100.00 % of the pixels" in page.words


def test_a_refused_file_has_its_page(options: ConvertOptions, tmp_path: Path) -> None:
    report, output = tmp_path / "p.html", tmp_path / "o.tflite"
    strict = replace(options, report=report, output=output, min_agreement=1.0)
    with pytest.raises(GateError) as refusal:
        convert(strict)
    assert [path.name for path in tmp_path.iterdir()] == ["p.html"]
    page = Page(report)
    assert "Refused, not written: the converted file agrees" in page.words
    assert "the gate is 100.00%" in page.words
    assert page.captions
    assert str(refusal.value).endswith(f"the proof is in {report}")
    assert "9 calibration frames leave" in str(refusal.value)  # warnings come with the refusal


def test_names_cannot_break_the_page(
    options: ConvertOptions, pictures: Path, tmp_path: Path
) -> None:
    for number, image in enumerate(sorted(pictures.iterdir())):
        (tmp_path / f"<b>&{number}.png").write_bytes(image.read_bytes())
    report, output = tmp_path / "p.html", tmp_path / "o.tflite"
    named = replace(
        options, precision="float32", masks=None, calibration=tmp_path, report=report, output=output
    )
    convert(named)
    page = Page(report)
    assert "<b>&" in page.words
    assert "b" not in page.open


def test_a_page_that_cannot_be_written_is_told_before_the_work(options: ConvertOptions) -> None:
    nowhere = replace(options, source="missing.keras", report=Path("/nowhere/p.html"))
    with pytest.raises(OutputError, match=r"cannot write /nowhere/p\.html"):
        convert(nowhere)
    with pytest.raises(ConfigError, match="name two files"):
        convert(replace(options, report=options.output))


@pytest.fixture(autouse=True)
def _silent_stderr(capfd: pytest.CaptureFixture[str]) -> Iterator[Any]:
    """Nothing of TensorFlow's chatter may reach the terminal."""
    yield
    assert capfd.readouterr() == ("", "")
