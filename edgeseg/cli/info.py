"""`edgeseg info`: what is installed and used here, or what a model is."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from edgeseg.cli._common import console, manifest_options, overrides_from, runtime_options

if TYPE_CHECKING:
    from edgeseg.complexity import Complexity
    from edgeseg.manifest import Manifest
    from edgeseg.modelfile import ManifestOverrides
    from edgeseg.runtimes import TensorSpec


@click.command()
@click.argument("model", required=False)
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of a table.")
@click.option("--layers", is_flag=True, help="Add what each operator of MODEL costs.")
@runtime_options
@manifest_options
def info(
    model: str | None,
    as_json: bool,
    layers: bool,
    threads: int | None,
    runtime: str | None,
    **options: Any,
) -> None:
    """Say what is installed and used here, or what MODEL is and costs.

    MODEL is a .tflite file or the name of an embedded model. MACs are the multiply-accumulates of
    its convolutions and matrix products for one frame.
    """
    if model is None:
        if layers:
            raise click.UsageError("--layers needs a MODEL; type: edgeseg info fcn8 --layers")
        _tell(_environment(), None, as_json)
        return
    facts, found = _model(model, threads, runtime, overrides_from(options))
    _tell(facts, found if layers else None, as_json)


def _tell(facts: dict[str, Any], found: Complexity | None, as_json: bool) -> None:
    from edgeseg.cli._layers import layers_json, layers_table

    if as_json:
        more = {"layers": layers_json(found)} if found else {}
        click.echo(json.dumps({**facts, **more}, indent=2))
        return
    _show(facts)
    if found:
        console().print()
        console().print(layers_table(found, console().width))


def _environment() -> dict[str, Any]:
    from edgeseg.environment import describe_environment

    return describe_environment()


def _model(
    model: str, threads: int | None, runtime: str | None, overrides: ManifestOverrides
) -> tuple[dict[str, Any], Complexity]:
    from edgeseg.complexity import complexity
    from edgeseg.segmenter import open_segmenter

    with open_segmenter(model, threads=threads, runtime=runtime, overrides=overrides) as opened:
        found = complexity(opened.path)
        return {
            "file": str(opened.path),
            "size_bytes": opened.size_bytes,
            "parameters": found.parameters,
            "macs": None if found.is_open else found.macs,
            "runtime": opened.runtime.name,
            "threads": opened.runtime.threads,
            "input": _tensor(opened.runtime.inputs),
            "output": _tensor(opened.runtime.outputs[0]),
            "guesses": list(opened.guesses),
            **_manifest(opened.manifest),
        }, found


def _tensor(spec: TensorSpec) -> str:
    quantization = f", scale {spec.scale:g}, zero point {spec.zero_point}" if spec.scale else ""
    return f"{spec.dtype} {list(spec.shape)}{quantization}"


def _manifest(manifest: Manifest) -> dict[str, Any]:
    facts = asdict(manifest)
    facts["preparation"]["size"] = str(manifest.preparation.size)
    facts["labels"] = list(manifest.labels)
    facts["float_layers"] = list(manifest.float_layers)
    del facts["palette"], facts["version"]
    return facts


def _show(facts: dict[str, Any]) -> None:
    from rich.table import Table
    from rich.text import Text

    from edgeseg.manifest import precision_in_words

    if "precision" in facts:
        words = precision_in_words(facts["precision"], facts["float_layers"])
        facts = {**facts, "precision": words, **_swaps(facts["proof"])}
    table = Table(show_header=False, box=None, padding=(0, 2, 0, 0))
    table.add_column(style="bold", no_wrap=True)
    table.add_column(overflow="fold")
    for name, value in facts.items():
        if value not in ("", [], {}):
            title = "MACs" if name == "macs" else name.removesuffix("_bytes").replace("_", " ")
            table.add_row(title, Text(_text(name, value)))
    console().print(table)


def _swaps(proof: dict[str, Any]) -> dict[str, Any]:
    """Return the proof without its swapped layers, and those in a line each."""
    swaps = [
        f"{swap['layer']}: {swap['form']}, {'exact' if swap['exact'] else 'approximate'}"
        for swap in proof.get("swaps", ())
    ]
    rest = {name: value for name, value in proof.items() if name != "swaps"}
    return {"proof": rest, "swapped layers": _lines(swaps)}


def _text(name: str, value: Any) -> str:
    if name == "zoo":
        return _lines(f"{model}: {_kib(size)}" for model, size in value.items())
    if name == "size_bytes":
        return _kib(value)
    if name == "parameters":
        return f"{value:,}"
    if name == "macs":
        return "unknown, the file leaves its input size open" if value is None else f"{value:,}"
    if name in ("labels", "guesses", "float_layers"):
        return "\n".join(value) if name == "guesses" else ", ".join(value)
    if isinstance(value, dict):
        return _lines(f"{key} {_plain(part)}" for key, part in value.items())
    return str(value)


def _lines(parts: Iterable[str]) -> str:
    return "\n".join(parts)


def _kib(size: int | None) -> str:
    return "no int8 file" if size is None else f"{size / 1024:,.0f} KiB"


def _plain(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, dict):
        return ", ".join(f"{key} {_plain(part)}" for key, part in value.items())
    if isinstance(value, list | tuple):
        return " ".join(f"{part:g}" if isinstance(part, float) else str(part) for part in value)
    return f"{value:.4g}" if isinstance(value, float) else str(value)
