"""Asked to end in whatever state: soon, with the right exit code, and with outputs that play."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from edgeseg.benchmarks.faults.states import STATES, why_not
from edgeseg.benchmarks.faults.stop import SIGNALS, WITHIN_S, stop

pytest.importorskip("aiohttp", reason="needs aiohttp; pip install 'edgeseg[serve]'")

# The two seconds are for `python -m edgeseg.benchmarks.faults stop` on a quiet machine.
SLACK = 2


def check(state: str, number: signal.Signals, folder: Path) -> None:
    if reason := why_not(state):
        pytest.skip(reason)
    done = stop(state, number, folder / "run")
    assert not done.wrong
    assert done.seconds < SLACK * WITHIN_S


@pytest.mark.parametrize(
    ("state", "number"),
    [
        ("opening", signal.SIGINT),
        ("live", signal.SIGTERM),
        ("stalled", signal.SIGTERM),
    ],
)
def test_it_ends_when_asked(state: str, number: signal.Signals, tmp_path: Path) -> None:
    check(state, number, tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("number", SIGNALS)
@pytest.mark.parametrize("state", list(STATES))
def test_it_ends_when_asked_in_any_state(
    state: str, number: signal.Signals, tmp_path: Path
) -> None:
    check(state, number, tmp_path)
