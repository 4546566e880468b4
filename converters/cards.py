"""`python -m edgeseg.converters.cards`: measure the embedded models and write their cards."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from edgeseg import zoo
from edgeseg.complexity import complexity
from edgeseg.errors import DataError, EdgesegError, ModelError
from edgeseg.evaluate import compare
from edgeseg.fcn.card import ModelCard, read_card
from edgeseg.fcn.predict import segment_with
from edgeseg.files import atomic_write_bytes
from edgeseg.labels import STREET
from edgeseg.masks import Pair, usable_pairs
from edgeseg.segmenter import Segmenter

from .card_text import Described, card_markdown, held_out, table_markdown
from .quiet import import_keras, quiet_tensorflow

ZOO = Path(zoo.__file__).parent
FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)
FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.command()
@click.option("--data", type=FOLDER, required=True, help="CamVid; its val is evaluated.")
@click.option(
    "--held-out",
    "held",
    type=FILE,
    multiple=True,
    help="A model trained with --holdout: its figure goes into the card of its decoder and "
    "encoder. Repeatable.",
)
@click.option("--folder", type=FOLDER, default=ZOO, help="Where the models are.")
@click.option(
    "--table", type=click.Path(dir_okay=False, path_type=Path), help="Write a table of all, too."
)
def main(data: Path, held: Sequence[Path], folder: Path, table: Path | None) -> None:
    """Evaluate each Keras model and its int8 file on CamVid's val; write NAME.md beside them."""
    try:
        honest = [_honest(path) for path in held]
        pairs = _pairs(data)
        models = [_described(path, pairs) for path in _keras_files(folder)]
        for model in models:
            text = card_markdown(model, _of(model.card, honest), _elsewhere(model.card, honest))
            atomic_write_bytes(model.keras.with_suffix(".md"), text.encode())
        if table is not None:
            atomic_write_bytes(table, table_markdown(models).encode())
    except EdgesegError as error:
        raise click.ClickException(str(error)) from error


def _pairs(data: Path) -> list[Pair]:
    classes = len(STREET.names)
    return usable_pairs(data, classes, STREET.ignore, split="val", same_size=False).pairs


def _keras_files(folder: Path) -> list[Path]:
    """Return the models, the zoo's in its order; each has an int8 file."""
    order = {name: place for place, name in enumerate(zoo.names())}
    files = sorted(folder.glob("*.keras"), key=lambda p: (order.get(p.stem, len(order)), p.stem))
    lonely = [path.name for path in files if not _int8(path).is_file()]
    if lonely or not files:
        found = f"no int8 file beside {', '.join(lonely)}" if lonely else f"no models in {folder}"
        raise ModelError(f"{found}; edgeseg/zoo/make.sh makes both")
    return files


def _int8(keras: Path) -> Path:
    return keras.with_name(f"{keras.stem}-int8.tflite")


def _honest(path: Path) -> ModelCard:
    card = read_card(path)
    try:
        if card is not None:
            held_out(card)
            return card
    except KeyError:
        pass
    raise ModelError(f"{path} was not trained with edgeseg train --holdout")


def _of(card: ModelCard, honest: Sequence[ModelCard]) -> ModelCard | None:
    same = (one for one in honest if (one.decoder, one.encoder) == (card.decoder, card.encoder))
    return next(same, None)


def _elsewhere(card: ModelCard, honest: Sequence[ModelCard]) -> str | None:
    """Return the decoder for which there is an honest figure on the same encoder."""
    return next((one.decoder for one in honest if one.encoder == card.encoder), None)


def _described(path: Path, pairs: Sequence[Pair]) -> Described:
    """Evaluate a model and its int8 file in one pass, and tell the figures in a line."""
    card = read_card(path)
    if card is None or not card.trained:
        raise ModelError(f"{path} has no card; train it with edgeseg train")
    if card.labels != STREET.names:
        raise DataError(f"{path} does not have CamVid's classes, so its val says nothing of it")
    model = _load(path)
    with Segmenter(_int8(path)) as segmenter:
        comparison = compare(
            [lambda frame, size: segmenter.segment(frame, size).mask],
            card.labels,
            pairs,
            STREET.ignore,
            against=segment_with(model, card.preparation),
        )
        manifest = segmenter.manifest
    exact, (whole,), (agreement,) = (
        comparison.against,
        comparison.evaluations,
        comparison.agreements,
    )
    assert exact is not None  # a model to compare with was given
    click.echo(
        f"{path.stem}: mIoU {exact.miou:.3f} in float32, {whole.miou:.3f} in int8, agreement "
        f"{agreement.share:.4f} (near-train)"
    )
    return Described(
        keras=path,
        tflite=_int8(path),
        card=card,
        manifest=manifest,
        keras_parameters=int(model.count_params()),
        cost=complexity(_int8(path)),
        exact=exact,
        whole=whole,
        agreement=agreement,
    )


def _load(path: Path) -> Any:
    keras = import_keras()
    with quiet_tensorflow():
        return keras.models.load_model(path, compile=False)


if __name__ == "__main__":
    main()
