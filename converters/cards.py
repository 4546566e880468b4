"""`python -m edgeseg.converters.cards`: write the embedded models' cards from their own files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from edgeseg import zoo
from edgeseg.evaluate import evaluate
from edgeseg.fcn.card import ModelCard, read_card
from edgeseg.files import atomic_write_bytes
from edgeseg.labels import STREET
from edgeseg.manifest import Manifest
from edgeseg.masks import find_pairs
from edgeseg.segmenter import Segmenter

ZOO = Path(zoo.__file__).parent
FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)


@click.command()
@click.option("--data", type=FOLDER, required=True, help="CamVid, for the int8 figures on val.")
@click.option(
    "--held-out",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="A model trained with --holdout: its figure goes into the card of its decoder.",
)
@click.option("--folder", type=FOLDER, default=ZOO, help="Where the models are.")
def main(data: Path, held_out: Path | None, folder: Path) -> None:
    """Evaluate each int8 file on CamVid's val and write NAME.md beside it."""
    pairs = find_pairs(data, "val")
    honest = read_card(held_out) if held_out else None
    for path in sorted(folder.glob("*.keras")):
        card = read_card(path)
        if card is None:
            raise click.ClickException(f"{path} has no card; train it with edgeseg train")
        tflite = path.with_name(f"{path.stem}-int8.tflite")
        with Segmenter(tflite) as segmenter:
            int8 = evaluate(
                lambda frame, size: segmenter.segment(frame, size).mask,
                card.labels,
                pairs,
                STREET.ignore,
            ).to_json()
            text = card_markdown(path, tflite, card, segmenter.manifest, int8)
        if honest and honest.decoder == card.decoder:
            text = text.replace("## Limits", f"{_honest_part(honest)}\n## Limits")
        atomic_write_bytes(path.with_suffix(".md"), text.encode())
        click.echo(f"{path.stem}: int8 mIoU {int8['miou']:.3f} on CamVid val (near-train)")


def card_markdown(
    path: Path, tflite: Path, card: ModelCard, manifest: Manifest, int8: dict[str, Any]
) -> str:
    """Return the card: what it is, data and terms, recipe, accuracy in float and int8, limits."""
    size = card.preparation.size
    (float32,) = card.trained["evaluated"].values()
    rows = "\n".join(
        f"| {label} | {float32['iou'].get(label, float('nan')):.3f} "
        f"| {int8['iou'].get(label, float('nan')):.3f} |"
        for label in card.labels
    )
    recipe = "\n".join(f"- {key}: {value}" for key, value in sorted(card.trained["recipe"].items()))
    return f"""# {path.stem}: street scenes, 11 classes

{card.decoder.upper()} on {card.encoder}, {card.upsampling} upsampling, input {size}.
`{path.name}` is the Keras model ({path.stat().st_size / 1024:,.0f} KiB), `{tflite.name}` the
int8 file, logits at stride {manifest.head.stride} ({tflite.stat().st_size / 1024:,.0f} KiB).

## Data and terms

Trained on the {card.trained["images"]} training images of CamVid (SegNet's split, 480x360) and,
for each four of them, one rendered street frame of edgeseg's own. CamVid is CC BY-NC 4.0, personal
and research use: **so are these weights**. Brostow, Fauqueur, Cipolla: "Semantic object classes in
video: A high-definition ground truth database", Pattern Recognition Letters 2009. The encoder
started from Google's ImageNet weights (Apache-2.0).

## Recipe

Made by `edgeseg/zoo/make.sh`; started from {card.trained["start"]};
{card.trained["images_an_epoch"]} images an epoch, {card.trained["seconds"]} s in all, Keras
{card.trained["keras"]}.

{recipe}

Loss by epoch: {", ".join(f"{loss:.3f}" for loss in card.trained["loss"])}.

## Accuracy

On CamVid val, {int8["images"]} images, **near-train**: val is one clip whose neighbouring frames,
about a second away, are in train, so it reads higher than footage from elsewhere will.

| | float32 | int8 |
| --- | --- | --- |
| mIoU | {float32["miou"]:.3f} | {int8["miou"]:.3f} |
| pixel accuracy | {float32["pixel_accuracy"]:.3f} | {int8["pixel_accuracy"]:.3f} |
{rows}

## Limits

British inner-city streets in daylight and dusk from a car's windscreen, and rendered ones.
Motorways, snow, night, indoor scenes and other viewpoints are outside what it has seen. Small
classes (pole, sign, pedestrian, bicyclist) are the weakest. Not for safety functions.
"""


def _honest_part(card: ModelCard) -> str:
    ((name, figures),) = card.trained["evaluated"].items()
    return f"""On unseen places it reads far lower. A shorter run of the same recipe
({card.trained["recipe"]["epochs"]} epochs, {card.trained["images"]} images; `{name}`,
a sequence from another part of the town) has mIoU {figures["miou"]:.3f} and pixel accuracy
{figures["pixel_accuracy"]:.3f} on its {figures["images"]} images (float32).
"""


if __name__ == "__main__":
    main()
