"""Find a variant's .tflite file: its own, the zoo's, the cache's, or one made now."""

from __future__ import annotations

import hashlib
import multiprocessing
import signal
from collections.abc import Callable
from importlib.util import find_spec
from multiprocessing.connection import Connection
from pathlib import Path
from typing import TYPE_CHECKING, cast

from edgeseg import errors, zoo
from edgeseg.errors import EdgesegError, MissingExtraError, ModelError, OutputError
from edgeseg.manifest import Manifest
from edgeseg.modelfile import read_manifest

from .host import package_version
from .variants import Variant

if TYPE_CHECKING:
    from edgeseg.converters import ConvertOptions

Tell = Callable[[str], None]


def file_of(variant: Variant, tell: Tell) -> Path:
    """Return the .tflite file of a variant; make it when there is none.

    Args:
        variant: what was asked for.
        tell: called with a few words whenever something takes a while.

    Raises:
        MissingExtraError: the variant has to be made, and TensorFlow is not installed.
        EdgesegError: making it failed.
    """
    if variant.is_file:
        return Path(variant.name)
    if embedded := _embedded(variant):
        return embedded
    source = zoo.resolve_keras(variant.name) if variant.name in zoo.names() else Path(variant.name)
    target = cached_path(variant, source)
    if not target.is_file():
        tell(f"{variant.text}: making it, once; kept as {target}")
        _make(variant, source, target, tell)
    return target


def cached_path(variant: Variant, source: Path) -> Path:
    """Return where a made variant is kept.

    The name holds all that the file's content follows from: the parts, the source's hash and
    edgeseg's version.
    """
    parts = [source.stem, variant.upsampling, variant.precision, variant.head]
    parts += [str(variant.size) if variant.size else None, _sha256(source)[:12], package_version()]
    name = "-".join(part for part in parts if part)
    return zoo.cache_dir() / f"{name}.tflite"


def _embedded(variant: Variant) -> Path | None:
    """Return the zoo's own int8 file where it is what was asked for."""
    if variant.name not in zoo.names() or variant.precision != "int8":
        return None
    if variant.head not in ("auto", "coarse"):
        return None
    try:
        path = zoo.resolve_tflite(variant.name)
    except ModelError:
        return None
    manifest = read_manifest(path.read_bytes())
    return path if manifest is not None and _answers(manifest, variant) else None


def _answers(manifest: Manifest, variant: Variant) -> bool:
    return variant.upsampling in (None, manifest.upsampling) and variant.size in (
        None,
        manifest.preparation.size,
    )


def _sha256(source: Path) -> str:
    digest = hashlib.sha256()
    files = sorted(source.rglob("*")) if source.is_dir() else [source]
    for path in files:
        if path.is_file():
            digest.update(path.read_bytes())
    return digest.hexdigest()


def _make(variant: Variant, source: Path, target: Path, tell: Tell) -> None:
    if find_spec("tensorflow") is None:
        raise MissingExtraError(f"TensorFlow, which makes {variant.text},", "convert")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(
            f"cannot make the cache folder {target.parent}: {error.strerror or error}; "
            "EDGESEG_CACHE names another"
        ) from error
    _in_own_process(variant, source, target, tell)


def _in_own_process(variant: Variant, source: Path, target: Path, tell: Tell) -> None:
    """Convert in a process of its own.

    TensorFlow would otherwise stay in this one, with its threads and half a gigabyte of memory, and
    a run that made a variant would measure under other conditions than the next, which finds it.
    """
    context = multiprocessing.get_context("spawn")
    receiver, sender = context.Pipe(duplex=False)
    process = context.Process(target=_work, args=(sender, variant, source, target), daemon=True)
    process.start()
    sender.close()
    try:
        _follow(receiver, variant, tell)
    finally:
        process.terminate()
        process.join()


def _follow(receiver: Connection, variant: Variant, tell: Tell) -> None:
    """Pass on the child's steps until it is done, and raise what it raised."""
    while True:
        try:
            kind, text = cast("tuple[str, str]", receiver.recv())
        except EOFError:
            raise ModelError(
                f"making {variant.text} ended without a word, perhaps for lack of memory; "
                "try: edgeseg convert, and give bench the file"
            ) from None
        if kind == "done":
            return
        if kind == "step":
            tell(f"{variant.text}: {text}")
        else:
            raise _error(kind, f"making {variant.text}: {text}")


def _error(kind: str, message: str) -> EdgesegError:
    """Rebuild the child's error; MissingExtraError has another constructor."""
    found = getattr(errors, kind, ModelError)
    if not issubclass(found, EdgesegError) or found is MissingExtraError:
        found = ModelError
    error: EdgesegError = found(message)
    return error


def _work(sender: Connection, variant: Variant, source: Path, target: Path) -> None:
    """Child process: convert, and report each step, the end or the error."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent handles Ctrl-C and ends this process
    from edgeseg.converters import convert

    try:
        convert(_options(variant, source, target), lambda step: sender.send(("step", step)))
        sender.send(("done", ""))
    except EdgesegError as error:
        sender.send((type(error).__name__, str(error)))


def _options(variant: Variant, source: Path, target: Path) -> ConvertOptions:
    from edgeseg.converters import ConvertOptions
    from edgeseg.converters.options import HeadChoice, Precision

    return ConvertOptions(
        source=f"{source}:{variant.upsampling}" if variant.upsampling else str(source),
        output=target,
        precision=cast("Precision", variant.precision),
        head=cast("HeadChoice", variant.head),
        input_size=variant.size,
        # Whoever names an upsampling wants to know what that one takes; else what convert makes.
        target="none" if variant.upsampling else "cpu",
        # How long a network takes does not depend on its weights, and which decoder is quick enough
        # is often asked before training. A poor agreement is told beside the times.
        min_agreement=0.0,
    )
