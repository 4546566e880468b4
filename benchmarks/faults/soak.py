"""A long run beside the model alone: the rate it keeps, and what it holds on to.

Every few seconds the run stands still, all its processes stopped, while the model alone does the
same work here. So both have the same machine, in turns of seconds, whatever else that machine does
meanwhile; and the model's turn is shorter than what a run takes for a stalled camera.
"""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

import numpy as np
from numpy.typing import NDArray

from edgeseg.manifest import Size
from edgeseg.segmenter import Segmenter
from edgeseg.sources.street import render_street

from .finding import Finding
from .processes import Usage, family, tell
from .running import Ended, Run, account, unaccounted

# A camera that gives 30 frames a second, and a model that takes about 100 ms of one core for each.
MODEL = "fcn8-m1:float32@1280x928"
FPS = 30.0
_FRAME = Size(640, 480)

_RUN_S, _ALONE_S = 6.0, 1.3
_SAMPLE_S = 1.0
# Calls of the model before the clock starts in each turn: what it needs is back in the caches.
_UNTIMED = 2

SHARE = 0.95
GROWTH_MIB = 5.0


@dataclass
class _Turns:
    """What was done in the run's turns, and in the model's.

    Attributes:
        masks, run_s: of the run.
        calls, alone_s: of the model alone.
        usages: (seconds since the start, usage of the run).
    """

    masks: int = 0
    run_s: float = 0.0
    calls: int = 0
    alone_s: float = 0.0
    usages: list[tuple[float, Usage]] = field(default_factory=list)


def soak(
    folder: Path,
    model: Path,
    source: str,
    *,
    seconds: float,
    warm_up_s: float,
    threads: int = 1,
    environment: Mapping[str, str] | None = None,
    outputs: Sequence[str] = ("--save", "out.mkv"),
) -> list[Finding]:
    """Run for long, and find the share of the model's rate, growth, and frames unaccounted for.

    Args:
        folder: for the run's files.
        model: a .tflite file.
        source: live, as for `edgeseg run --source`.
        seconds: to run, the model's turns included.
        warm_up_s: of these; what is held after them should not grow.
        threads: of the network.
        environment: for the run.
        outputs: further options of the run.
    """
    arguments = [model, "--source", source, "--threads", str(threads), *outputs]
    with Run(folder, arguments, environment) as run, Segmenter(model, threads=threads) as alone:
        if run.wait_for_masks(5) is None:
            return [_nothing(run.said())]
        turns = _take_turns(run, alone, seconds)
        ended = run.end()
        indices = [record["frame"] for record in run.records()]
    return [_share(turns), *_growth(turns, warm_up_s), _accounts(ended, indices)]


def _take_turns(run: Run, alone: Segmenter, seconds: float) -> _Turns:
    turns = _Turns()
    frame, _ = render_street(1, 0.0, _FRAME)
    start_s = time.monotonic()
    masks_before = run.masked()
    while run.is_running and time.monotonic() < start_s + seconds:
        begin_s = time.monotonic()
        while time.monotonic() < begin_s + _RUN_S:
            time.sleep(_SAMPLE_S)
            turns.usages.append((time.monotonic() - start_s, run.usage()))
        turns.run_s += time.monotonic() - begin_s
        with _standing_still(run):
            _call(alone, frame, turns)
    turns.masks = run.masked() - masks_before
    return turns


@contextmanager
def _standing_still(run: Run) -> Iterator[None]:
    pids = family(run.pid)
    tell(pids, signal.SIGSTOP)
    try:
        yield
    finally:
        tell(pids, signal.SIGCONT)


def _call(alone: Segmenter, frame: NDArray[np.uint8], turns: _Turns) -> None:
    end_s = time.monotonic() + _ALONE_S
    for _ in range(_UNTIMED):
        alone.segment(frame)
    begin_s = time.monotonic()
    while time.monotonic() < end_s:
        alone.segment(frame)
        turns.calls += 1
    turns.alone_s += time.monotonic() - begin_s


def _share(turns: _Turns) -> Finding:
    mask_fps, model_fps = turns.masks / turns.run_s, turns.calls / turns.alone_s
    return Finding(
        "long run: share of the model's own rate",
        "%",
        (100 * mask_fps / model_fps,),
        100 * SHARE,
        at_least=True,
        note=f"{mask_fps:.2f} masks a second, {model_fps:.2f} by the model alone, in turns",
    )


def _growth(turns: _Turns, warm_up_s: float) -> list[Finding]:
    """Compare the first and the last third of what follows the warm-up."""
    later = [usage for at_s, usage in turns.usages if at_s >= warm_up_s]
    third = max(1, len(later) // 3)
    first, last = later[:third], later[-third:]

    def grown(name: str) -> float:
        values = [[float(getattr(usage, name)) for usage in part] for part in (first, last)]
        return median(values[1]) - median(values[0])

    span = f"after the first {warm_up_s:.0f} s"
    memory_mib = grown("memory_bytes") / 2**20
    held = median(usage.memory_bytes for usage in last) / 2**20
    return [
        Finding(
            f"long run: memory grown {span}",
            "MiB",
            (memory_mib,),
            GROWTH_MIB,
            note=f"{held:.0f} MiB are resident in {last[-1].processes} processes",
        ),
        Finding(f"long run: descriptors grown {span}", "", (grown("descriptors"),), 0),
        Finding(f"long run: threads grown {span}", "", (grown("threads"),), 0),
    ]


def _accounts(ended: Ended, indices: Sequence[int]) -> Finding:
    """Frames that are neither masked nor dropped for a reason, or masked out of order."""
    what = "long run: frames unaccounted for"
    if ended.code != 128 + signal.SIGTERM or ended.summary is None:
        return Finding(what, "", (), 0, failures=(f"ended with {ended.code}: {ended.stderr}",))
    summary = ended.summary
    return Finding(what, "", (unaccounted(summary, indices),), 0, note=account(summary))


def _nothing(said: str) -> Finding:
    return Finding("long run", "", (), 0, failures=(f"no masks came: {said.strip()}",))
