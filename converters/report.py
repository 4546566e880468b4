"""The proof as an HTML page: figures, the worst frames in pictures, classes, layers, how to repeat.

The frames run once more for it, through the same functions as in the proof.
"""

from __future__ import annotations

import platform
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from edgeseg import metrics
from edgeseg.complexity import Complexity
from edgeseg.environment import installed_version
from edgeseg.manifest import Manifest, precision_in_words
from edgeseg.overlay import Picture
from edgeseg.reports import NONE, write_page
from edgeseg.reports.pictures import (
    VOID_COLOR,
    WRONG_COLOR,
    data_uri,
    difference_picture,
    mask_picture,
)
from edgeseg.segmenter import Segmenter

from .calibrate import FramePlan
from .command import command_line
from .frames import Shot
from .mixed import KeptLayer
from .options import ConvertOptions
from .prove import ClassMap, Compared, Reference, Tally, compared
from .report_target import left_out_rows, swap_reasons, swap_rows, target_facts
from .sensitivity import LayerError, worst_first

if TYPE_CHECKING:
    from .pipeline import ConvertReport

WORST = 6
"""Frames shown in pictures."""

_WORST_LAYERS = 12
_FULL_BAR_DB = 50.0  # the bar of a layer that int8 serves well
_PICTURE_WIDTH = 480
_LIBRARIES = ("tensorflow", "keras", "ai-edge-litert", "numpy", "opencv-python-headless")

Row = list[str]


class Scene(NamedTuple):
    """A proof frame to be shown, at the size of the network's input.

    Attributes:
        share: of its pixels that agree.
        name: of the frame.
        pixels: BGR uint8 [h, w, 3].
        expected, found: the float network's class map and the file's, uint8 [h, w].
        truth: the mask, where there is one; void is 255.
    """

    share: float
    name: str
    pixels: Picture
    expected: ClassMap
    found: ClassMap
    truth: ClassMap | None


@dataclass(frozen=True)
class Observed:
    """What the page shows of the proof frames.

    Attributes:
        tally: sums over all.
        worst: those that agree least, the worst first.
    """

    tally: Tally
    worst: Sequence[Scene]


def observe(reference: Reference, segmenter: Segmenter, plan: FramePlan) -> Observed:
    """Run the proof frames, and keep the pictures of those that agree least.

    Raises:
        GateError: an output is not finite.
        DataError: no frame could be read.
    """
    tally, worst = Tally(segmenter.manifest), list[Scene]()
    for shot, pair in compared(reference, segmenter, plan):
        tally.add(shot, pair, plan.ignore)
        worst.append(_scene(tally.shares[-1][0], shot, pair, plan.ignore))
        worst = sorted(worst, key=lambda scene: scene.share)[:WORST]
    return Observed(tally, worst)


def write_report(
    path: Path,
    report: ConvertReport,
    options: ConvertOptions,
    observed: Observed,
    complexity: Complexity,
    refusal: str = "",
) -> None:
    """Write the page.

    Args:
        path: of the page.
        report: what the conversion made, or would have made.
        options: that it was asked for.
        observed: the proof frames.
        complexity: of the file.
        refusal: why the file was not written; empty where it was.

    Raises:
        OutputError: the page cannot be written.
    """
    manifest, tally = report.manifest, observed.tally
    write_page(
        path,
        "proof.html.j2",
        report=report,
        refusal=refusal,
        source=Path(options.source).stem if Path(options.source).exists() else options.source,
        precision=precision_in_words(manifest.precision, manifest.float_layers),
        tiles=list(_tiles(report, complexity)),
        key=_key(manifest, has_truth=any(s.truth is not None for s in observed.worst)),
        worst=[
            {"name": scene.name, "share": scene.share, "pictures": list(_pictures(scene, manifest))}
            for scene in observed.worst
        ],
        frames=sorted(tally.shares),
        classes=_classes(tally),
        absent=_absent(tally),
        layers=[_layer(layer) for layer in worst_first(report.layers)[:_WORST_LAYERS]],
        all_layers=[_layer(layer) for layer in report.layers],
        kept=[_kept(layer) for layer in report.kept],
        work=_work(complexity),
        swaps=swap_rows(report),
        swap_reasons=swap_reasons(report),
        left_out=left_out_rows(report.check),
        made=[*_made(report), *target_facts(report)],
        versions=list(_versions(report)),
        command=command_line(options),
    )


def _scene(share: float, shot: Shot, pair: Compared, ignore: int) -> Scene:
    height, width = pair.expected.shape
    truth: NDArray[Any] | None = None
    if shot.truth is not None:
        truth = cv2.resize(shot.truth, (width, height), interpolation=cv2.INTER_NEAREST)
        truth = np.where(truth == ignore, 255, truth).astype(np.uint8)
    small = np.asarray(cv2.resize(shot.pixels, (width, height), interpolation=cv2.INTER_AREA))
    return Scene(share, shot.name, small.astype(np.uint8), pair.expected, pair.found, truth)


def _pictures(scene: Scene, manifest: Manifest) -> Iterator[tuple[str, str]]:
    def classes(map_: ClassMap, caption: str) -> tuple[str, str]:
        return data_uri(mask_picture(map_, manifest.palette), _PICTURE_WIDTH, "png"), caption

    difference = difference_picture(scene.pixels, scene.expected, scene.found)
    yield data_uri(scene.pixels, _PICTURE_WIDTH), "image"
    yield classes(scene.expected, "float network")
    yield classes(scene.found, "new file")
    yield data_uri(difference, _PICTURE_WIDTH), "where they differ"
    if scene.truth is not None:
        yield classes(scene.truth, "mask")


def _key(manifest: Manifest, *, has_truth: bool) -> list[tuple[tuple[int, int, int], str]]:
    key = [*zip(manifest.palette, manifest.labels, strict=True)]
    key += [(VOID_COLOR, "void")] if has_truth else []
    return [*key, (WRONG_COLOR, "the two differ")]


def _tiles(report: ConvertReport, complexity: Complexity) -> Iterator[tuple[str, str]]:
    proof = report.proof
    yield _percent(proof.agreement), "of the pixels as in the float network"
    yield _percent(proof.worst), f"in the worst frame, {proof.worst_frame}"
    if proof.mean_iou is not None and proof.mean_iou_float is not None:
        change = 100 * (proof.mean_iou - proof.mean_iou_float)
        text = f"mIoU, {proof.mean_iou_float:.3f} in float: {change:+.2f} points"
        yield f"{proof.mean_iou:.3f}", text
    yield f"{report.size_bytes / 1024:,.0f} KiB", f"from {report.source_bytes / 1024:,.0f} KiB"
    yield _short(complexity.parameters), "parameters"
    yield _short(complexity.macs), f"MACs a frame of {report.manifest.preparation.size}"


def _classes(tally: Tally) -> tuple[Row, list[Row]]:
    """Return headings and a row for each class that the float network shows."""
    together = tally.together
    columns = ["class", "pixels", "agreement", "most of the rest becomes"]
    has_truth = bool(tally.truth_file.any())
    columns += ["IoU float", "IoU new", "change"] if has_truth else []
    before, after = metrics.iou(tally.truth_float), metrics.iou(tally.truth_file)
    rows = []
    for index in np.flatnonzero(together.sum(axis=1)):
        row = together[index]
        share = _percent(row.sum() / together.sum(), 1)
        cells = [tally.labels[index], share, _percent(row[index] / row.sum())]
        cells.append(_becomes(tally.labels, row, int(index)))
        if has_truth:
            change = 100 * (after[index] - before[index])
            cells += [_score(before[index]), _score(after[index]), _signed(change)]
        rows.append(cells)
    return columns, rows


def _becomes(labels: Sequence[str], row: NDArray[np.int64], index: int) -> str:
    others = row.copy()
    others[index] = 0
    most = int(others.argmax())
    return f"{labels[most]} ({_percent(others[most] / row.sum())})" if others[most] else NONE


def _absent(tally: Tally) -> dict[str, list[str]]:
    """Return the classes that the float network never shows: those the file shows, and others."""
    absent = tally.together.sum(axis=1) == 0
    shown = tally.together.sum(axis=0) > 0
    named = np.array(tally.labels, dtype=object)
    return {"new": named[absent & shown].tolist(), "neither": named[absent & ~shown].tolist()}


def _layer(layer: LayerError) -> dict[str, Any]:
    return {
        "name": layer.name,
        "op": layer.op,
        "snr": f"{layer.snr_db:.1f}",
        "bar": min(100.0, max(0.0, 100 * layer.snr_db / _FULL_BAR_DB)),
        "range": f"{layer.low:.3g} to {layer.high:.3g}",
        "step": f"{layer.scale:.3g}",
        "spread": NONE if layer.spread is None else f"{layer.spread:.1f}",
        "ratio": NONE if layer.ratio is None else f"{layer.ratio:.1f}",
        "cost": NONE if layer.cost is None else f"{100 * layer.cost:.2f}",
    }


def _kept(layer: KeptLayer) -> Row:
    gain, cost = f"{100 * layer.gain:.2f} points", f"{layer.cost_ms:.2f} ms"
    return [layer.name, layer.op, layer.precision, gain, cost, layer.why]


def _work(complexity: Complexity) -> list[Row]:
    """Return a row for each kind of operator: how many, their MACs and parameters."""
    sums: Mapping[str, NDArray[np.int64]] = defaultdict(lambda: np.zeros(3, np.int64))
    for operator in complexity.operators:
        sums[operator.op][:] += (1, operator.macs, operator.parameters)
    ordered = sorted(sums.items(), key=lambda item: (-item[1][1], -item[1][0], item[0]))
    rows = [[op, *(f"{value:,}" for value in values)] for op, values in ordered]
    count = len(complexity.operators)
    return [*rows, ["all", str(count), f"{complexity.macs:,}", f"{complexity.parameters:,}"]]


def _made(report: ConvertReport) -> Iterator[tuple[str, str]]:
    manifest, proof = report.manifest, report.proof
    parts = [manifest.decoder, manifest.encoder, manifest.upsampling]
    yield "network", ", ".join(part for part in parts if part) or "not one of edgeseg's own"
    at = "full size" if manifest.head.stride == 1 else f"stride {manifest.head.stride}"
    yield "head", f"{manifest.head.kind} at {at}"
    preparation = manifest.preparation
    means = ", ".join(f"{mean:g}" for mean in preparation.mean)
    stds = ", ".join(f"{std:g}" for std in preparation.std)
    yield "input", f"{preparation.size}, {preparation.color}, {preparation.resize}"
    yield "pixel values", f"minus {means}, over {stds}"
    yield "calibrated on", report.calibrated_on
    yield "proven on", f"{proof.on}, {proof.classes_seen} of {proof.classes} classes seen"
    ratio = report.size_bytes / report.source_bytes
    yield (
        "size",
        f"{report.size_bytes:,} bytes, {ratio:.1%} of the source's {report.source_bytes:,}",
    )


def _versions(report: ConvertReport) -> Iterator[tuple[str, str]]:
    yield "source SHA-256", report.manifest.source_sha256
    yield "ran in", report.proof.runtime
    found = ((name, installed_version(name)) for name in ("edgeseg", *_LIBRARIES))
    yield "with", ", ".join(f"{name} {number}" for name, number in found if number)
    yield "on", f"Python {platform.python_version()}, {platform.system()} {platform.machine()}"
    yield "took", f"{report.duration_s:.0f} s"


def _short(number: int) -> str:
    for unit, size in (("G", 1e9), ("M", 1e6), ("k", 1e3)):
        if number >= size:
            return f"{number / size:.3g}{unit}"
    return str(number)


def _percent(share: float, digits: int = 2) -> str:
    return f"{100 * share:.{digits}f}\u202f%"


def _score(value: float) -> str:
    return NONE if np.isnan(value) else f"{value:.3f}"


def _signed(points: float) -> str:
    return NONE if np.isnan(points) else f"{points:+.2f}"
