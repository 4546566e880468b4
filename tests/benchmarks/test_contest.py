"""Contests: their ratios, their tables, and what the kernels' and the frame's benchmarks do."""

from __future__ import annotations

import json
import os
from io import StringIO
from pathlib import Path
from time import sleep

import cv2
import numpy as np
import pytest
from click.testing import CliRunner
from rich.console import Console

from edgeseg.benchmarks import frame, kernels
from edgeseg.benchmarks.contest import QUICK, Results, contest, draw, save, watched, write_markdown
from edgeseg.errors import ConfigError
from edgeseg.manifest import Size
from edgeseg.metrics import agreement


@pytest.fixture(scope="module")
def results() -> Results:
    def waiting(seconds: float) -> object:
        return lambda: lambda: sleep(seconds)

    contestants = {"slow": waiting(0.004), "quick": waiting(0.001)}

    def take() -> list:
        return [
            contest("speed", contestants, QUICK, unit="times faster", as_speed=True, frames=2),
            contest("time", contestants, QUICK, unit="copies", notes=["a note"]),
        ]

    return watched(take, threads=1)


def test_a_ratio_counts_as_its_table_says(results: Results) -> None:
    speed, time = results.tables
    assert speed.rows[0].times is None
    assert speed.rows[1].times is not None
    assert time.rows[1].times is not None
    assert 1.3 < speed.rows[1].times.value < 5
    assert 1 / 5 < time.rows[1].times.value < 1 / 1.3
    assert speed.rows[1].times.low <= speed.rows[1].times.value <= speed.rows[1].times.high
    # A call does two frames in the first table, and times are of one.
    assert speed.rows[0].median_ms < 0.75 * time.rows[0].median_ms


def test_tables_are_shown_and_kept_with_every_call(results: Results, tmp_path: Path) -> None:
    console = Console(file=StringIO(), width=80)
    draw(results, console)
    assert "a note" in console.file.getvalue()
    save(results, tmp_path / "results.json")
    kept = json.loads((tmp_path / "results.json").read_text())
    assert len(kept["tables"][0]["rounds_ms"][0]) == 2


def test_a_page_gets_the_tables_between_its_marks(results: Results, tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("before\n<!-- x: begin -->\nold\n<!-- x: end -->\nafter\n")
    write_markdown(results, "x", page)
    text = page.read_text()
    assert text.startswith("before\n<!-- x: begin -->\n\nMeasured on ")
    assert "| quick |" in text
    assert "old" not in text
    assert text.endswith("<!-- x: end -->\nafter\n")
    with pytest.raises(ConfigError, match="no block between <!-- y: begin -->"):
        write_markdown(results, "y", page)


@pytest.mark.parametrize("asked", ["", "numpy"])
def test_decode_is_held_against_opencv_on_the_same_scores(
    asked: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EDGESEG_KERNELS", asked)
    ramp = np.linspace(-128, 127, 12 * 16 * 3).reshape(12, 16, 3).round().astype(np.int8)
    scores = np.stack([ramp[..., 0], ramp[::-1, :, 1], ramp[:, ::-1, 2]], axis=-1)
    table = kernels.decode_table("scores", [scores], Size(160, 120), QUICK)
    assert table.rows[0].label == "cv2.resize + np.argmax"
    assert len(table.rows) >= 2
    assert float(table.notes[0].partition("%")[0]) > 99
    assert os.environ["EDGESEG_KERNELS"] == asked


def test_frames_are_rendered_where_none_are_given() -> None:
    first, second = kernels.frames_of(None, 2)
    assert first.shape == (720, 1280, 3)
    assert (first != second).any()


def test_a_frame_needs_three_models_or_none(tmp_path: Path) -> None:
    (tmp_path / "a.tflite").write_bytes(b"")
    done = CliRunner().invoke(frame.main, [str(tmp_path / "a.tflite")])
    assert done.exit_code == 1
    assert "expected three files or none, got 1" in done.output


@pytest.mark.slow
def test_the_kernels_are_timed() -> None:
    done = CliRunner().invoke(kernels.main, ["--quick", "--count", "1"])
    assert done.exit_code == 0, done.output
    assert "times faster" in done.output
    assert "all three" in done.output


@pytest.mark.slow
@pytest.mark.convert
def test_all_ways_of_a_frame_show_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EDGESEG_CACHE", str(tmp_path))
    models = frame.make_models(lambda _: None)
    picture = np.asarray(cv2.resize(kernels.frames_of(None, 1)[0], frame.FRAME), np.uint8)
    with frame.Ours(models.coarse, 1).segmenter as segmenter:
        ours = segmenter.segment(picture).mask
    for kind, model in (
        (frame.Usual, models.transposed),
        (frame.UsualSmooth, models.bilinear),
    ):
        usual = kind(model, 1)
        mask = usual.mask(usual.network.infer(usual.tensor(picture))[0][0], frame.FRAME)
        assert agreement(mask, ours) > 0.9
    done = CliRunner().invoke(frame.main, ["--quick", "--threads", "1"])
    assert done.exit_code == 0, done.output
    assert "ours" in done.output
