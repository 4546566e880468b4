"""The models of `edgeseg eval`: opened, described, and made to agree on their labels."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from edgeseg.errors import ConfigError
from edgeseg.evaluate import Segment
from edgeseg.manifest import Manifest

if TYPE_CHECKING:
    from edgeseg.modelfile import ManifestOverrides

_KERAS = (".keras", ".h5", ".hdf5")


@dataclass(frozen=True)
class Engine:
    """How models are opened.

    Attributes:
        threads, runtime: of .tflite files, as typed; None takes the default.
        overrides: what the user knows better than the files.
        labels: the file of --labels.
    """

    threads: int | None
    runtime: str | None
    overrides: ManifestOverrides
    labels: Path | None


@dataclass(frozen=True)
class Contender:
    """An opened model.

    Attributes:
        name: in tables and messages; see `shown_names`.
        path: of the file or folder.
        manifest: what it is.
        segment: frame and size to class map.
        runtime: name and version of what runs it.
        size_bytes: of the file.
        source_sha256: hash of the Keras model: its own, or that of the model a .tflite came from.
        notes: guesses, and what else the reader of its figures has to know.
    """

    name: str
    path: Path
    manifest: Manifest
    segment: Segment
    runtime: str
    size_bytes: int
    source_sha256: str
    notes: tuple[str, ...]


def shown_names(typed: Sequence[str]) -> dict[str, str]:
    """Return how each model is shown: a file without its folders where that tells them apart."""
    short = {name: Path(name).name for name in typed}
    return {
        name: word if list(short.values()).count(word) == 1 else name
        for name, word in short.items()
    }


def open_contender(typed: str, shown: str, engine: Engine, stack: ExitStack) -> Contender:
    """Open a .tflite file, a Keras model, a zoo name or a variant of one; `stack` closes it.

    Raises:
        EdgesegError: there is no such model, or it cannot be opened.
    """
    from edgeseg.zoo import names, resolve_tflite

    path = Path(typed)
    if path.is_dir() or (path.exists() and path.suffix in _KERAS):
        return _open_keras(path, shown, engine)
    if path.exists() or path.suffix == ".tflite":
        return _open_tflite(path, shown, engine, stack)
    if typed in names():
        return _open_tflite(resolve_tflite(typed), shown, engine, stack)
    return _open_variant(typed, shown, engine, stack)


def common_labels(contenders: Sequence[Contender]) -> tuple[str, ...]:
    """Return the labels of all; names that were only guessed give way.

    Raises:
        ConfigError: the models know different classes.
    """
    named = [one for one in contenders if not _is_nameless(one.manifest.labels)]
    first = (named or list(contenders))[0]
    labels = first.manifest.labels
    others = [one for one in contenders if not _fits(one.manifest.labels, labels)]
    if others:
        found = ", ".join(f"{one.name} {_in_words(one.manifest.labels)}" for one in others)
        raise ConfigError(
            f"{first.name} knows {_in_words(labels)}, but {found}; models evaluated together need "
            "the same classes in the same order: evaluate each by itself, or name them with "
            "--labels FILE"
        )
    return labels


def _open_tflite(path: Path, shown: str, engine: Engine, stack: ExitStack) -> Contender:
    from edgeseg.segmenter import Segmenter

    segmenter = stack.enter_context(
        Segmenter(path, threads=engine.threads, runtime=engine.runtime, overrides=engine.overrides)
    )
    return Contender(
        name=shown,
        path=path,
        manifest=segmenter.manifest,
        segment=lambda frame, size: segmenter.segment(frame, size).mask,
        runtime=segmenter.runtime.name,
        size_bytes=segmenter.size_bytes,
        source_sha256=segmenter.manifest.source_sha256,
        notes=tuple(f"guessed: {guess}" for guess in segmenter.guesses),
    )


def _open_keras(path: Path, shown: str, engine: Engine) -> Contender:
    from edgeseg.converters.load import load
    from edgeseg.converters.options import ConvertOptions
    from edgeseg.converters.segment import segment_network
    from edgeseg.environment import installed_version

    overrides = engine.overrides
    options: dict[str, Any] = {
        key: getattr(overrides, key) for key in ("normalize", "color", "resize", "input_size")
    }
    network = load(ConvertOptions(str(path), Path(), labels=engine.labels, **options))
    segment, manifest = segment_network(network)
    return Contender(
        name=shown,
        path=path,
        manifest=manifest,
        segment=segment,
        runtime=f"tensorflow {installed_version('tensorflow') or ''}".strip(),
        size_bytes=network.size_bytes,
        source_sha256=network.manifest.source_sha256,
        notes=tuple(f"guessed: {guess}" for guess in network.guesses),
    )


def _open_variant(typed: str, shown: str, engine: Engine, stack: ExitStack) -> Contender:
    """Take the .tflite file that `edgeseg bench` would measure; it makes what there is not."""
    from dataclasses import replace

    from edgeseg.benchmarks.making import file_of
    from edgeseg.benchmarks.variants import parse_variant
    from edgeseg.zoo import cache_dir, names

    variant = parse_variant(typed, names())
    if variant.threads or variant.runtime:
        raise ConfigError(
            f"{typed}: threads and runtime are the same for all models here; "
            "give them as --threads N and --runtime NAME"
        )
    path = file_of(variant, lambda text: click.echo(text, err=True))
    contender = _open_tflite(path, shown, engine, stack)
    if variant.precision in ("int8", "int16x8") and path.parent == cache_dir():
        note = (
            "made for `edgeseg bench`, calibrated on rendered street frames: for figures that "
            "count, make it with `edgeseg convert --calib DIR` and give the file"
        )
        contender = replace(contender, notes=(*contender.notes, note))
    return contender


def _is_nameless(labels: Sequence[str]) -> bool:
    return tuple(labels) == tuple(f"class {index}" for index in range(len(labels)))


def _fits(own: Sequence[str], labels: Sequence[str]) -> bool:
    return tuple(own) == tuple(labels) or (_is_nameless(own) and len(own) == len(labels))


def _in_words(labels: Sequence[str]) -> str:
    more = ", ..." if len(labels) > 3 else ""
    return f"{len(labels)} classes ({', '.join(labels[:3])}{more})"
