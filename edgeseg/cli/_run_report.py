"""How `edgeseg run` shows what it does: a progress line, and the closing summary."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from edgeseg.sinks import Sink

if TYPE_CHECKING:
    from edgeseg.cli._run_sinks import Outputs
    from edgeseg.loop import FrameResult
    from edgeseg.manifest import Manifest
    from edgeseg.segmenter import Segmenter
    from edgeseg.sources import Source
    from edgeseg.summary import RunSummary, SinkSummary, Spread

_STAGES = {
    "age": "frame age",
    "prepare": "prepare",
    "infer": "network",
    "decode": "decode",
}
_REASONS = {
    "newer": "because a newer one was there",
    "too old": "too old for --max-age",
    "every": "left out by --every",
    "damaged": "damaged",
    "frozen": "the same picture again",
    "end": "waiting at the end",
}
_COVERAGE_SHOWN = 0.005
_UNTOLD = ("progress",)  # the line on the screen is nobody's concern


class ProgressSink(Sink):
    """A line on standard error: a bar with the time left, or the age of a live picture."""

    name = "progress"

    def __init__(self, source: Source, limit: int | None) -> None:
        """Show the line; `limit` is the most frames that will come."""
        lengths = [length for length in (source.length, limit) if length is not None]
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
        timing = (TextColumn("{task.fields[rate]}"), TimeRemainingColumn())
        # transient: the summary that follows says it all.
        self._bar = Progress(*columns, *timing, console=Console(stderr=True), transient=True)
        self._task = self._bar.add_task(
            "live" if source.live else "masking", total=min(lengths, default=None), rate=""
        )
        self._bar.start()

    def write(self, result: FrameResult) -> None:
        """Move on by one."""
        speed = self._bar.tasks[0].speed
        rate = f"{speed:.1f} fps, {result.age_ms:.0f} ms old" if speed else ""
        self._bar.update(self._task, advance=1, rate=rate)

    def close(self) -> None:
        """Take the line away."""
        self._bar.stop()


@dataclass(frozen=True)
class Setup:
    """What ran, for the summary.

    Attributes:
        model: as it was named.
        manifest: of the model.
        runtime: name and version.
        threads: of the network.
        kernels: which decode kernel.
        outputs: files and folders that were written.
        encoders: what encoded videos, by their paths.
    """

    model: str
    manifest: Manifest
    runtime: str
    threads: int
    kernels: str
    outputs: Sequence[Path]
    encoders: Mapping[str, str]


def setup_of(
    model: str | None, segmenter: Segmenter, threads: int | None, outputs: Outputs
) -> Setup:
    """Return what ran; `model` and `threads` as they were asked for."""
    from edgeseg import kernels
    from edgeseg.runtimes import default_threads

    return Setup(
        model=model or segmenter.path.stem,
        manifest=segmenter.manifest,
        runtime=segmenter.runtime.name,
        threads=threads or default_threads(),
        kernels=kernels.active(),
        outputs=[path for path, _ in outputs.files],
        encoders=outputs.encoders(),
    )


def as_json(summary: RunSummary, setup: Setup, signal: int) -> str:
    """Return the summary as one JSON object; `signal` is the number that ended the run, or 0."""
    manifest = setup.manifest
    figures = asdict(summary)
    figures["duration_s"] = round(summary.duration_s, 4)
    figures["fps"] = round(summary.fps, 3)
    figures["coverage"] = {name: round(share, 6) for name, share in summary.coverage.items()}
    figures["times"] = {name: _rounded(spread) for name, spread in summary.times.items()}
    figures["sinks"] = {
        name: {**asdict(sink), "time": None if sink.time is None else _rounded(sink.time)}
        for name, sink in summary.sinks.items()
    }
    model = {
        "name": setup.model,
        "decoder": manifest.decoder,
        "encoder": manifest.encoder,
        "upsampling": manifest.upsampling,
        "precision": manifest.precision,
        "input_size": manifest.preparation.size,
        "head": asdict(manifest.head),
    }
    return json.dumps(
        {
            **figures,
            "model": model,
            "runtime": setup.runtime,
            "threads": setup.threads,
            "kernels": setup.kernels,
            "outputs": [str(path) for path in setup.outputs],
            "encoders": dict(setup.encoders),
            "signal": signal,
        }
    )


def _rounded(spread: Spread) -> dict[str, float]:
    return {name: round(value, 3) for name, value in asdict(spread).items()}


def as_table(summary: RunSummary, setup: Setup) -> Table:
    """Return the summary for people."""
    grid = Table.grid(padding=(0, 2))
    grid.add_column(style="bold")
    grid.add_column()
    for name, value in _facts(summary, setup):
        grid.add_row(name, value)
    if summary.times:
        grid.add_row("times", _times(summary))
    return grid


def _facts(summary: RunSummary, setup: Setup) -> Sequence[tuple[str, str]]:
    facts = [("source", summary.source), ("masked", _masked(summary))]
    if summary.live or summary.dropped:
        facts.append(("dropped", _dropped(summary.dropped)))
    if summary.live:
        facts.append(("missed", _missed(summary.sinks)))
    facts += [("model", _model(setup)), ("runs on", _engine(setup))]
    if summary.frames:
        facts.append(("coverage", _coverage(summary.coverage)))
    if summary.accuracy is not None:
        accuracy = summary.accuracy
        facts.append(
            (
                "accuracy",
                f"{accuracy.pixels:.1%} of pixels right, mIoU {accuracy.mean_iou:.3f}, against the "
                f"truth of {accuracy.frames} frames",
            )
        )
    if setup.outputs and summary.frames:
        facts.append(("wrote", ", ".join(_output(str(path), setup) for path in setup.outputs)))
    return facts


def _output(path: str, setup: Setup) -> str:
    encoder = setup.encoders.get(path)
    return f"{path} ({encoder})" if encoder else path


def _masked(summary: RunSummary) -> str:
    if not summary.frames:
        return "no frames"
    return (
        f"{summary.frames} frames of {summary.size} in {summary.duration_s:.1f} s, "
        f"{summary.fps:.1f} fps"
    )


def _dropped(dropped: Mapping[str, int]) -> str:
    parts = [f"{count:,} {_REASONS.get(reason, reason)}" for reason, count in dropped.items()]
    total = f"{sum(dropped.values()):,}: " if len(parts) > 1 else ""
    return total + (", ".join(parts) or "none")


def _missed(sinks: Mapping[str, SinkSummary]) -> str:
    parts = [f"{sink.missed:,} by the {_kind(name)}" for name, sink in sinks.items() if sink.missed]
    return f"{', '.join(parts)}: too busy" if parts else "none"


def _kind(sink: str) -> str:
    """The first word of a sink's name says what it is, the rest where."""
    return sink.partition(" ")[0]


def _model(setup: Setup) -> str:
    manifest = setup.manifest
    parts = (manifest.decoder, manifest.encoder, manifest.upsampling, manifest.precision)
    known = ", ".join(part for part in parts if part)
    made_of = f" ({known})" if known else ""
    return f"{setup.model}{made_of}, input {manifest.preparation.size}"


def _engine(setup: Setup) -> str:
    threads = "1 thread" if setup.threads == 1 else f"{setup.threads} threads"
    return f"{setup.runtime}, {threads}; decode kernel {setup.kernels}"


def _coverage(coverage: Mapping[str, float]) -> str:
    largest = sorted(coverage.items(), key=lambda item: -item[1])
    shown = [f"{name} {share:.0%}" for name, share in largest if share >= _COVERAGE_SHOWN]
    return ", ".join(shown) or "nothing"


def _times(summary: RunSummary) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0), show_edge=False)
    table.add_column("ms")
    for title in ("p50", "p95", "p99"):
        table.add_column(title, justify="right")
    rows = [(label, summary.times.get(name)) for name, label in _STAGES.items()]
    told = (name for name in summary.sinks if name not in _UNTOLD)
    rows += [(_kind(name), summary.sinks[name].time) for name in told]
    for label, spread in rows:
        if spread is not None:
            values = (spread.p50_ms, spread.p95_ms, spread.p99_ms)
            table.add_row(label, *(f"{value:.1f}" for value in values))
    return table
