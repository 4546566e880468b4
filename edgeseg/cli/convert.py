"""`edgeseg convert`: a Keras model to a proven .tflite file."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from edgeseg.cli._common import FILE, FOLDER, OUTPUT, SIZE, console
from edgeseg.cli._signals import interruptible

if TYPE_CHECKING:
    from edgeseg.converters import ConvertOptions, ConvertReport
    from edgeseg.manifest import Head

_PRECISIONS = {
    "float32": "32-bit floats (the default).",
    "fp16": "Weights in 16 bits: half the size.",
    "dynamic": "Weights in 8 bits, no calibration.",
    "int8": "Everything in 8 bits: the smallest and fastest.",
    "int16x8": "Weights in 8 bits, activations in 16: precise, slow on most devices.",
}
_NAMES = {"fp16": "float16"}


def _precision_flags(command: Callable[..., Any]) -> Callable[..., Any]:
    for name, text in reversed(_PRECISIONS.items()):
        command = click.option(f"--{name}", is_flag=True, help=text)(command)
    return command


@click.command()
@click.argument("model", required=False)
@click.option(
    "-o", "--output", type=OUTPUT, help="[default: MODEL-PRECISION[-TARGET].tflite, in this folder]"
)
@_precision_flags
@click.option(
    "--io",
    type=click.Choice(["int8", "uint8", "float32"]),
    help="Input and output tensors.  [default: int8 for --int8, else float32]",
)
@click.option(
    "--calib",
    metavar="DIR|VIDEO|'*.png'",
    help="Frames like those the camera will see.  [default: rendered street frames]",
)
@click.option(
    "--calib-frames",
    type=click.IntRange(min=1),
    default=100,
    show_default=True,
    help="How many of them to use.",
)
@click.option(
    "--refine/--no-refine",
    default=True,
    help="Better an int8 file's weights, biases and ranges on calibration frames.  [default: on]",
)
@click.option(
    "--masks", type=FOLDER, help="Index masks of the --calib images; the proof then has mIoU."
)
@click.option(
    "--head",
    type=click.Choice(["auto", "coarse", "full", "argmax"]),
    help="Where the network ends; auto is coarse where that is exact.  [default: auto]",
)
@click.option(
    "--target",
    default="cpu",
    show_default=True,
    help="Where the file will run; upsampling takes its best form there (docs/targets.md). "
    "'none' leaves all layers as they are.",
)
@click.option(
    "--swap",
    metavar="FORM",
    default="auto",
    show_default=True,
    help="Form of the upsampling layers: keep, subpixel, bilinear, refit and others.",
)
@click.option(
    "--finetune",
    type=FOLDER,
    help="Images, with or without masks, to train an approximate swap on.",
)
@click.option(
    "--finetune-epochs", type=click.IntRange(min=1), default=3, show_default=True, help="How long."
)
@click.option("--explain", is_flag=True, help="Show the plan for the target; convert nothing.")
@click.option(
    "--compile",
    "compiled",
    is_flag=True,
    help="Also run the target's own compiler (Ethos-U: Vela).",
)
@click.option("--input-size", type=SIZE, help="Another input size than the model's.")
@click.option(
    "--min-agreement",
    type=click.FloatRange(0, 1),
    help="Refuse a file that agrees less with the float model.  "
    "[default: 0.999 float32, 0.99 fp16, else 0.90]",
)
@click.option(
    "--max-drop",
    type=click.FloatRange(0, 100, min_open=True),
    metavar="POINTS",
    help="Most that the file may lose: points of mIoU with masks, else of agreement.",
)
@click.option(
    "--sensitivity", is_flag=True, help="Show which layers of an int8 file lose the most."
)
@click.option(
    "--normalize",
    type=click.Choice(["0..1", "-1..1", "none", "caffe", "imagenet"]),
    help="Pixel values that the model takes, where it has no card.",
)
@click.option("--color", type=click.Choice(["rgb", "bgr"]), help="The input's channel order.")
@click.option(
    "--resize", type=click.Choice(["stretch", "letterbox"]), help="How a frame fits the input."
)
@click.option("--labels", type=FILE, help="Class names, one a line.")
@click.option("--threads", type=click.IntRange(min=1), help="Threads for the proof.")
@click.option(
    "--report",
    type=OUTPUT,
    metavar="FILE.html",
    help="Write the proof as a page with pictures, even when the file is refused.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the report as JSON.")
def convert(
    model: str | None, output: Path | None, explain: bool, as_json: bool, **options: Any
) -> None:
    """Convert a Keras MODEL to a .tflite file and prove it against the float model.

    MODEL is a .keras or .h5 file, a SavedModel folder, or a zoo name (fcn8 without one), which may
    go on as NAME[:UPSAMPLING][:PRECISION][:HEAD][@WxH]. The file is written only if it agrees with
    the float model on frames held out from calibration; exit code 3 means that it did not.
    """
    from edgeseg.converters import convert as run_conversion

    asked = _options(model or "fcn8", output, options)
    if explain:
        _explain(asked, as_json)
        return
    with interruptible(), _steps() as show:
        report = run_conversion(asked, show)
    if as_json:
        click.echo(json.dumps(_as_dict(report), indent=1))
    else:
        _show(report, asked.report)


def _explain(asked: ConvertOptions, as_json: bool) -> None:
    from edgeseg.cli._convert_swaps import as_dict, plan_table, sources
    from edgeseg.converters.pipeline import plan_rewrite
    from edgeseg.errors import GateError

    with interruptible(), _steps() as show:
        rewritten = plan_rewrite(asked, show)
    if as_json:
        click.echo(json.dumps(as_dict(rewritten), indent=1))
    elif rewritten.decisions:
        console().print(plan_table(rewritten))
        for number, source in enumerate(sources(rewritten), start=1):
            console().print(f"[{number}] {source}", style="dim", markup=False, soft_wrap=True)
    else:
        console().print("nothing to plan: the network has no upsampling layer left inside")
    if rewritten.refusal:
        raise GateError(rewritten.refusal)


def _options(model: str, output: Path | None, given: dict[str, Any]) -> ConvertOptions:
    from edgeseg.converters import ConvertOptions

    flags = [_NAMES.get(name, name) for name in _PRECISIONS if given.pop(name)]
    if len(flags) > 1:
        raise click.UsageError(f"{' and '.join(flags)} were asked for; choose one precision")
    source, parts = _parts(model)
    precision: Any = (flags or [parts.get("precision", "float32")])[0]
    size = given.pop("input_size") or parts.get("size")
    place = given["target"]
    suffix = "" if place in ("cpu", "none") else f"-{place}"
    return ConvertOptions(
        source=source,
        output=output or Path(f"{_base_name(source, parts)}-{precision}{suffix}.tflite"),
        precision=precision,
        head=given.pop("head") or parts.get("head", "auto"),
        input_size=size,
        calibration=given.pop("calib"),
        frames=given.pop("calib_frames"),
        **given,
    )


def _parts(model: str) -> tuple[str, dict[str, Any]]:
    """Return what `convert` takes as source, and the parts of a variant that go elsewhere."""
    if Path(model).exists() or not (":" in model or "@" in model):
        return model, {}
    from edgeseg.benchmarks.variants import parse_variant
    from edgeseg.zoo import names

    variant = parse_variant(model, names())
    said = set(model.partition("@")[0].split(":")[1:])
    parts: dict[str, Any] = {
        key: value
        for key, value in (("precision", variant.precision), ("head", variant.head))
        if value in said
    }
    if variant.size is not None:
        parts["size"] = variant.size
    source = f"{variant.name}:{variant.upsampling}" if variant.upsampling else variant.name
    return source, parts


def _base_name(source: str, parts: dict[str, Any]) -> str:
    name, _, upsampling = source.partition(":") if not Path(source).exists() else (source, "", "")
    words = [Path(name).stem, upsampling, parts.get("head", ""), str(parts.get("size", ""))]
    return "-".join(word for word in words if word)


@contextmanager
def _steps() -> Iterator[Callable[[str], None]]:
    """Show the step at hand on the terminal, past the converter's grip on file descriptor 2."""
    from rich.console import Console

    if not sys.stderr.isatty():
        yield lambda step: None  # noqa: ARG005
        return
    with os.fdopen(os.dup(sys.stderr.fileno()), "w") as terminal:
        status = Console(file=terminal).status("starting")
        with status:
            yield status.update


def _as_dict(report: ConvertReport) -> dict[str, Any]:
    manifest = report.manifest
    return {
        "file": str(report.path),
        "size_bytes": report.size_bytes,
        "source_bytes": report.source_bytes,
        "precision": manifest.precision,
        "head": {"kind": manifest.head.kind, "stride": manifest.head.stride},
        "input_size": str(manifest.preparation.size),
        "calibrated_on": report.calibrated_on,
        "proof": report.proof.to_json(),
        "layers": [asdict(layer) for layer in report.layers],
        "kept": [asdict(layer) for layer in report.kept],
        **_of_target(report),
        "notes": list(report.notes),
        "warnings": list(report.warnings),
        "duration_s": round(report.duration_s, 2),
    }


def _of_target(report: ConvertReport) -> dict[str, Any]:
    from edgeseg.cli._convert_swaps import as_dict

    parts: dict[str, Any] = {}
    if report.rewritten is not None:
        parts["plan"] = as_dict(report.rewritten)
    if report.check is not None:
        parts["left_out"] = [
            {"op": one.op.name, "layer": one.op.layer, "reasons": one.reasons}
            for one in report.check.left_out
        ]
    if report.compiled is not None:
        parts["compiled"] = {**asdict(report.compiled), "path": str(report.compiled.path)}
    return parts


def _show(report: ConvertReport, page: Path | None) -> None:
    from rich.table import Table
    from rich.text import Text

    from edgeseg.cli._convert_layers import kept_table, worst_table
    from edgeseg.cli._convert_swaps import swaps_table

    table = Table.grid(padding=(0, 2))
    table.add_column(style="bold")
    table.add_column(overflow="fold")
    for name, value in _rows(report):
        table.add_row(name, Text(value))
    compiled = report.compiled.path if report.compiled else None
    for path in filter(None, (report.path, compiled, page)):
        console().print(f"wrote {path}", markup=False, soft_wrap=True)
    console().print(table)
    if report.rewritten is not None and report.rewritten.swaps:
        console().print(swaps_table(report.rewritten.swaps))
    if report.kept:
        console().print(kept_table(report.kept))
    if report.layers:
        console().print(worst_table(report.layers))
    for warning in report.warnings:
        console().print(f"warning: {warning}", style="yellow", markup=False, soft_wrap=True)
    for note in report.notes:
        console().print(f"note: {note}", style="dim", markup=False, soft_wrap=True)


def _rows(report: ConvertReport) -> Iterator[tuple[str, str]]:
    from edgeseg.cli._convert_swaps import compiled_rows, target_rows
    from edgeseg.manifest import precision_in_words

    manifest, proof = report.manifest, report.proof
    yield "size", f"{report.source_bytes / 1024:,.0f} -> {report.size_bytes / 1024:,.0f} KiB"
    yield "head", _head_text(manifest.head)
    yield "precision", precision_in_words(manifest.precision, manifest.float_layers)
    yield "input", str(manifest.preparation.size)
    if report.rewritten is not None:
        yield from target_rows(report.rewritten, report.check)
    if report.compiled is not None:
        yield from compiled_rows(report.compiled)
    yield "calibrated on", report.calibrated_on
    yield "proven on", f"{proof.on}, {proof.classes_seen} of {proof.classes} classes seen"
    yield "agreement", f"{proof.agreement:.2%}, worst {proof.worst:.2%} ({proof.worst_frame})"
    if proof.mean_iou is not None and proof.mean_iou_float is not None:
        yield "mIoU", f"{proof.mean_iou_float:.3f} float -> {proof.mean_iou:.3f} file"
    yield "time", f"{report.duration_s:.1f} s"


def _head_text(head: Head) -> str:
    if head.stride == 1:
        return f"{head.kind} at full size"
    return f"{head.kind} at stride {head.stride}, {head.to_frame} to the frame"
