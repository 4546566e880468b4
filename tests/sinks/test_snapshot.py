"""The snapshot: the last result, complete or not at all."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import cv2
import pytest

from edgeseg.errors import ConfigError, OutputError
from edgeseg.loop import FrameResult
from edgeseg.overlay import Painter
from edgeseg.sinks.snapshot import SnapshotSink

MakeResult = Callable[..., FrameResult]


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".JPEG", ".webp", ".bmp"])
def test_the_last_result_is_kept(
    tmp_path: Path, painter: Painter, make_result: MakeResult, suffix: str
) -> None:
    path = tmp_path / f"last{suffix}"
    with SnapshotSink(path, painter) as sink:
        for index in (10, 20, 30):
            sink.write(make_result(index))
        assert not path.exists()
    picture = cv2.imread(str(path))
    assert picture.shape == (48, 64, 3)
    assert picture.mean() == pytest.approx(30, abs=1)


def test_no_result_no_file(tmp_path: Path, painter: Painter) -> None:
    SnapshotSink(tmp_path / "last.png", painter).close()
    assert list(tmp_path.iterdir()) == []


def test_closing_twice_writes_once(
    tmp_path: Path, painter: Painter, make_result: MakeResult
) -> None:
    sink = SnapshotSink(tmp_path / "last.png", painter)
    sink.write(make_result())
    sink.close()
    (tmp_path / "last.png").unlink()
    sink.close()
    assert list(tmp_path.iterdir()) == []


def test_names_that_cannot_be_written(tmp_path: Path, painter: Painter) -> None:
    with pytest.raises(ConfigError, match=r"\.png"):
        SnapshotSink(tmp_path / "last.txt", painter)
    with pytest.raises(OutputError):
        SnapshotSink(tmp_path / "missing" / "last.png", painter)
