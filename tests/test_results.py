"""Results one after the other, in a loop of the caller's own."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import pytest

import edgeseg
from edgeseg.errors import EdgesegError, ModelError, SourceError
from edgeseg.segmenter import open_segmenter

FLAGS = "size=64x48&frames=20"


def test_every_result_of_a_recorded_source_in_order() -> None:
    with edgeseg.stream(source=f"synthetic://street?{FLAGS}") as results:
        indices = [result.frame.index for result in results]
        assert indices == list(range(20))
    assert results.summary.frames == 20
    assert results.monitor.now().masked == 20


def test_a_live_source_gives_the_newest_result() -> None:
    with edgeseg.stream(source=f"synthetic://street?{FLAGS}&live=1&fps=100") as results:
        taken = []
        for result in results:
            taken.append(result.frame.index)
            time.sleep(0.05)
    assert taken == sorted(set(taken))
    assert 2 <= len(taken) < 20
    assert results.summary.captured == 20


def test_leaving_ends_the_run() -> None:
    start_s = time.monotonic()
    with edgeseg.stream(source="synthetic://street?size=64x48&live=1") as results:
        for result in results:
            assert result.mask.shape == (48, 64)
            break
    assert time.monotonic() - start_s < 3
    assert not [one for one in threading.enumerate() if one.name == "edgeseg-stream"]


def test_errors_are_raised_where_results_are_taken(tmp_path: Path) -> None:
    picture = tmp_path / "broken"
    picture.mkdir()
    (picture / "a.png").write_bytes(b"no picture")
    with (
        edgeseg.stream(source=str(picture)) as results,
        pytest.raises(SourceError, match="are they"),
    ):
        list(results)
    with pytest.raises(EdgesegError, match="no summary"):
        _ = results.summary


def test_what_cannot_be_opened_is_said_at_once(tmp_path: Path) -> None:
    with pytest.raises(SourceError):
        edgeseg.stream(source=str(tmp_path / "nothing.mp4"))
    with pytest.raises(ModelError):
        edgeseg.stream("nothing", f"synthetic://street?{FLAGS}")


def test_an_open_segmenter_stays_open() -> None:
    with open_segmenter("fcn32") as segmenter:
        for _ in range(2):
            with edgeseg.stream(segmenter, f"synthetic://street?{FLAGS}", limit=3) as results:
                assert len(list(results)) == 3
