"""What the kernels cost: decode against OpenCV and NumPy, and all three in copies of the frame.

Decode is timed on a network's own scores. What it is held against is what is usually written: the
scores as float32 (made beforehand, which is not timed), cv2.resize to the frame, np.argmax. All on
one thread, in rounds of random order as `edgeseg bench` takes them.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from functools import partial
from itertools import cycle, islice
from pathlib import Path
from typing import Any

import click
import cv2
import numpy as np
from numpy.typing import NDArray

from edgeseg import kernels
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
from edgeseg.benchmarks.paired import Plan
from edgeseg.decode import Grid, decode
from edgeseg.errors import EdgesegError, SourceError
from edgeseg.files import check_writable
from edgeseg.manifest import Size
from edgeseg.overlay import overlay
from edgeseg.segmenter import Segmenter, open_segmenter
from edgeseg.sources import open_source
from edgeseg.sources.street import render_street

SIZES = (Size(1280, 720), Size(1920, 1080))
FRAME = SIZES[0]
FRAMES = 4
TURNS = 16  # 44 MB of frames, and as much of pictures: more than caches hold
STEP = 25  # of a source's frames: neighbours are alike
BLOCK = "kernels"

Pixels = NDArray[np.uint8]
Scores = Sequence[NDArray[Any]]


def frames_of(source: str | None, count: int) -> list[Pixels]:
    """Return frames of a source (edgeseg.sources.open_source), or of a rendered street.

    Raises:
        SourceError: there are none.
    """
    if source is None:
        return [render_street(seed, 2.0 * seed, FRAME)[0] for seed in range(count)]
    with closing(open_source(source)) as opened:
        picked = [frame.pixels for frame in islice(opened.frames(), 0, count * STEP, STEP)]
    if not picked:
        raise SourceError(f"{source} has no frames")
    return picked


def decode_table(title: str, scores: Scores, size: Size, plan: Plan) -> Table:
    """Time each set of kernels against cv2.resize and np.argmax."""
    floats = [one.astype(np.float32) for one in scores]

    def usual() -> Call:
        return lambda: [_usual(one, size) for one in floats]

    contestants: dict[str, Open] = {"cv2.resize + np.argmax": usual}
    for name in _sets():
        contestants[f"decode, {name}"] = partial(_decoding, scores, size, name)
    with _choice_kept():
        return contest(
            f"{title} to {size}, one thread",
            contestants,
            plan,
            unit="times faster",
            as_speed=True,
            frames=len(scores),
            notes=[_agreement(scores, floats, size)],
        )


def picture_table(segmenter: Segmenter, frame: Pixels, turns: int, plan: Plan) -> Table:
    """Time prepare, decode and overlay of a frame in plain copies of it.

    Args:
        segmenter: whose network's input and scores they are.
        frame: BGR, of the size FRAME.
        turns: copies of the frame that are taken in turn. One stays in the cache; many come from
            memory, as a camera's frames do.
        plan: how long.
    """
    output = segmenter.infer(segmenter.prepare(frame))[0].copy()
    stages = _Stages([frame.copy() for _ in range(turns)], output, segmenter)
    contestants: dict[str, Open] = {
        "np.copyto of the frame": lambda: stages.copy,
        "frame.copy(), to new memory": lambda: stages.copy_to_new,
    }
    for name in _sets():
        contestants[f"all three, {name}"] = partial(_with, name, stages.all)
    best = _sets()[0]
    for stage in stages.each():
        contestants[f"{stage.__name__.replace('_', ' ')}, {best}"] = partial(_with, best, stage)
    preparation = segmenter.manifest.preparation
    with _choice_kept():
        return contest(
            f"{FRAME} frame, network of {preparation.size}, "
            f"{'always the same' if turns == 1 else f'{turns} in turn'}, one thread",
            contestants,
            plan,
            unit="copies",
        )


class _Stages:
    """What is done to a frame beside the network, with everything allocated before.

    The frames take turns, and so do the pictures and class maps that are written.
    """

    def __init__(
        self, frames: Sequence[Pixels], output: NDArray[Any], segmenter: Segmenter
    ) -> None:
        self._frames, self._output, self._segmenter = frames, output, segmenter
        self._yuyv = [cv2.cvtColor(frame, cv2.COLOR_BGR2YUV_YUY2) for frame in frames]
        self._blended = [np.zeros_like(frame) for frame in frames]
        self._masks = [decode(output, FRAME, _grid(output, FRAME)) for _ in frames]
        self._tensor = np.empty(segmenter.runtime.inputs.shape, segmenter.runtime.inputs.dtype)
        self._palette = segmenter.manifest.palette
        self._turn = cycle(range(len(frames)))

    def copy(self) -> None:
        n = next(self._turn)
        np.copyto(self._blended[n], self._frames[n])

    def copy_to_new(self) -> None:
        self._frames[next(self._turn)].copy()

    def prepare(self) -> None:
        self._prepare(next(self._turn))

    def prepare_yuyv(self) -> None:
        self._segmenter.prepare(self._yuyv[next(self._turn)], self._tensor, layout="yuyv")

    def decode(self) -> None:
        self._decode(next(self._turn))

    def overlay(self) -> None:
        self._overlay(next(self._turn))

    def overlay_in_place(self) -> None:
        n = next(self._turn)
        overlay(self._blended[n], self._masks[n], self._palette, out=self._blended[n])

    def all(self) -> None:
        n = next(self._turn)
        self._prepare(n)
        self._decode(n)
        self._overlay(n)

    def each(self) -> tuple[Callable[[], None], ...]:
        """Return each alone."""
        return (self.prepare, self.decode, self.overlay, self.prepare_yuyv, self.overlay_in_place)

    def _prepare(self, n: int) -> None:
        self._segmenter.prepare(self._frames[n], self._tensor)

    def _decode(self, n: int) -> None:
        decode(self._output, FRAME, _grid(self._output, FRAME), into=self._masks[n])

    def _overlay(self, n: int) -> None:
        overlay(self._frames[n], self._masks[n], self._palette, out=self._blended[n])


def _sets() -> tuple[str, ...]:
    """Return the native sets of kernels; NumPy's where there is none."""
    return kernels.available()[:-1] or kernels.available()


@contextmanager
def _choice_kept() -> Iterator[None]:
    """Put the caller's choice of kernels back afterwards; a call sets its own before it runs."""
    before = os.environ.get(kernels.ENVIRONMENT)
    try:
        yield
    finally:
        os.environ.pop(kernels.ENVIRONMENT, None)
        if before is not None:
            os.environ[kernels.ENVIRONMENT] = before


def _with(name: str, call: Call) -> Call:
    def run() -> None:
        os.environ[kernels.ENVIRONMENT] = name
        call()

    return run


def _decoding(scores: Scores, size: Size, name: str) -> Call:
    mask = np.empty((size.height, size.width), np.uint8)

    def run() -> None:
        for one in scores:
            decode(one, size, _grid(one, size), into=mask)

    return _with(name, run)


def _usual(scores: NDArray[np.float32], size: Size) -> NDArray[Any]:
    resized = cv2.resize(scores, size, interpolation=cv2.INTER_LINEAR)
    return np.asarray(np.argmax(resized, axis=-1))


def _grid(scores: NDArray[Any], size: Size) -> Grid:
    return Grid(scores.shape[1] / size.width, scores.shape[0] / size.height)


def _agreement(scores: Scores, floats: Sequence[NDArray[np.float32]], size: Size) -> str:
    same = [
        (decode(one, size, _grid(one, size)) == _usual(usual, size)).mean()
        for one, usual in zip(scores, floats, strict=True)
    ]
    crossed = np.mean([boundary_share(one) for one in scores])
    return (
        f"{np.mean(same):.4%} of the pixels have the same class; a boundary crosses "
        f"{crossed:.0%} of the cells"
    )


def boundary_share(scores: NDArray[Any]) -> float:
    """Return the share of cells whose corners have not all the same greatest class."""
    winners = scores.argmax(axis=-1)
    corners = (winners[:-1, :-1], winners[:-1, 1:], winners[1:, :-1], winners[1:, 1:])
    return float(np.mean(np.any([corner != corners[0] for corner in corners], axis=0)))


def _tables(model: str, source: str | None, count: int, plan: Plan) -> Iterator[Table]:
    frames = frames_of(source, count)
    kind = "real" if source else "rendered"
    with open_segmenter(model, threads=1) as segmenter:
        scores = [segmenter.infer(segmenter.prepare(frame))[0].copy() for frame in frames]
        shape = "x".join(map(str, scores[0].shape))
        for size in SIZES:
            yield decode_table(f"{model}'s {shape} scores of {kind} frames", scores, size, plan)
        noise = np.random.default_rng(0).integers(-128, 128, scores[0].shape).astype(np.int8)
        yield decode_table(f"noise of {shape}, every cell a boundary,", [noise], FRAME, plan)
        whole = frames[0] if frames[0].shape[:2] == (FRAME.height, FRAME.width) else None
        frame = whole if whole is not None else np.asarray(cv2.resize(frames[0], FRAME), np.uint8)
        for turns in (TURNS, 1):
            yield picture_table(segmenter, frame, turns, plan)


@click.command()
@click.option("--model", default="fcn8", show_default=True, help="A zoo name or a .tflite file.")
@click.option("--frames", help="Folder of pictures or a video; without, rendered streets.")
@click.option("--count", type=click.IntRange(1), default=FRAMES, show_default=True)
@click.option("--seconds", type=float, default=10.0, show_default=True, help="For each table.")
@click.option("--quick", is_flag=True, help="Few rounds: to see that it works, not to measure.")
@click.option("--json", "json_path", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--markdown", type=click.Path(dir_okay=False, path_type=Path))
def main(
    model: str,
    frames: str | None,
    count: int,
    seconds: float,
    quick: bool,
    json_path: Path | None,
    markdown: Path | None,
) -> None:
    """Time decode, prepare and overlay against what is usually written, and in plain copies.

    \b
      python -m edgeseg.benchmarks.kernels --frames camvid/val
    """  # noqa: D301  # click knows an example by its backspace
    from rich.console import Console

    cv2.setNumThreads(1)
    plan = QUICK if quick else Plan(seconds=seconds)
    try:
        for path in filter(None, (json_path, markdown)):
            check_writable(path)
        results = watched(lambda: list(_tables(model, frames, count, plan)), threads=1)
        draw(results, Console(highlight=False))
        if json_path:
            save(results, json_path)
        if markdown:
            write_markdown(results, BLOCK, markdown)
    except EdgesegError as error:
        raise click.ClickException(str(error)) from error


if __name__ == "__main__":
    main()
