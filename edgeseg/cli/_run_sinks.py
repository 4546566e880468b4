"""The outputs of `edgeseg run`: files under guard of the disk's room, and what is watched."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edgeseg.errors import EdgesegError, OutputError

if TYPE_CHECKING:
    from edgeseg.cli._run_options import Wishes
    from edgeseg.monitor import Monitor
    from edgeseg.overlay import Painter
    from edgeseg.resume import Resume
    from edgeseg.segmenter import Segmenter
    from edgeseg.sinks import Sink
    from edgeseg.sinks.space import FileSink, SpaceGuard
    from edgeseg.sources import Source

Tell = Callable[[Iterable[str]], None]


@dataclass(frozen=True)
class Outputs:
    """What a run writes to.

    Attributes:
        sinks: all of them, open.
        watched: whether somebody may look, so that an endless run makes sense without files.
        files: the files and folders among them, with their sinks.
        guard: of the disk's room.
    """

    sinks: list[Sink]
    watched: bool
    files: list[tuple[Path, FileSink]]
    guard: SpaceGuard

    def encoders(self) -> dict[str, str]:
        """What encoded each video, by its path."""
        named = ((str(path), getattr(sink, "encoder", "")) for path, sink in self.files)
        return {path: encoder for path, encoder in named if encoder}

    def notes(self) -> list[str]:
        """What the outputs have to say at the end."""
        return [note for sink in self.sinks for note in getattr(sink, "notes", ())]

    def check(self) -> None:
        """Raise OutputError where outputs had to end for want of room."""
        if self.guard.reached == "floor":
            raise OutputError(
                f"{self.guard.message}; make room, or allow less with --keep-free and cap the "
                "files with --max-size"
            )


def open_outputs(
    wishes: Wishes,
    source: Source,
    segmenter: Segmenter,
    resumed: Resume,
    monitor: Monitor,
    stop: threading.Event,
    tell: Tell,
    stack: ExitStack,
) -> Outputs:
    """Open what was asked for; `stack` closes it.

    Raises:
        OutputError: something cannot be written or opened.
        ConfigError: an option makes no sense.
        MissingExtraError: something that is not installed was asked for.
    """
    from edgeseg.overlay import Painter

    labels, palette = segmenter.manifest.labels, segmenter.manifest.palette
    painter = Painter(labels, palette, alpha=wishes.alpha, legend=wishes.legend, status=source.live)
    sinks: list[Sink] = []
    watching = _watching(wishes, source, segmenter, monitor, painter, stop, tell)
    sinks.extend(stack.enter_context(sink) for sink in watching)
    watched = bool(sinks)

    def out_of_room(message: str) -> None:
        tell([message])
        if not watched:
            stop.set()

    guard = _guard(wishes, out_of_room)
    files: list[tuple[Path, FileSink]] = []
    for path, sink in _files(wishes, source, segmenter, resumed, painter):
        sinks.append(stack.enter_context(guard.watch(sink, path)))
        files.append((path, sink))
    if sys.stderr.isatty():
        from edgeseg.cli._run_report import ProgressSink

        sinks.append(stack.enter_context(ProgressSink(source, wishes.frames)))
    return Outputs(sinks, watched, files, guard)


def _guard(wishes: Wishes, on_end: Callable[[str], None]) -> SpaceGuard:
    from edgeseg.sinks.space import DEFAULT_KEEP_FREE_BYTES, SpaceGuard

    keep, most = wishes.keep_free, wishes.max_size
    return SpaceGuard(
        keep_free_bytes=DEFAULT_KEEP_FREE_BYTES if keep is None else keep,
        max_bytes=most,
        on_end=on_end,
    )


def _files(
    wishes: Wishes, source: Source, segmenter: Segmenter, resumed: Resume, painter: Painter
) -> Iterator[tuple[Path, FileSink]]:
    from edgeseg.sinks.masks import MaskSink
    from edgeseg.sinks.snapshot import SnapshotSink
    from edgeseg.sinks.stats import StatsSink
    from edgeseg.sinks.video import VideoSink

    manifest = segmenter.manifest
    # The log first: it is the one wanted when a later sink cannot be opened.
    if wishes.stats is not None:
        log = StatsSink(wishes.stats, manifest.labels, append=resumed.going_on)
        yield wishes.stats, log
    if wishes.masks is not None:
        yield wishes.masks, MaskSink(wishes.masks, manifest.palette)
    if wishes.save is not None:
        path = resumed.video_path(wishes.save)
        video = VideoSink(
            path,
            painter,
            fps=source.fps,
            live=source.live,
            encoder=wishes.encoder,
            segment_s=wishes.segment,
        )
        pattern = path.with_name(f"{path.stem}-*{path.suffix}")
        yield path if wishes.segment is None else pattern, video
    if wishes.snapshot is not None:
        yield wishes.snapshot, SnapshotSink(wishes.snapshot, painter)


def _watching(
    wishes: Wishes,
    source: Source,
    segmenter: Segmenter,
    monitor: Monitor,
    painter: Painter,
    stop: threading.Event,
    tell: Tell,
) -> Iterator[Sink]:
    """Open what shows results to somebody: a page, a pipe, a device, a window."""
    if wishes.serve is not None:
        yield _page(wishes, source, segmenter, monitor, tell)
    if wishes.pipe is not None:
        yield _pipe(wishes.pipe, painter, source, stop)
    if wishes.loopback is not None:
        from edgeseg.sinks.loopback import LoopbackSink

        yield LoopbackSink(wishes.loopback, painter)
    yield from _window(wishes, painter, stop, tell)


def _page(
    wishes: Wishes, source: Source, segmenter: Segmenter, monitor: Monitor, tell: Tell
) -> Sink:
    from edgeseg import kernels
    from edgeseg.serve import ServeSink

    page = ServeSink(
        str(wishes.serve),
        manifest=segmenter.manifest,
        monitor=monitor,
        token=wishes.serve_token,
        max_viewers=wishes.max_viewers,
        alpha=wishes.alpha,
        model=segmenter.path.stem,
        setup={
            "source": source.name,
            "runtime": segmenter.runtime.name,
            "kernels": kernels.active(),
        },
    )
    tell([f"watch it at {page.url}"])
    return page


def _pipe(kind: str, painter: Painter, source: Source, stop: threading.Event) -> Sink:
    from edgeseg.sinks.raw import RawSink

    what: Any = "overlay" if kind == "y4m" else kind
    return RawSink(
        sys.stdout.buffer, stop, what=what, painter=painter, y4m=kind == "y4m", fps=source.fps
    )


def _window(wishes: Wishes, painter: Painter, stop: threading.Event, tell: Tell) -> Iterator[Sink]:
    """Open a window when it was asked for, or when nothing was said and there can be one."""
    from edgeseg.sinks.window import WindowSink, has_display

    if wishes.window is False:
        return
    if wishes.window is None and not has_display():
        if wishes.serve is None:
            tell(
                ["no window, for there is no display (neither DISPLAY nor WAYLAND_DISPLAY is set)"]
            )
        return
    try:
        yield WindowSink(painter, stop, lambda: tell(["the window's display has gone; going on"]))
    except EdgesegError as error:
        if wishes.window:
            raise
        tell([f"no window: {error}"])
