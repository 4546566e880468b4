"""The log: whole lines under the final name, at any time."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from edgeseg.errors import OutputError
from edgeseg.labels import STREET
from edgeseg.loop import FrameResult
from edgeseg.sinks.stats import StatsSink

MakeResult = Callable[..., FrameResult]


def test_a_line_is_there_as_soon_as_it_is_written(tmp_path: Path, make_result: MakeResult) -> None:
    path = tmp_path / "run.jsonl"
    sink = StatsSink(path, STREET.names)
    for index in range(3):
        sink.write(make_result(index))
        lines = path.read_text().splitlines()
        assert len(lines) == index + 1
    record = json.loads(lines[2])
    assert record["frame"] == 2
    assert record["name"] == "000002"
    assert record["age_ms"] == 12.346
    assert record["captured_s"] == 0.08
    assert (record["prepare_ms"], record["infer_ms"], record["decode_ms"]) == (1.0, 2.0, 0.5)
    assert record["coverage"]["road"] == record["coverage"]["sky"] == 0.5
    assert list(record["coverage"]) == list(STREET.names)
    sink.close()
    sink.close()


def test_an_older_log_stays_until_the_first_result(tmp_path: Path, make_result: MakeResult) -> None:
    path = tmp_path / "run.jsonl"
    path.write_text("old\n")
    with StatsSink(path, STREET.names):
        pass
    assert path.read_text() == "old\n"
    with StatsSink(path, STREET.names) as sink:
        sink.write(make_result())
    assert len(path.read_text().splitlines()) == 1
    assert "old" not in path.read_text()


def test_a_log_is_gone_on_with(tmp_path: Path, make_result: MakeResult) -> None:
    path = tmp_path / "run.jsonl"
    path.write_text("{}\n")
    with StatsSink(path, STREET.names, append=True) as sink:
        sink.write(make_result(7))
        assert sink.written_bytes == path.stat().st_size - 3
    assert [json.loads(line).get("frame") for line in path.read_text().splitlines()] == [None, 7]


def test_a_full_disk(make_result: MakeResult) -> None:
    with (
        StatsSink(Path("/dev/full"), STREET.names) as sink,
        pytest.raises(OutputError, match="/dev/full: No space"),
    ):
        sink.write(make_result())


@pytest.mark.parametrize("name", ["missing/run.jsonl", "."])
def test_what_cannot_be_written_is_refused_at_once(tmp_path: Path, name: str) -> None:
    with pytest.raises(OutputError):
        StatsSink(tmp_path / name, STREET.names)
