"""The supervision of capture processes, with a grabber that does what it is told."""

from __future__ import annotations

import itertools
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from camera_faults import consumed, next_frame, status_of, until
from scripted_grabber import KIND

from edgeseg.errors import SourceError
from edgeseg.manifest import Size
from edgeseg.sources.live import LiveSettings, LiveSource

RIG = Path(__file__).parents[1] / "rig"
START_S = 20.0


def scripted(*, wait: bool = False, stall_s: float = 0.5, **options: object) -> LiveSource:
    settings = LiveSettings(
        wait=wait, stall_s=stall_s, first_wait_s=0.05, environment={"PYTHONPATH": str(RIG)}
    )
    return LiveSource(
        "scripted", KIND, options, settings, explain=lambda reason: f"cannot be had: {reason}"
    )


def test_pictures_of_changing_sizes_are_whole() -> None:
    sizes = [(64, 48), (640, 480), (33, 7), (1920, 1080), (64, 48)]
    source = scripted(sizes=sizes)
    frames = list(itertools.islice(source.frames(), 30))
    for frame in frames:
        assert frame.layout == "grey"
        assert frame.raw.shape[::-1] == sizes[frame.index % len(sizes)]
        assert np.all(frame.raw == (frame.index + 1) % 256)
    assert len({frame.raw.shape for frame in frames}) >= 3
    assert status_of(source).captured == 30 + sum(source.dropped.values())


def test_a_frame_is_the_consumers_own() -> None:
    source = scripted(fps=200.0)
    kept = list(itertools.islice(source.frames(), 12))
    assert all(np.all(frame.raw == (frame.index + 1) % 256) for frame in kept)
    kept[0].raw[:] = 0


def test_no_picture_is_torn_when_they_come_faster_than_they_can_be_copied() -> None:
    source = scripted(sizes=[(1920, 1080)], fps=2000.0)
    for frame in itertools.islice(source.frames(), 60):
        assert frame.raw.min() == frame.raw.max()
        time.sleep(0.01)  # on a slow machine the pictures would come no faster than they are taken
    assert source.dropped["newer"] > 0


def test_age_counts_from_the_capture() -> None:
    source = scripted()
    ages = [time.monotonic() - frame.captured_s for frame in itertools.islice(source.frames(), 30)]
    assert min(ages) >= 0
    assert sorted(ages)[15] < 0.05


def test_a_lost_device_is_opened_again_and_counting_goes_on() -> None:
    source = scripted(fails="lost", fails_after=5)
    frames = list(itertools.islice(source.frames(), 12))
    assert [frame.index for frame in frames][-1] >= 11
    assert status_of(source).losses == 1
    assert status_of(source).mode.endswith("GREY/2 100 fps")
    assert source.size == Size(64, 48)
    assert source.notes == ["scripted was lost once during the run (it went away)"]


def test_a_bug_in_a_grabber_is_a_loss_like_any_other() -> None:
    source = scripted(fails="bug", fails_after=5)
    assert len(list(itertools.islice(source.frames(), 12))) == 12
    assert status_of(source).reason == "a bug"


def test_a_stuck_grabber_is_replaced_by_one_that_knows_what_it_knew() -> None:
    source = scripted(fails="stuck", fails_after=5)
    with consumed(source) as seen:
        next_frame(seen, START_S)
        noticed_s = until(lambda: status_of(source).state == "stalled", START_S)
        before = source.pid
        until(lambda: status_of(source).state == "live", START_S)
        assert source.pid != before
        assert status_of(source).mode.endswith("GREY/2 100 fps")
    print(f"stuck: noticed after {noticed_s:.2f} s")  # noqa: T201
    assert noticed_s < 3.0
    assert status_of(source).losses == 1


def test_a_device_that_refuses_is_an_error_in_the_words_of_its_kind() -> None:
    with pytest.raises(SourceError, match="cannot be had: it is not at home"):
        next(scripted(fails="refused").frames())


def test_what_cannot_be_mended_is_an_error_even_for_those_who_wait() -> None:
    source = scripted(fails="final", fails_after=3, wait=True)
    with pytest.raises(SourceError, match="scripted: it went away"):
        list(source.frames())
    assert status_of(source).state == "ended"


def test_an_unknown_kind_is_an_error() -> None:
    source = LiveSource("nothing", "no_such_module:Grabber", {})
    with pytest.raises(SourceError, match="no_such_module"):
        next(source.frames())


@pytest.mark.parametrize("fails", ["refused", "stuck"])
def test_close_returns_at_once(fails: str) -> None:
    source = scripted(fails=fails, fails_after=3, wait=True)
    with consumed(source):
        until(lambda: source.pid is not None, START_S)
        time.sleep(0.7)
        begun_s = time.monotonic()
        source.close()
        took_s = time.monotonic() - begun_s
    assert took_s < 1.5


def test_close_before_and_while_it_starts() -> None:
    source = scripted()
    source.close()
    assert list(source.frames()) == []
    source = scripted()
    with consumed(source) as seen:
        until(lambda: source.pid is not None, START_S)
        source.close()
    assert seen.error is None
    assert status_of(source).state == "ended"


def test_nothing_is_left_behind() -> None:
    def held() -> int:
        return len(list(Path("/proc/self/fd").iterdir()))

    list(itertools.islice(scripted().frames(), 3))
    before = held()
    for _ in range(3):
        list(itertools.islice(scripted().frames(), 3))
    assert held() <= before


def test_options_stand_in_no_command_line() -> None:
    source = scripted(fails="secret")
    with consumed(source) as seen:
        next_frame(seen, START_S)
        assert b"secret" not in Path(f"/proc/{source.pid}/cmdline").read_bytes()


_PARENT = """
import sys
from edgeseg.sources.live import LiveSettings, LiveSource
settings = LiveSettings(environment={"PYTHONPATH": sys.argv[1]})
source = LiveSource("scripted", sys.argv[2], {"fails": "stuck", "fails_after": 3}, settings)
for frame in source.frames():
    print(source.pid, flush=True)
"""


def test_a_killed_parent_takes_even_a_stuck_child_along() -> None:
    parent = subprocess.Popen(
        [sys.executable, "-c", _PARENT, str(RIG), KIND], stdout=subprocess.PIPE, text=True
    )
    assert parent.stdout is not None
    with parent.stdout as said:
        child = int(said.readline())
    os.kill(parent.pid, signal.SIGKILL)
    parent.wait()
    until(lambda: not _is_running(child), 5.0)


def _is_running(pid: int) -> bool:
    try:
        return ") Z " not in Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False
