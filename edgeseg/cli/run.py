"""`edgeseg run`: masks of a camera, a video, images or the synthetic street."""

from __future__ import annotations

import atexit
import os
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from edgeseg.cli._common import OUTPUT, manifest_options, overrides_from, runtime_options
from edgeseg.cli._signals import StopSignals, stop_signals
from edgeseg.errors import ConfigError, EdgesegError

if TYPE_CHECKING:
    from edgeseg.cli._run_report import Setup
    from edgeseg.segmenter import Segmenter
    from edgeseg.sinks import Sink
    from edgeseg.sources import Source
    from edgeseg.summary import RunSummary


_ENOUGH = 300  # twelve seconds of the synthetic street


@dataclass(frozen=True)
class _Wishes:
    """Where the results of a run go, and when it ends."""

    save: Path | None
    masks: Path | None
    stats: Path | None
    snapshot: Path | None
    window: bool | None
    legend: bool
    alpha: float
    frames: int | None
    duration: float | None
    as_json: bool

    @property
    def outputs(self) -> list[Path]:
        """The files and folders that were asked for."""
        named = (self.save, self.masks, self.stats, self.snapshot)
        return [path for path in named if path is not None]


@click.command("run")
@click.argument("model", required=False)
@click.option("--camera", metavar="N", help="Camera number or device.  [default: 0]")
@click.option("--source", metavar="URI", help="Video, image, folder, or synthetic://street.")
@click.option("--save", type=OUTPUT, metavar="FILE", help="Video with the masks laid over.")
@click.option("--masks", type=OUTPUT, metavar="DIR", help="Class-index PNG of every frame.")
@click.option("--stats", type=OUTPUT, metavar="FILE", help="A JSON line for every frame.")
@click.option("--snapshot", type=OUTPUT, metavar="FILE", help="Picture of the last result.")
@click.option("--window/--no-window", default=None, help="[default: where there is a display]")
@click.option("--frames", type=click.IntRange(min=1), metavar="N", help="End after N frames.")
@click.option(
    "--duration",
    type=click.FloatRange(min=0, min_open=True),
    metavar="S",
    help="End after S seconds.",
)
@click.option("--legend/--no-legend", default=True, help="Class names in the overlay.")
@click.option(
    "--alpha",
    type=click.FloatRange(0, 1),
    default=0.5,
    show_default=True,
    help="Strength of the colours.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the summary as JSON.")
@runtime_options
@manifest_options
def run(model: str | None, camera: str | None, source: str | None, **options: Any) -> int:
    """Show or save the masks of live or recorded pictures.

    MODEL is a .tflite file or a zoo name; without it, the zoo's FCN-8 in int8. Without a source it
    is camera 0. Ends with a summary: rates, ages, times, what was seen.
    """
    _silence_opencv()
    uri = _source_uri(camera, source)
    engine = {
        "threads": options.pop("threads"),
        "runtime": options.pop("runtime"),
        "overrides": overrides_from(options),
    }
    wishes = _Wishes(**options)
    _check_outputs(wishes, uri)
    with stop_signals() as signals, _leaving_a_stuck_camera(signals):
        summary, setup = _stream(model, engine, uri, wishes, signals.stop)
        _report(summary, setup, wishes, signals)
        return signals.exit_code


def _source_uri(camera: str | None, source: str | None) -> str:
    if camera is not None and source is not None:
        raise ConfigError("--camera and --source exclude each other; give one of them")
    return source if source is not None else (camera or "0")


def _check_outputs(wishes: _Wishes, uri: str) -> None:
    """Nothing may be written over the source, over its images, or over another output."""
    places = [path.resolve() for path in wishes.outputs]
    if len(set(places)) < len(places):
        raise ConfigError("two outputs have the same name; give each its own")
    source = Path(uri).resolve()
    if source in places:
        raise ConfigError(f"the output {uri} is the source itself; give it another name")
    if wishes.snapshot is not None and wishes.snapshot.resolve().parent == source:
        raise ConfigError(
            f"the snapshot {wishes.snapshot} would lie among the source's images; "
            "name a file in another folder"
        )


def _silence_opencv() -> None:
    """Before cv2 is imported: what it and FFmpeg write to stderr is said in our own words."""
    os.environ.setdefault("OPENCV_LOG_LEVEL", "SILENT")
    os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")


def _stream(
    model: str | None,
    engine: dict[str, Any],
    uri: str,
    wishes: _Wishes,
    stop: threading.Event,
) -> tuple[RunSummary, Setup]:
    from edgeseg import kernels
    from edgeseg.cli._run_report import Setup
    from edgeseg.runtimes import default_threads
    from edgeseg.segmenter import open_segmenter
    from edgeseg.sources import open_source
    from edgeseg.stream import run_stream

    with ExitStack() as stack:
        source = open_source(uri)
        stack.callback(source.close)
        segmenter = stack.enter_context(open_segmenter(model, **engine))
        _tell(f"guessed: {guess}" for guess in segmenter.guesses)
        sinks = [stack.enter_context(sink) for sink in _sinks(wishes, source, segmenter, stop)]
        summary = run_stream(
            source,
            segmenter,
            sinks,
            stop=stop,
            limit=wishes.frames or _enough(source, wishes, sinks),
            duration_s=wishes.duration,
        )
        setup = Setup(
            model=model or segmenter.path.stem,
            manifest=segmenter.manifest,
            runtime=segmenter.runtime.name,
            threads=engine["threads"] or default_threads(),
            kernels=kernels.active(),
            outputs=wishes.outputs,
        )
    return summary, setup


def _enough(source: Source, wishes: _Wishes, sinks: list[Sink]) -> int | None:
    """End a street that nobody watches; a camera runs until it is told to stop."""
    from edgeseg.sinks.window import WindowSink

    watched = any(isinstance(sink, WindowSink) for sink in sinks)
    if source.live or source.length is not None or wishes.duration is not None or watched:
        return None
    _tell([f"{source.name} is endless: ending after {_ENOUGH} frames (--frames, --duration)"])
    return _ENOUGH


def _sinks(
    wishes: _Wishes, source: Source, segmenter: Segmenter, stop: threading.Event
) -> Iterator[Sink]:
    from edgeseg.overlay import Painter
    from edgeseg.sinks.masks import MaskSink
    from edgeseg.sinks.snapshot import SnapshotSink
    from edgeseg.sinks.stats import StatsSink
    from edgeseg.sinks.video import VideoSink

    labels, palette = segmenter.manifest.labels, segmenter.manifest.palette
    painter = Painter(labels, palette, alpha=wishes.alpha, legend=wishes.legend, status=source.live)
    # The log first: it is the one wanted when a later sink fails.
    if wishes.stats is not None:
        yield StatsSink(wishes.stats, labels)
    if wishes.masks is not None:
        yield MaskSink(wishes.masks, palette)
    if wishes.save is not None:
        yield VideoSink(wishes.save, painter, fps=source.fps, live=source.live)
    if wishes.snapshot is not None:
        yield SnapshotSink(wishes.snapshot, painter)
    yield from _window(wishes, painter, stop)
    if sys.stderr.isatty():
        from edgeseg.cli._run_report import ProgressSink

        yield ProgressSink(source, wishes.frames)


def _window(wishes: _Wishes, painter: Any, stop: threading.Event) -> Iterator[Sink]:
    """Open a window when it was asked for, or when nothing was said and there can be one."""
    from edgeseg.sinks.window import WindowSink, has_display

    if wishes.window is False:
        return
    if wishes.window is None and not has_display():
        _tell(["no window, for there is no display (neither DISPLAY nor WAYLAND_DISPLAY is set)"])
        return
    try:
        yield WindowSink(painter, stop, lambda: _tell(["the window's display has gone; going on"]))
    except EdgesegError as error:
        if wishes.window:
            raise
        _tell([f"no window: {error}"])


def _report(summary: RunSummary, setup: Setup, wishes: _Wishes, signals: StopSignals) -> None:
    from edgeseg.cli._common import console
    from edgeseg.cli._run_report import as_json, as_table

    _tell(summary.notes)
    if wishes.as_json:
        click.echo(as_json(summary, setup, signals.received))
    else:
        console().print(as_table(summary, setup))


def _tell(notes: Any) -> None:
    for note in notes:
        click.echo(f"edgeseg: {note}", err=True)


@contextmanager
def _leaving_a_stuck_camera(signals: StopSignals) -> Iterator[None]:
    """Leave without Python's clean-up where a thread hangs in a driver: it could end in a crash."""
    code = 0
    try:
        yield
        code = signals.exit_code
    except EdgesegError as error:
        code = error.exit_code
        raise
    finally:
        stream = sys.modules.get("edgeseg.stream")
        if stream is not None and stream.capture_is_stuck():
            atexit.register(_leave, code)


def _leave(code: int) -> None:
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)
