"""Asked to end, in whatever state a run is: how long it takes, and what is left of its outputs."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2

from .finding import Finding
from .processes import family, usage
from .running import Ended
from .states import STATES, VIDEO, NotReachedError

WITHIN_S = 2.0
SIGNALS = (signal.SIGTERM, signal.SIGINT)

# States in which a video is being made.
_FILMED = ("live", "lost", "saving a video", "disk full", "display gone", "an output blocks")


@dataclass(frozen=True)
class Stop:
    """How a run ended that was asked to.

    Attributes:
        state: it was in.
        seconds: until it and all its children were gone.
        wrong: what is not as it should be, empty where all is well.
    """

    state: str
    seconds: float
    wrong: str


def stop(state: str, number: int, folder: Path) -> Stop:
    """Bring a run into a state, ask it to end, and look at what is left.

    Args:
        state: one of STATES.
        number: of the signal.
        folder: for the run's files; must not exist.

    Raises:
        NotReachedError: the run did not come into the state.
    """
    with STATES[state](folder) as run:
        pids = family(run.pid)
        start_s = time.monotonic()
        ended = run.end(number)
        while usage(pids).processes and time.monotonic() < start_s + 10 * WITHIN_S:
            time.sleep(0.01)
        seconds = time.monotonic() - start_s
    return Stop(state, seconds, "; ".join(_wrong(state, number, ended, folder)))


def stops(states: Sequence[str], folder: Path, repeats: int = 1) -> list[Finding]:
    """Stop runs in these states by each signal, and find how long they take.

    Args:
        states: of STATES.
        folder: for the runs' files.
        repeats: of each.
    """
    findings = []
    for state in states:
        done: list[Stop] = []
        failures = []
        for trial in range(repeats):
            for number in SIGNALS:
                name = signal.Signals(number).name
                try:
                    place = folder / f"{state.replace(' ', '-')}-{name}-{trial}"
                    done.append(stop(state, number, place))
                except NotReachedError as error:
                    failures.append(f"{name}: {error}")
        failures += [one.wrong for one in done if one.wrong]
        values = tuple(one.seconds for one in done if not one.wrong)
        what = f"asked to end while {state}"
        findings.append(Finding(what, "s", values, WITHIN_S, failures=tuple(failures)))
    return findings


def _wrong(state: str, number: int, ended: Ended, folder: Path) -> Iterator[str]:
    # A shell says 128 + the signal for both. Outputs cut short by a full disk are an error.
    codes = {128 + number, -number} if state == "starting" else {128 + number}
    codes |= {2} if state == "disk full" else set()
    if ended.code not in codes:
        yield f"exit code {ended.code}, expected {' or '.join(map(str, codes))}"
    if "Traceback" in ended.stderr:
        yield f"a traceback: {ended.stderr.strip().splitlines()[-1]}"
    if ended.code == 128 + number and state != "starting" and ended.summary is None:
        yield "no summary"
    video = folder / VIDEO
    if state in _FILMED and not _frames_in(video):
        yield f"{video.name} does not play"
    if rest := [path.name for path in folder.rglob(".*")]:
        yield f"left behind: {', '.join(rest)}"


def _frames_in(video: Path) -> int:
    capture = cv2.VideoCapture(str(video))
    count = 0
    while capture.read()[0]:
        count += 1
    return count
