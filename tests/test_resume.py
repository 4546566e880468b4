"""Resuming: each frame exactly once, and never the masks of another run mixed in."""

from __future__ import annotations

import json
import os
import threading
import time
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from edgeseg.errors import ConfigError
from edgeseg.labels import STREET, palette_for
from edgeseg.loop import run_stream
from edgeseg.manifest import Head, Manifest, Preparation, Size
from edgeseg.resume import JOURNAL, plan_resume
from edgeseg.segmenter import Segmentation, StageTimes
from edgeseg.sinks.masks import MaskSink
from edgeseg.sinks.stats import StatsSink
from edgeseg.sources import open_source

COUNT = 12
PALETTE = palette_for(COUNT + 4)


class Brightness:
    """Says class = brightness / 10 everywhere, and remembers what it was asked."""

    manifest = Manifest(STREET.names, STREET.palette, Preparation(Size(8, 8)), Head())

    def __init__(self) -> None:
        self.levels: list[int] = []

    def segment(self, frame: NDArray[np.uint8], *, layout: str = "bgr") -> Segmentation:  # noqa: ARG002
        level = round(float(frame.mean()) / 10)
        self.levels.append(level)
        return Segmentation(np.full(frame.shape[:2], level, np.uint8), StageTimes(1, 2, 3))


class Runs:
    """Runs over one source into one folder, as the command line has them."""

    def __init__(self, folder: Path) -> None:
        self.source = folder / "source"
        self.masks, self.log, self.model = folder / "masks", folder / "log", folder / "m.tflite"
        self.model.write_bytes(b"a model")
        self.options: dict[str, object] = {}
        self.with_log = True
        self.notes: tuple[str, ...] = ()

    def run(self, *, resume: bool = False, limit: int | None = None) -> list[int]:
        """Return what was masked."""
        source = open_source(str(self.source))
        log = self.log if self.with_log else None
        plan = plan_resume(
            source, self.masks, model=self.model, options=self.options, stats=log, resume=resume
        )
        self.notes = plan.notes
        sinks = [MaskSink(self.masks, PALETTE)]
        if log is not None:
            sinks.append(StatsSink(log, STREET.names, append=plan.going_on))
        plan.begin()
        segmenter = Brightness()
        run_stream(source, segmenter, sinks, stop=threading.Event(), limit=limit)
        return segmenter.levels

    def check_whole(self, count: int = COUNT) -> None:
        """Each frame is in each output exactly once, and right."""
        masks = sorted(path for path in self.masks.iterdir() if path.name != JOURNAL)
        assert len(masks) == count
        levels = [cv2.imread(str(path))[0, 0, ::-1].tolist() for path in masks]
        assert levels == [list(PALETTE[level]) for level in range(count)]
        if self.with_log:
            names = [json.loads(line)["name"] for line in self.log.read_text().splitlines()]
            assert sorted(names) == [path.stem for path in masks]


def write_images(folder: Path, levels: range) -> None:
    folder.mkdir(exist_ok=True)
    for level in levels:
        pixels = np.full((16, 24, 3), level * 10, np.uint8)
        assert cv2.imwrite(str(folder / f"{level:06d}.png"), pixels)


@pytest.fixture
def runs(tmp_path: Path) -> Runs:
    runs = Runs(tmp_path)
    write_images(runs.source, range(COUNT))
    return runs


@pytest.fixture(params=["folder", "video"])
def each(request: pytest.FixtureRequest, tmp_path: Path) -> Runs:
    """A folder of images, and a video of the same."""
    runs = Runs(tmp_path)
    if request.param == "folder":
        write_images(runs.source, range(COUNT))
        return runs
    runs.source = tmp_path / "source.avi"
    writer = cv2.VideoWriter(str(runs.source), cv2.VideoWriter.fourcc(*"MJPG"), 10, (24, 16))
    for level in range(COUNT):
        writer.write(np.full((16, 24, 3), level * 10, np.uint8))
    writer.release()
    return runs


def test_what_is_left_is_done_and_nothing_twice(each: Runs) -> None:
    assert each.run(limit=5) == [0, 1, 2, 3, 4]
    assert each.run(resume=True) == list(range(5, COUNT))
    assert "5 of 12 frames are done" in each.notes[0]
    each.check_whole()
    assert each.run(resume=True) == []
    each.check_whole()


def test_it_may_be_interrupted_again_and_again(each: Runs) -> None:
    for _ in range(4):
        each.run(resume=True, limit=3)
    each.check_whole()


def test_gaps_are_filled(each: Runs) -> None:
    each.run()
    (each.masks / "000004.png").unlink()
    (each.masks / "000007.png").unlink()
    assert each.run(resume=True) == [4, 7]
    each.check_whole()


def test_a_mask_without_its_line_and_a_line_without_its_mask(each: Runs) -> None:
    each.run(limit=8)
    lines = each.log.read_text().splitlines(keepends=True)
    each.log.write_text("".join([*lines[:3], *lines[4:], lines[2], '{"name": "0000']))
    (each.masks / "000006.png").unlink()
    assert each.run(resume=True) == [3, 6, 8, 9, 10, 11]
    each.check_whole()


def test_images_that_came_later_are_done_too(runs: Runs) -> None:
    write_images(runs.source, range(COUNT, COUNT + 2))
    runs.run(limit=3)
    write_images(runs.source, range(COUNT + 2, COUNT + 4))
    assert runs.run(resume=True) == list(range(3, COUNT + 4))
    assert runs.run(resume=True) == []


def test_what_is_done_is_not_even_read(runs: Runs) -> None:
    runs.with_log = False
    runs.run(limit=6)
    path = runs.source / "000002.png"
    stamp = path.stat()
    path.write_bytes(b"x" * stamp.st_size)
    set_time(path, stamp.st_mtime_ns)
    assert runs.run(resume=True) == list(range(6, COUNT))


def set_time(path: Path, mtime_ns: int) -> None:
    os.utime(path, ns=(mtime_ns, mtime_ns))


def test_masks_of_a_run_before_the_interrupted_one_do_not_count(runs: Runs) -> None:
    runs.run()
    runs.model.write_bytes(b"a better model")
    assert len(runs.run(limit=4)) == 4
    assert runs.run(resume=True) == list(range(4, COUNT))
    runs.check_whole()


def test_nothing_there_is_a_beginning(runs: Runs) -> None:
    assert runs.run(resume=True) == list(range(COUNT))
    runs.check_whole()


def test_without_resume_everything_is_done_again(runs: Runs) -> None:
    runs.run()
    assert runs.run() == list(range(COUNT))
    runs.check_whole()


def test_all_that_differs_is_said_at_once(runs: Runs, tmp_path: Path) -> None:
    runs.options = {"normalize": "0..1", "every": 2, "color": None}
    runs.run(limit=3)
    before = {path.name: path.read_bytes() for path in runs.masks.iterdir()}
    runs.model = tmp_path / "other.tflite"
    runs.model.write_bytes(b"another model")
    runs.options = {"every": 3}
    runs.log = tmp_path / "elsewhere"
    for level in (1, 2, 7, 9):
        write_images(runs.source, range(level, level + 1))
        set_time(runs.source / f"{level:06d}.png", time.time_ns() + level)
    with pytest.raises(ConfigError) as caught:
        runs.run(resume=True)
    for words in (
        "the model was m.tflite, and is other.tflite now",
        "4 images have changed since (000001.png, 000002.png, 000007.png, ...)",
        f"it wrote the log {tmp_path / 'log'}, and now it is the log {tmp_path / 'elsewhere'}",
        "every was 2, and is 3 now",
        "normalize was 0..1, and is not given now",
        "leave out --resume",
    ):
        assert words in str(caught.value)
    assert "color" not in str(caught.value)
    assert before == {path.name: path.read_bytes() for path in runs.masks.iterdir()}


def test_another_source_is_refused(runs: Runs, tmp_path: Path) -> None:
    runs.run(limit=3)
    runs.source = tmp_path / "another"
    write_images(runs.source, range(COUNT))
    with pytest.raises(ConfigError, match=r"the source was .*source, and is .*another now"):
        runs.run(resume=True)


def test_a_model_that_changed_under_its_name(runs: Runs) -> None:
    runs.run(limit=3)
    runs.model.write_bytes(b"trained on")
    with pytest.raises(ConfigError, match=r"the model m\.tflite has changed since"):
        runs.run(resume=True)


def test_masks_that_nobody_signed_are_refused(runs: Runs) -> None:
    runs.run()
    (runs.masks / JOURNAL).unlink()
    with pytest.raises(ConfigError, match="leave out --resume"):
        runs.run(resume=True)


@pytest.mark.parametrize("text", ['{"version": 99}', "[]"])
def test_a_journal_of_another_version(runs: Runs, text: str) -> None:
    runs.run(limit=3)
    (runs.masks / JOURNAL).write_text(text)
    with pytest.raises(ConfigError, match="another version"):
        runs.run(resume=True)


def test_what_cannot_be_resumed(tmp_path: Path) -> None:
    source = open_source("synthetic://street?frames=3")
    (tmp_path / "m.tflite").touch()

    def plan(*, resume: bool) -> None:
        plan = plan_resume(
            source, tmp_path / "masks", model=tmp_path / "m.tflite", options={}, resume=resume
        )
        plan.begin()

    plan(resume=False)
    assert not (tmp_path / "masks").exists()
    with pytest.raises(ConfigError, match="cannot be resumed, only files and folders"):
        plan(resume=True)


def test_the_video_of_a_resumed_run_is_a_second_one(runs: Runs, tmp_path: Path) -> None:
    def plan(*, resume: bool) -> Path:
        source = open_source(str(runs.source))
        found = plan_resume(source, runs.masks, model=runs.model, options={}, resume=resume)
        return found.video_path(tmp_path / "out.mp4").relative_to(tmp_path)

    runs.with_log = False
    runs.run(limit=3)
    assert str(plan(resume=True)) == "out.mp4"
    (tmp_path / "out.mp4").touch()
    assert str(plan(resume=False)) == "out.mp4"
    assert str(plan(resume=True)) == "out-2.mp4"
    (tmp_path / "out-2.mp4").touch()
    assert str(plan(resume=True)) == "out-3.mp4"
