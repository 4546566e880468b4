"""What `edgeseg eval` found, with what was measured how, for its tables, JSON and page."""

from __future__ import annotations

from collections.abc import Sequence

from edgeseg import kernels
from edgeseg.cli._eval_models import Contender, Engine
from edgeseg.environment import edgeseg_version
from edgeseg.evaluate import Comparison
from edgeseg.evaluation import Evaluation
from edgeseg.evaluation_data import Data
from edgeseg.labels import palette_for
from edgeseg.manifest import Head
from edgeseg.reports.evaluation import Findings, Other, Subject, sizes_text, tolerance_text
from edgeseg.runtimes import default_threads

_Facts = tuple[tuple[str, str], ...]


def findings_of(
    comparison: Comparison,
    models: Sequence[Contender],
    other: Contender | None,
    data: Data,
    ignore: int | None,
    engine: Engine,
    typed: str,
) -> Findings:
    """Bring figures, models and data together."""
    agreements = comparison.agreements or (None,) * len(models)
    found = zip(models, comparison.evaluations, agreements, strict=True)
    first = comparison.evaluations[0]
    palettes = [m.manifest.palette for m in models if m.manifest.labels == first.labels]
    against = None
    if other is not None and comparison.against is not None:
        against = Other(other.name, comparison.against, other.segment)
    return Findings(
        subjects=tuple(
            Subject(
                model.name, evaluation, model.segment, agreement, _facts(model, other), model.notes
            )
            for model, evaluation, agreement in found
        ),
        against=against,
        pairs=data.pairs,
        palette=palettes[0] if palettes else palette_for(len(first.labels)),
        ignore=ignore,
        measured=_measured(first, data, ignore, engine, typed),
        left_out=data.left_out,
    )


def _facts(model: Contender, other: Contender | None) -> _Facts:
    manifest, preparation = model.manifest, model.manifest.preparation
    parts = (manifest.decoder, manifest.encoder, manifest.upsampling)
    facts = [
        ("file", f"{model.path} ({model.size_bytes / 1024:,.0f} KiB)"),
        ("network", ", ".join(filter(None, parts)) or "unknown"),
        ("precision", manifest.precision or "unknown"),
        ("input", f"{preparation.size}, {preparation.resize}, {preparation.color}"),
        ("head", _head_text(manifest.head)),
        ("runs on", model.runtime),
    ]
    if other is not None:
        facts.append(("compared with", f"{other.name}{_kinship(model, other)}"))
    return tuple(facts)


def _kinship(model: Contender, other: Contender) -> str:
    """Say whether the other is the network that this one was made of, by the hashes they carry."""
    own, its = model.source_sha256, other.source_sha256
    if not own or not its:
        return ""
    return ", the network it was converted from" if own == its else ", another network"


def _head_text(head: Head) -> str:
    where = "at full size" if head.stride == 1 else f"at stride {head.stride}"
    return f"{head.kind} {where}, {head.to_frame} to the mask's size"


def _measured(
    evaluation: Evaluation, data: Data, ignore: int | None, engine: Engine, typed: str
) -> _Facts:
    return (
        ("data", _data_text(data)),
        ("resolution", f"{sizes_text(evaluation)}; predictions are decoded at the mask's size"),
        ("void", _void_text(evaluation, ignore)),
        ("boundary F", f"met within {tolerance_text(evaluation)}"),
        (
            "interval",
            "95 %, bootstrap over images; too narrow where images are neighbouring video frames",
        ),
        ("threads", str(engine.threads or default_threads())),
        ("decode kernels", kernels.active()),
        ("edgeseg", edgeseg_version()),
        ("command", typed),
    )


def _data_text(data: Data) -> str:
    """Say which images, and how many: "camvid/val, 20 images, spread evenly over 101"."""
    found = data.found
    count = f"{len(data.pairs)} image{'s' * (len(data.pairs) != 1)}"
    if data.left_out:
        count += f", {len(data.left_out)} left out"
    if len(found.pairs) < found.total:
        count += f", spread evenly over {found.total}"
    return f"{found.folder}, {count}"


def _void_text(evaluation: Evaluation, ignore: int | None) -> str:
    if ignore is None:
        return "none"
    pixels = sum(i.mask_size.width * i.mask_size.height for i in evaluation.images)
    share = sum(image.void for image in evaluation.images) / pixels
    return f"mask value {ignore}, {share:.1%} of the pixels, left out of all but the agreement"
