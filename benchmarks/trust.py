"""How far a verdict of `edgeseg bench` can be trusted: the same file twice, and a planted slowdown.

`python -m edgeseg.benchmarks.trust` measures many times what the answer is known for, each time as
`edgeseg bench` would: with its defaults, another seed, everything opened afresh. The same file
twice must be called not distinguishable; a copy whose every call is made 5 % longer must be called
slower. Both are repeated while another process keeps one core busy.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING

import numpy as np

from edgeseg.files import atomic_write_bytes
from edgeseg.runtimes import default_threads

from .cases import Case, contestant, prepare_cases
from .contest import machine
from .host import describe_host
from .interval import SMALLEST, Ratio, Verdict, is_precise, judge, ratio_to_reference
from .paired import Contestant, Plan, Recording, Workload, measure
from .variants import parse_variant

if TYPE_CHECKING:
    from rich.console import Console

RUNS = 20
PLANTED = 0.05
NOT_PLANTED = 0.0
HOG = "while True: pass"


@dataclass(frozen=True)
class Trial:
    """One run: the ratio that was found, its interval and the verdict; `seconds` it took."""

    ratio: float
    low: float | None
    high: float | None
    verdict: str
    seconds: float


@dataclass(frozen=True)
class Series:
    """Runs of one kind.

    Attributes:
        title: what was compared, under which conditions.
        expected: the verdict that is right.
        trials: one a run.
    """

    title: str
    expected: str
    trials: tuple[Trial, ...]

    @property
    def right(self) -> int:
        """How many runs said what is right."""
        return sum(trial.verdict == self.expected for trial in self.trials)


class Waiting:
    """A workload that idles in a busy loop for a share of every call's time, counted or not.

    Not counted, it makes the reference alike: a pause lets the runtime's other threads fall asleep,
    which makes the next call longer by more than the pause.
    """

    def __init__(self, inner: Workload, share: float, *, counted: bool) -> None:
        """Wait `share` of each call of `inner`."""
        self._inner, self._share, self._counted = inner, share, counted

    def run(self) -> tuple[float, ...]:
        """Run, wait, and return the seconds of each stage; a counted wait is part of the last."""
        *first, last = self._inner.run()
        extra_s = (sum(first) + last) * self._share
        start = perf_counter()
        while (waited_s := perf_counter() - start) < extra_s:
            pass
        return (*first, last + waited_s) if self._counted else (*first, last)

    def close(self) -> None:
        """Release the model."""
        self._inner.close()


def pair(entry: Contestant, planted: float) -> list[Contestant]:
    """Return a contestant and a copy of it whose every call takes longer by a share."""
    if not planted:
        return [entry, Contestant(f"{entry.label} #2", entry.open)]
    return [
        Contestant(entry.label, lambda: Waiting(entry.open(), planted, counted=False)),
        Contestant(
            f"{entry.label} +{planted:.0%}", lambda: Waiting(entry.open(), planted, counted=True)
        ),
    ]


@contextmanager
def busy_core() -> Iterator[None]:
    """Keep one core busy with a process of its own."""
    with subprocess.Popen([sys.executable, "-c", HOG]) as hog:
        try:
            yield
        finally:
            hog.kill()


def series(
    case: Case, planted: float, runs: int, plan: Plan, tell: Callable[[str], None], loaded: bool
) -> Series:
    """Measure a file against itself, slowed by `planted`, `runs` times."""
    title = f"slowed by {planted * 100:.0f} %" if planted else "the same file"
    title += ", one core loaded" if loaded else ""
    expected = Verdict.SLOWER if planted else Verdict.SAME
    entry = contestant(case, "network")
    trials = []
    for run in range(runs):
        trials.append(_trial(entry, planted, plan, seed=run))
        tell(f"{title}: run {run + 1}: {_words(trials[-1])}")
    return Series(title, expected.value, tuple(trials))


def _trial(entry: Contestant, planted: float, plan: Plan, seed: int) -> Trial:
    both = pair(entry, planted)
    recording = Recording(tuple(contender.label for contender in both))
    measure(both, replace(plan, seed=seed), recording, precise=is_precise)
    ratio = ratio_to_reference(recording, 1)
    verdict = judge(ratio, SMALLEST).value
    return Trial(ratio.value, ratio.low, ratio.high, verdict, recording.elapsed_s)


def _words(trial: Trial) -> str:
    if trial.low is None or trial.high is None:
        return f"{trial.ratio:.3f}, {trial.verdict}"
    return f"{trial.ratio:.3f} ({trial.low:.3f} to {trial.high:.3f}), {trial.verdict}"


def draw(found: Sequence[Series], console: Console) -> None:
    """Print a row for each series."""
    from rich import box
    from rich.table import Table

    grid = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), show_edge=False)
    grid.add_column("against itself", overflow="fold")
    headings = ("right", "wrong or undecided", "ratios", "half\nwidth", "seconds\na run")
    for heading in headings:
        grid.add_column(heading, justify="right")
    for entry in found:
        grid.add_row(*_cells(entry))
    console.print(grid)


def _cells(entry: Series) -> tuple[str, ...]:
    ratios = [trial.ratio for trial in entry.trials]
    widths = [Ratio(trial.ratio, trial.low, trial.high).half_width for trial in entry.trials]
    others = Counter(t.verdict for t in entry.trials if t.verdict != entry.expected)
    return (
        entry.title,
        f"{entry.right} of {len(entry.trials)}",
        ", ".join(f"{count} {verdict}" for verdict, count in others.items()) or "none",
        f"{min(ratios):.3f}-{max(ratios):.3f}",
        f"{float(np.median(widths)):.1%}",
        f"{np.median([trial.seconds for trial in entry.trials]):.0f}",
    )


def _all_series(arguments: argparse.Namespace, tell: Callable[[str], None]) -> Iterator[Series]:
    variant = parse_variant(arguments.model, [arguments.model])
    case, *_ = prepare_cases([variant], threads=arguments.threads, runtime=None, tell=tell)
    plan = Plan(seconds=arguments.seconds)
    for planted in (NOT_PLANTED, PLANTED):
        yield series(case, planted, arguments.runs, plan, tell, loaded=False)
        with busy_core():
            yield series(case, planted, arguments.runs, plan, tell, loaded=True)


def main() -> None:
    """Measure all series, print them, and keep them as JSON where asked for."""
    from rich.console import Console

    parser = argparse.ArgumentParser(prog="python -m edgeseg.benchmarks.trust", description=__doc__)
    parser.add_argument("--model", default="fcn8", help="a variant, as for edgeseg bench")
    parser.add_argument("--runs", type=int, default=RUNS, help="of each kind")
    parser.add_argument("--threads", type=int, default=default_threads())
    parser.add_argument("--seconds", type=float, default=Plan().seconds, help="budget of a run")
    parser.add_argument("--json", type=Path, help="keep every ratio here")
    arguments = parser.parse_args()
    console = Console(highlight=False)
    host = describe_host()
    found = list(_all_series(arguments, Console(stderr=True).print))
    draw(found, console)
    threads = f"{arguments.threads} thread{'s' if arguments.threads > 1 else ''}"
    console.print(f"{arguments.model}, {threads}; {machine(host)}", style="dim", markup=False)
    if arguments.json:
        body = {"host": asdict(host), "series": [asdict(entry) for entry in found]}
        atomic_write_bytes(arguments.json, json.dumps(body, indent=1).encode())


if __name__ == "__main__":
    main()
