"""`python -m edgeseg.benchmarks.faults`: break devices, and see what the frame loop makes of it."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

import click

from edgeseg.errors import EdgesegError
from edgeseg.files import check_writable

from . import cameras, soak, states, stop, streams
from .finding import Finding, Report, draw, save, write_markdown
from .rigs import DEVICE, plug_in, use_rigs

_RIG = Path("tests/rig")


@dataclass(frozen=True)
class Wish:
    """How to measure.

    Attributes:
        folder: for files.
        quick: few trials: to see that it works, not to measure.
        minutes: of the long run.
        model: slower than the camera; a .tflite file, or a variant as for `edgeseg bench`.
    """

    folder: Path
    quick: bool
    minutes: float
    model: str

    def trials(self, wanted: int) -> int:
        """Return how many."""
        return min(2, wanted) if self.quick else wanted


class LeftOutError(Exception):
    """Something that cannot be measured here, and why."""


def _replug(wish: Wish) -> list[Finding]:
    return cameras.replug(wish.folder, wish.trials(50))


def _stall(wish: Wish) -> list[Finding]:
    return cameras.stall(wish.folder, wish.trials(10))


def _count(wish: Wish) -> list[Finding]:
    return cameras.count(wish.folder)


def _fresh(wish: Wish) -> list[Finding]:
    return cameras.fresh(wish.folder, _slow_model(wish.model), 10.0 if wish.quick else 60.0)


def _soak(wish: Wish) -> list[Finding]:
    camera = plug_in(wish.folder, f"YUYV 640 480 {soak.FPS:.0f}")
    seconds = 30.0 if wish.quick else wish.minutes * 60
    return soak.soak(
        wish.folder / "run",
        _slow_model(wish.model),
        DEVICE,
        seconds=seconds,
        warm_up_s=min(120.0, seconds / 3),
        environment=camera.environment,
    )


def _kill(wish: Wish) -> list[Finding]:
    wish.folder.mkdir()
    runs = list(import_module("kills").kill_runs("fcn8", wish.folder, wish.trials(20), seed=6))
    wrong = tuple("; ".join(run.wrong) for run in runs if run.wrong)
    whole = [run for run in runs if not run.wrong]
    masks = sum(run.masks for run in runs)
    lost_s, finished_s = (tuple(getattr(run, name) for run in whole) for name in _KILLED)
    return [
        Finding("killed: lost of the video", "s", lost_s, 1.0, failures=wrong),
        Finding("killed: video whole, nothing runs", "s", finished_s, 2.0, note=f"{masks} masks"),
    ]


_KILLED = ("lost_s", "finished_s")


def _streams(wish: Wish) -> list[Finding]:
    findings = []
    for kind in ("rtsp", "http"):
        if reason := streams.why_not(kind):
            raise LeftOutError(f"{kind}: {reason}")
        findings += streams.streams(wish.folder / kind, kind, wish.trials(5))
    return findings


def _viewers(wish: Wish) -> list[Finding]:
    from edgeseg.benchmarks.viewer_cost import measure_viewers

    cost = measure_viewers(pairs=wish.trials(10), phase_s=4.0 if wish.quick else 11.5)
    pairs = zip(cost.with_fps, cost.without_fps, strict=True)
    each = ", ".join(f"{100 * one / other:.1f}" for one, other in pairs)
    note = f"median of the pairs {each} %; {cost.stalled} were dropped as stalled"
    what = "32 viewers, half of them stalled: share of the mask rate"
    return [Finding(what, "%", (100 * cost.ratio,), 97.0, at_least=True, note=note)]


def _stop(wish: Wish) -> list[Finding]:
    missing = [reason for state in states.STATES if (reason := states.why_not(state))]
    here = [state for state in states.STATES if not states.why_not(state)]
    findings = stop.stops(here, wish.folder, wish.trials(5) if not wish.quick else 1)
    if missing:
        click.echo("; ".join(missing), err=True)
    return findings


MEASUREMENTS: dict[str, Callable[[Wish], list[Finding]]] = {
    "count": _count,
    "replug": _replug,
    "stall": _stall,
    "streams": _streams,
    "fresh": _fresh,
    "kill": _kill,
    "stop": _stop,
    "soak": _soak,
    "viewers": _viewers,
}


def _slow_model(model: str) -> Path:
    """Return the file of a model, made if it is a variant that is not there yet."""
    from edgeseg import zoo
    from edgeseg.benchmarks.making import file_of
    from edgeseg.benchmarks.variants import parse_variant

    variant = parse_variant(model, zoo.names())
    return file_of(variant, lambda text: click.echo(text, err=True)).resolve()


def _measure(names: Sequence[str], wish: Wish, left_out: list[str]) -> Iterator[Finding]:
    for name in names:
        click.echo(f"{name} ...", err=True)
        folder = wish.folder / name
        try:
            yield from MEASUREMENTS[name](Wish(folder, wish.quick, wish.minutes, wish.model))
        except (LeftOutError, OSError) as reason:
            left_out.append(f"Left out: {reason}.")
        shutil.rmtree(folder, ignore_errors=True)


@click.command()
@click.argument("names", nargs=-1, type=click.Choice(list(MEASUREMENTS)))
@click.option("--rig", type=click.Path(path_type=Path), default=_RIG, show_default=True)
@click.option("--minutes", type=click.FloatRange(0.5), default=10.0, show_default=True)
@click.option("--model", default=soak.MODEL, show_default=True, help="Slower than the camera.")
@click.option("--quick", is_flag=True, help="Few trials: to see that it works, not to measure.")
@click.option("--json", "json_path", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--markdown", type=click.Path(dir_okay=False, path_type=Path))
def main(
    names: tuple[str, ...],
    rig: Path,
    minutes: float,
    model: str,
    quick: bool,
    json_path: Path | None,
    markdown: Path | None,
) -> None:
    """Hold the frame loop's promises against real faults; NAMES chooses, without any it is all.

    \b
      python -m edgeseg.benchmarks.faults replug stall
      python -m edgeseg.benchmarks.faults soak --minutes 10

    Ends with 1 where a promise does not hold.
    """  # noqa: D301  # click knows an example by its backspace
    from rich.console import Console

    from edgeseg.benchmarks.host import describe_host

    try:
        for path in filter(None, (json_path, markdown)):
            check_writable(path)
        use_rigs(rig)
        left_out: list[str] = []
        with tempfile.TemporaryDirectory(prefix="edgeseg-faults-") as folder:
            wish = Wish(Path(folder), quick, minutes, model)
            findings = tuple(_measure(names or tuple(MEASUREMENTS), wish, left_out))
        report = Report(describe_host(), findings, tuple(left_out))
        draw(report, Console(highlight=False))
        if json_path:
            save(report, json_path)
        if markdown:
            write_markdown(report, markdown)
    except EdgesegError as error:
        raise click.ClickException(str(error)) from error
    raise SystemExit(0 if report.holds else 1)


if __name__ == "__main__":
    main()
