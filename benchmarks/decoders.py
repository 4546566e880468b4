"""The decoder table: what FCN-32, 16 and 8 take and reach with each upsampling, on one encoder.

`python -m edgeseg.benchmarks.decoders FILE.json --markdown docs/decoders.md` turns what
`edgeseg bench --matrix 'fcn32,fcn16,fcn8 x transpose,bilinear,nearest x float32,int8 x 1t,2t'
--what frame --data DIR --json FILE.json` measured into a table of a page.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from edgeseg.errors import ConfigError
from edgeseg.files import atomic_write_bytes

from .pages import fill
from .record import load, save_json, thinned
from .report import Standing, notes, standings
from .suite import BenchReport
from .table import on_front

NAME = "decoders"


def markdown(report: BenchReport) -> str:
    """Return the table: a row for each network, columns for each number of threads.

    Raises:
        ConfigError: nothing was evaluated, or the report is not on whole frames.
    """
    if report.options.what != "frame" or not all(report.accuracy) or not report.accuracy:
        raise ConfigError("expected a measurement with --what frame and --data")
    counts = sorted({case.threads for case in report.cases})
    best = on_front(report)
    rows = standings(report)
    lines: dict[tuple[str, ...], dict[int, tuple[int, Standing]]] = {}
    for index, (case, row) in enumerate(zip(report.cases, rows, strict=True)):
        key = case.variant.name, case.variant.upsampling or "", case.variant.precision
        lines.setdefault(key, {})[case.threads] = index, row
    heads = ["decoder", "upsampling", "precision", "KiB", "mIoU"]
    for count in counts:
        threads = f"{count} thread{'s' if count > 1 else ''}"
        heads += [f"network, ms ({threads})", f"frame, ms ({threads})", "to the first"]
    body = [_row(report, key, lines[key], counts, best) for key in lines]
    table = [_line(heads), _line([":--" if n < 3 else "--:" for n in range(len(heads))]), *body]
    return "\n".join([*table, "", *_foot(report)])


def _row(
    report: BenchReport,
    key: tuple[str, ...],
    found: dict[int, tuple[int, Standing]],
    counts: list[int],
    best: tuple[int, ...],
) -> str:
    index = next(iter(found.values()))[0]
    accuracy = report.accuracy[index]
    assert accuracy is not None
    cells = [*key, f"{report.cases[index].size_bytes / 1024:.0f}", f"{accuracy.miou:.3f}"]
    for count in counts:
        place, row = found[count]
        mark = " *" if place in best else ""
        cells += [f"{row.stages_ms['infer']:.2f}", f"{row.median_ms:.2f}{mark}", _ratio(row)]
    return _line(cells)


def _ratio(row: Standing) -> str:
    ratio = row.ratio
    if ratio is None or ratio.low is None or ratio.high is None:
        return "1"
    return f"{ratio.value:.2f} ({ratio.low:.2f} to {ratio.high:.2f})"


def _line(cells: list[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _foot(report: BenchReport) -> list[str]:
    host, recording, first = report.host, report.recording, report.cases[0]
    found = report.accuracy[0]
    assert found is not None
    return [
        f"Frames of 1280x720 to the picture with class colours, network input "
        f"{first.manifest.preparation.size}; {host.cpu or host.machine}, "
        f"{host.usable_cores} cores, {first.runtime}, {host.kernels} kernels; "
        f"{len(recording.rounds)} rounds in {recording.sittings} sittings. Ratios are to "
        f"{first.label}, with 95 % intervals. "
        f"mIoU on {found.images} images. *: none is faster and better.",
        *(f"- {note}" for note in notes(report) if note.startswith("busy")),
    ]


def main() -> None:
    """Fill the page, and keep the figures where asked for."""
    parser = argparse.ArgumentParser(prog=f"python -m edgeseg.benchmarks.{NAME}")
    parser.add_argument("file", type=Path, help="what edgeseg bench --json wrote")
    parser.add_argument("--markdown", type=Path, required=True, help="the page with the marks")
    parser.add_argument("--reference", type=Path, help="keep the figures here, one call a round")
    arguments = parser.parse_args()
    report = load(arguments.file)
    page = fill(arguments.markdown, NAME, markdown(report))
    atomic_write_bytes(arguments.markdown, page.encode())
    if arguments.reference:
        save_json(thinned(report), arguments.reference)


if __name__ == "__main__":
    main()
