"""`edgeseg run`: masks of a camera, a video, images or the synthetic street."""

from __future__ import annotations

import atexit
import os
import sys
import threading
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any

import click

from edgeseg.cli._common import manifest_options, overrides_from, runtime_options
from edgeseg.cli._run_options import Wishes, run_options, sections, take_wishes
from edgeseg.cli._sections import SectionedCommand
from edgeseg.cli._signals import StopSignals, stop_signals
from edgeseg.errors import EdgesegError

if TYPE_CHECKING:
    from edgeseg.cli._run_report import Setup
    from edgeseg.cli._run_sinks import Outputs
    from edgeseg.resume import Resume
    from edgeseg.segmenter import Segmenter
    from edgeseg.sources import Source
    from edgeseg.summary import RunSummary


_ENOUGH = 300  # twelve seconds of the synthetic street


@click.command("run", cls=SectionedCommand)
@click.argument("model", required=False)
@run_options
@runtime_options
@manifest_options
def run(model: str | None, **options: Any) -> int:
    """Show or save the masks of live or recorded pictures.

    MODEL is a .tflite file or a zoo name; without it, the zoo's FCN-8 in int8. Without a source it
    is camera 0. Ends with a summary: rates, ages, times, what was seen.
    """
    _silence_opencv()
    wishes = take_wishes(options)
    engine = {
        "threads": options.pop("threads"),
        "runtime": options.pop("runtime"),
        "overrides": overrides_from(options),
    }
    with stop_signals() as signals, _leaving_stuck_threads(signals):
        summary, setup = _stream(model, engine, wishes, signals.stop)
        _report(summary, setup, wishes, signals)
        return signals.exit_code


run.sections = sections()


def _silence_opencv() -> None:
    """Before cv2 is imported: what it and FFmpeg write to stderr is said in our own words."""
    os.environ.setdefault("OPENCV_LOG_LEVEL", "SILENT")
    os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")


def _stream(
    model: str | None, engine: dict[str, Any], wishes: Wishes, stop: threading.Event
) -> tuple[RunSummary, Setup]:
    from edgeseg.cli._run_report import setup_of
    from edgeseg.cli._run_sinks import open_outputs
    from edgeseg.cli._run_watch import watching
    from edgeseg.loop import run_stream
    from edgeseg.monitor import Monitor
    from edgeseg.segmenter import open_segmenter
    from edgeseg.sources import open_source

    with ExitStack() as stack:
        source = open_source(wishes.uri, wishes.source_options)
        stack.callback(source.close)
        segmenter = stack.enter_context(open_segmenter(model, **engine))
        _tell(f"guessed: {guess}" for guess in segmenter.guesses)
        resumed = _plan(wishes, source, segmenter, engine)
        monitor = Monitor()
        with ExitStack() as opening:
            outputs = open_outputs(
                wishes, source, segmenter, resumed, monitor, stop, _tell, opening
            )
            resumed.begin()
            opening.pop_all()  # from here on the loop closes them
        with watching(source, _tell):
            summary = run_stream(
                source,
                segmenter,
                outputs.sinks,
                stop=stop,
                limit=wishes.frames or _enough(source, wishes, outputs),
                duration_s=wishes.duration,
                pace=wishes.pace,
                monitor=monitor,
            )
        _tell([*summary.notes, *outputs.notes()])
        outputs.check()
        setup = setup_of(model, segmenter, engine["threads"], outputs)
    return summary, setup


def _plan(wishes: Wishes, source: Source, segmenter: Segmenter, engine: dict[str, Any]) -> Resume:
    """Find out what an interrupted run has done; of every run with masks, note what made them."""
    from dataclasses import asdict

    from edgeseg.resume import Resume, plan_resume

    if wishes.masks is None:
        return Resume()
    options = {**asdict(engine["overrides"]), "every": wishes.every if wishes.every > 1 else None}
    resumed = plan_resume(
        source,
        wishes.masks,
        model=segmenter.path,
        options=options,
        stats=wishes.stats,
        resume=wishes.resume,
    )
    _tell(resumed.notes)
    return resumed


def _enough(source: Source, wishes: Wishes, outputs: Outputs) -> int | None:
    """End a street that nobody watches; a camera runs until it is told to stop."""
    endless = source.length is None and not source.live and wishes.duration is None
    if not endless or outputs.watched:
        return None
    _tell([f"{source.name} is endless: ending after {_ENOUGH} frames (--frames, --duration)"])
    return _ENOUGH


def _report(summary: RunSummary, setup: Setup, wishes: Wishes, signals: StopSignals) -> None:
    from edgeseg.cli._common import console
    from edgeseg.cli._run_report import as_json, as_table

    if wishes.as_json:
        click.echo(as_json(summary, setup, signals.received))
    else:
        console(stderr=wishes.pipe is not None).print(as_table(summary, setup))


def _tell(notes: Iterable[str]) -> None:
    for note in notes:
        click.echo(f"edgeseg: {note}", err=True)


@contextmanager
def _leaving_stuck_threads(signals: StopSignals) -> Iterator[None]:
    """Leave without Python's clean-up where a thread hangs: it could end in a crash, or never."""
    code = 0
    try:
        yield
        code = signals.exit_code
    except EdgesegError as error:
        code = error.exit_code
        raise
    finally:
        loop = sys.modules.get("edgeseg.loop")
        if loop is not None and loop.has_stuck_threads():
            atexit.register(_leave, code)


def _leave(code: int) -> None:
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)
