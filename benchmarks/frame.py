"""A frame from the camera's pixels to the blended picture: the usual ways, and ours.

All run one after the other on the same frame, each as written below, nothing overlapped. The
network is FCN-8 on MobileNetV2 1.0 at 512x512 with 21 classes: the zoo's fcn8-m1, whose 11 classes
are widened to 21 so that scores look like a trained network's. The networks' time does not depend
on that, but that of our decode does, on how many cells a boundary crosses; the report tells.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import click
import cv2
import numpy as np
from numpy.typing import NDArray

from edgeseg.benchmarks.contest import (
    QUICK,
    Call,
    Open,
    Table,
    contest,
    draw,
    save,
    watched,
    write_markdown,
)
from edgeseg.benchmarks.host import package_version
from edgeseg.benchmarks.kernels import boundary_share, frames_of
from edgeseg.benchmarks.paired import Plan
from edgeseg.errors import ConfigError, EdgesegError, MissingExtraError
from edgeseg.files import atomic_path, check_writable
from edgeseg.kernels import Pool
from edgeseg.labels import palette_for
from edgeseg.manifest import Size
from edgeseg.overlay import overlay
from edgeseg.runtimes import Runtime, default_threads, open_runtime
from edgeseg.segmenter import Segmenter
from edgeseg.zoo import cache_dir, resolve_keras

FRAME = Size(1280, 720)
INPUT = Size(512, 512)
CLASSES = 21
ALPHA = 0.5
BLOCK = "frame"
SOURCE = "fcn8-m1"
SCORES = ("scores_8", "scores_16", "scores_32")

Pixels = NDArray[np.uint8]


@dataclass(frozen=True)
class Models:
    """The same network in three files, int8.

    Attributes:
        coarse: as `edgeseg convert --int8` makes it, ending at stride 8.
        bilinear: likewise with its full head, a bilinear resize.
        transposed: with transposed convolutions, by TFLiteConverter.from_keras_model alone, which
            leaves the batch open.
    """

    coarse: Path
    bilinear: Path
    transposed: Path


# ---- the usual ways ----


class Usual:
    """What a first program does: OpenCV before the network, NumPy after it, OpenCV to show it."""

    def __init__(self, model: Path, threads: int) -> None:
        """Open the network."""
        self.network = _open(model, threads)
        self.palette = np.array(palette_for(CLASSES), np.uint8)[:, ::-1]  # BGR, as frames are

    def tensor(self, frame: Pixels) -> NDArray[Any]:
        """Resize, normalise to -1..1, quantize."""
        spec = self.network.inputs
        small = cv2.cvtColor(cv2.resize(frame, INPUT), cv2.COLOR_BGR2RGB)
        values = small.astype(np.float32) / np.float32(127.5) - np.float32(1)
        steps = np.rint(values / np.float32(spec.scale)) + np.float32(spec.zero_point)
        return np.asarray(np.clip(steps, -128, 127).astype(np.int8)[None])

    def mask(self, scores: NDArray[Any], size: Size) -> Pixels:
        """Take the greatest class at the network's size, then resize the classes."""
        classes = np.argmax(scores, axis=-1).astype(np.uint8)
        return np.asarray(cv2.resize(classes, size, interpolation=cv2.INTER_NEAREST), np.uint8)

    def blended(self, frame: Pixels) -> Any:
        """Do it all."""
        scores = self.network.infer(self.tensor(frame))[0][0]
        mask = self.mask(scores, Size(frame.shape[1], frame.shape[0]))
        return cv2.addWeighted(frame, 1 - ALPHA, self.palette[mask], ALPHA, 0)


class UsualSmooth(Usual):
    """Likewise, but the scores are resized to the frame and then compared: smooth edges."""

    def mask(self, scores: NDArray[Any], size: Size) -> Pixels:
        """Dequantize the scores, resize them to the frame, take the greatest class."""
        spec = self.network.outputs[0]
        values = (scores.astype(np.float32) - np.float32(spec.zero_point)) * np.float32(spec.scale)
        return np.asarray(np.argmax(cv2.resize(values, size), axis=-1), np.uint8)


# ---- ours ----


class Ours:
    """What `edgeseg run` does with a frame, one step after the other."""

    def __init__(self, model: Path, threads: int, kernel_threads: int | None = None) -> None:
        """Open the network; None gives the kernels as many threads, as a `Segmenter` does."""
        self.segmenter = Segmenter(model, threads=threads, runtime="litert")
        self.palette = palette_for(CLASSES)
        if kernel_threads is not None:
            self.segmenter.pool = Pool(kernel_threads)

    def blended(self, frame: Pixels) -> Pixels:
        """Do it all."""
        mask = self.segmenter.segment(frame).mask
        return overlay(frame, mask, self.palette, ALPHA, pool=self.segmenter.pool)


# ---- the contest ----


def frame_table(models: Models, frame: Pixels, threads: int, plan: Plan) -> Table:
    """Time each way on one frame; the network with the coarse head alone is the reference."""
    cv2.setNumThreads(threads)

    def alone() -> Call:
        runtime = _open(models.coarse, threads)
        _fill(runtime)
        return lambda: runtime.infer(runtime.input_tensor())

    def way(kind: Callable[[Path, int], Any], model: Path) -> Open:
        def opened() -> Call:
            worker = kind(model, threads)
            return lambda: worker.blended(frame)

        return opened

    other = 1 if threads > 1 else 2  # whether more threads are worth it for the kernels
    contestants: dict[str, Open] = {
        "coarse network alone": alone,
        "ours": way(Ours, models.coarse),
        f"ours, kernels on {_counted(other)}": way(
            partial(Ours, kernel_threads=other), models.coarse
        ),
        "usual: transposed, argmax": way(Usual, models.transposed),
        "usual: bilinear, resized": way(UsualSmooth, models.bilinear),
    }
    title = (
        f"{FRAME} frame to blended frame, network of {INPUT}, {CLASSES} classes, "
        f"{_counted(threads)} of the network"
    )
    return contest(title, contestants, plan, unit="times", notes=_notes(models, frame, threads))


def _counted(threads: int) -> str:
    return f"{threads} thread{'s' if threads > 1 else ''}"


def _notes(models: Models, frame: Pixels, threads: int) -> list[str]:
    """Say what ran each file, and what our decode had to do."""
    files = (models.coarse, models.transposed, models.bilinear)
    ran = [f"{path.name}: {_open(path, threads).name}" for path in files]
    with Segmenter(models.coarse, threads=threads, runtime="litert") as segmenter:
        share = boundary_share(segmenter.infer(segmenter.prepare(frame))[0])
    return [*ran, f"a boundary crosses {share:.0%} of the cells"]


def _open(model: Path, threads: int) -> Runtime:
    return open_runtime(model, name="litert", threads=threads, input_size=INPUT)


def _fill(runtime: Runtime) -> None:
    tensor = runtime.input_tensor()
    tensor[...] = np.random.default_rng(0).integers(-128, 128, tensor.shape)


# ---- the models ----


def make_models(tell: Callable[[str], None]) -> Models:
    """Return the three files; make those that the cache folder does not hold.

    Args:
        tell: called with a few words whenever something takes a while.

    Raises:
        MissingExtraError: one has to be made, and TensorFlow is not installed.
        EdgesegError: making it failed.
    """
    stem = f"frame-{SOURCE}-{CLASSES}-{package_version()}"
    folder = cache_dir()
    models = Models(*(folder / f"{stem}-{kind}.tflite" for kind in ("coarse", "bilinear", "open")))
    if all(path.is_file() for path in (models.coarse, models.bilinear, models.transposed)):
        return models
    if find_spec("tensorflow") is None:
        raise MissingExtraError(
            "TensorFlow, which makes the models of this benchmark once,", "convert"
        )
    tell(f"making three models, once; kept in {folder}")
    folder.mkdir(parents=True, exist_ok=True)
    _make(models, folder / stem)
    return models


def _make(models: Models, stem: Path) -> None:
    from edgeseg.benchmarks.upsampling.networks import make_stock
    from edgeseg.converters import ConvertOptions, convert
    from edgeseg.converters.options import HeadChoice

    resized, transposed = (_keras(stem, kind) for kind in ("bilinear", "transpose"))
    heads: tuple[tuple[HeadChoice, Path], ...]
    heads = (("coarse", models.coarse), ("full", models.bilinear))
    for head, path in heads:
        convert(
            ConvertOptions(
                source=str(resized),
                output=path,
                precision="int8",
                head=head,
                frames=8,
                refine=False,  # how long a file takes does not depend on its weights
                min_agreement=0.0,
            )
        )
    made = make_stock(transposed, None, stem.parent)
    made.replace(models.transposed)
    for path in (resized, transposed):
        path.unlink()


def _keras(stem: Path, upsampling: Any) -> Path:
    """Save the zoo's network at our size, with our classes."""
    import keras

    from edgeseg.fcn.card import build, read_card, rebuild, save_model

    source = resolve_keras(SOURCE)
    card = read_card(source)
    if card is None:
        raise ConfigError(f"{source} has no card; install edgeseg again")
    trained, card = rebuild(
        keras.models.load_model(source, compile=False),
        card,
        input_size=INPUT,
        upsampling=upsampling,
    )
    labels = tuple(f"class {index}" for index in range(CLASSES))
    card = replace(card, labels=labels, palette=palette_for(CLASSES), trained={})
    model = build(card)
    _widen(trained, model)
    path = stem.with_name(f"{stem.name}-{upsampling}.keras")
    with atomic_path(path) as target:
        save_model(model, card, target)
    return path


def _widen(trained: Any, model: Any) -> None:
    """Copy weights; each class beyond the trained ones becomes a duller likeness of one of them.

    Transposed convolutions of another width keep their bilinear start.
    """
    random = np.random.default_rng(0)
    pairs = zip(
        *([one for one in net.layers if one.weights] for net in (trained, model)), strict=True
    )
    for old, new in pairs:
        weights = old.get_weights()
        if [one.shape for one in weights] == [one.shape for one in new.get_weights()]:
            new.set_weights(weights)
        elif old.name in SCORES:
            kernel, bias = weights
            likeness = np.arange(CLASSES) % bias.size
            noise = random.normal(0, kernel.std() / 4, (*kernel.shape[:-1], CLASSES))
            noise[..., : bias.size] = 0
            duller = np.where(np.arange(CLASSES) < bias.size, 0, 1)
            new.set_weights([kernel[..., likeness] + noise, bias[likeness] - duller])


@click.command()
@click.argument("models", nargs=-1, type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--frames", help="Folder of pictures or a video; without, a rendered street.")
@click.option(
    "--threads",
    type=click.IntRange(1),
    help="Of the network; without, 1 and then one per core, at most 4.",
)
@click.option("--seconds", type=float, default=30.0, show_default=True, help="For each table.")
@click.option("--quick", is_flag=True, help="Few rounds: to see that it works, not to measure.")
@click.option("--json", "json_path", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--markdown", type=click.Path(dir_okay=False, path_type=Path))
def main(
    models: Sequence[Path],
    frames: str | None,
    threads: int | None,
    seconds: float,
    quick: bool,
    json_path: Path | None,
    markdown: Path | None,
) -> None:
    """Time a frame to its blended picture: the usual ways against ours.

    MODELS are three files in place of those that this makes: with a coarse head, with a bilinear
    full head, with transposed convolutions.
    """
    from rich.console import Console

    counts = (threads,) if threads else tuple(sorted({1, default_threads()}))
    plan = QUICK if quick else Plan(seconds=seconds)
    try:
        for path in filter(None, (json_path, markdown)):
            check_writable(path)
        files = _chosen(models)
        frame = np.asarray(cv2.resize(frames_of(frames, 1)[0], FRAME), np.uint8)
        results = watched(
            lambda: [frame_table(files, frame, count, plan) for count in counts], counts[-1]
        )
        draw(results, Console(highlight=False))
        if json_path:
            save(results, json_path)
        if markdown:
            write_markdown(results, BLOCK, markdown)
    except EdgesegError as error:
        raise click.ClickException(str(error)) from error


def _chosen(models: Sequence[Path]) -> Models:
    if not models:
        return make_models(lambda text: click.echo(text, err=True))
    if len(models) != 3:
        raise ConfigError(f"expected three files or none, got {len(models)}")
    return Models(*models)


if __name__ == "__main__":
    main()
