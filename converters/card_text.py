"""The embedded models' cards and their table in the documentation, as Markdown."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import isnan
from pathlib import Path
from textwrap import fill
from typing import Any

from edgeseg.complexity import Complexity
from edgeseg.evaluation import Agreement, Evaluation, miou_change
from edgeseg.fcn.card import ModelCard
from edgeseg.manifest import Manifest, precision_in_words

# Below this a class is named as weak.
_WEAK_IOU = 0.5

NEAR_TRAIN = (
    "**near-train**: val is one clip whose neighbouring frames, about a second away, are in train, "
    "so it reads higher than footage from elsewhere will"
)


@dataclass(frozen=True)
class Described:
    """A model of the zoo, measured.

    Attributes:
        keras, tflite: its files.
        card, manifest: what they say of themselves.
        keras_parameters: of the Keras model, batch normalization unfolded.
        cost: of the int8 file.
        exact, whole: accuracy of the Keras model and of the int8 file.
        agreement: of the two.
    """

    keras: Path
    tflite: Path
    card: ModelCard
    manifest: Manifest
    keras_parameters: int
    cost: Complexity
    exact: Evaluation
    whole: Evaluation
    agreement: Agreement

    @property
    def precision(self) -> str:
        """The precision of the int8 file, and how many layers have another."""
        return precision_in_words(self.manifest.precision, self.manifest.float_layers)

    @property
    def name(self) -> str:
        """Its name in the zoo."""
        return self.keras.stem


def card_markdown(model: Described, honest: ModelCard | None, elsewhere: str | None) -> str:
    """Return a model's card.

    Args:
        model: the model.
        honest: the card of one with its decoder and encoder that was trained with --holdout.
        elsewhere: without such a one, the name of the model whose card has such a figure.
    """
    card = model.card
    size = card.preparation.size
    return f"""# {model.name}: street scenes, {len(card.labels)} classes

{card.decoder.upper()} on {card.encoder}, {card.upsampling} upsampling, input {size}.

| | `{model.keras.name}` | `{model.tflite.name}` |
| --- | --- | --- |
| what | Keras model, float32 | {model.precision}, {_output(model.manifest)} |
| size | {_kib(model.keras)} | {_kib(model.tflite)} |
| parameters | {model.keras_parameters:,} | {model.cost.parameters:,} (batch normalization folded) |
| MACs | as the int8 file | {model.cost.macs:,} a frame of {size} |

{_data(card)}

{_recipe(card)}

{_accuracy(model)}

{_unseen(honest, elsewhere)}

{_limits(model)}
"""


def table_markdown(models: Sequence[Described]) -> str:
    """Return a table of all models in float32 and int8, below the command that shows the same."""
    head = [
        "model",
        "precision",
        "mIoU (95 %)",
        "pixel accuracy",
        "mean accuracy",
        "fw IU",
        "boundary F",
        "agreement",
        "parameters",
        "MACs",
        "KiB",
    ]
    rows = [cells for model in models for cells in _rows(model)]
    images = len(models[0].exact.images) if models else 0
    said = _filled(
        f"CamVid val, {images} images, {NEAR_TRAIN}. Agreement is the share of pixels to which "
        "int8 and float32 give the same class; MACs are those of one frame."
    )
    names = " ".join(model.name for model in models)
    command = f"""```
for name in {names}; do
  edgeseg eval $name --against edgeseg/zoo/$name.keras --data camvid
done
```"""
    return "\n\n".join([said, command, _table(head, rows)]) + "\n"


def _rows(model: Described) -> list[list[str]]:
    size = [f"{model.cost.parameters / 1e6:.2f} M", f"{model.cost.macs / 1e6:.0f} M"]
    return [
        [model.name, "float32", *_figures(model.exact), "", *size, _kib(model.keras, "")],
        [
            model.name,
            model.precision,
            *_figures(model.whole),
            f"{model.agreement.share:.4f}",
            *size,
            _kib(model.tflite, ""),
        ],
    ]


def _figures(found: Evaluation) -> list[str]:
    return [
        f"{_number(found.miou)} ({_between(found.interval)})",
        _number(found.pixel_accuracy),
        _number(found.mean_accuracy),
        _number(found.frequency_weighted_iou),
        _number(found.boundary_f),
    ]


def _data(card: ModelCard) -> str:
    rendered = card.trained["images_an_epoch"] - card.trained["images"]
    streets = f", and {rendered} rendered street frames an epoch, edgeseg's own" if rendered else ""
    return "## Data and terms\n\n" + _filled(
        f"Trained on {card.trained['images']} training images of CamVid (SegNet's split, 480x360)"
        f"{streets}. CamVid is CC BY-NC 4.0, personal and research use: **so are these weights**. "
        'Brostow, Fauqueur, Cipolla: "Semantic object classes in video: A high-definition ground '
        "truth database\", Pattern Recognition Letters 2009. The encoder started from Google's "
        "ImageNet weights (Apache-2.0)."
    )


def _recipe(card: ModelCard) -> str:
    trained = card.trained
    losses = trained["loss"]
    said = _filled(
        f"Made by `edgeseg/zoo/make.sh`; started from {trained['start']}; "
        f"{trained['images_an_epoch']} images an epoch, {trained['seconds']:,} s in all, Keras "
        f"{trained['keras']}; loss {losses[0]:.3f} in the first epoch, {losses[-1]:.3f} in the "
        "last."
    )
    lines = "\n".join(f"- {key}: {value}" for key, value in sorted(trained["recipe"].items()))
    return f"## Recipe\n\n{said}\n\n{lines}"


def _accuracy(model: Described) -> str:
    exact, whole = model.exact, model.whole
    absent = f" Not in val, so in no mean: {', '.join(exact.absent)}." if exact.absent else ""
    said = _filled(f"On CamVid val, {len(exact.images)} images, {NEAR_TRAIN}.{absent}")
    rows = [
        ("mIoU", exact.miou, whole.miou),
        ("pixel accuracy", exact.pixel_accuracy, whole.pixel_accuracy),
        ("mean accuracy", exact.mean_accuracy, whole.mean_accuracy),
        ("frequency-weighted IU", exact.frequency_weighted_iou, whole.frequency_weighted_iou),
        ("boundary F", exact.boundary_f, whole.boundary_f),
    ]
    table = _table(["", "float32", "int8"], [[name, *map(_number, both)] for name, *both in rows])
    return "\n\n".join(["## Accuracy", said, table, _change(model), _classes(exact, whole)])


def _change(model: Described) -> str:
    change, ends = miou_change(model.whole, model.exact)
    worst, path = model.agreement.worst
    low, high = (f"{100 * end:+.2f}" for end in ends)
    return _filled(
        f"From float32 to int8 mIoU changes by {100 * change:+.2f} points ({low} to {high} in 95 % "
        f"of draws of images). {100 * model.agreement.share:.2f} % of all pixels get the same "
        f"class, {100 * worst:.2f} % in the worst image, {path.name}. In 95 % "
        f"of draws of images mIoU is {_between(model.exact.interval)} in float32 and "
        f"{_between(model.whole.interval)} in int8; neighbouring frames are alike, so the true "
        "interval is wider."
    )


def _classes(exact: Evaluation, whole: Evaluation) -> str:
    columns = (exact.iou, whole.iou, exact.boundary_f_by_class, whole.boundary_f_by_class)
    head = ["", "IoU float32", "IoU int8", "boundary F float32", "boundary F int8"]
    return _table(
        head,
        [
            [label, *(_number(column.get(label, float("nan"))) for column in columns)]
            for label in exact.iou
        ],
    )


def _unseen(honest: ModelCard | None, elsewhere: str | None) -> str:
    title = "## On unseen places\n\n"
    if honest is None:
        where = (
            f"; the card of {elsewhere} has one for this encoder"
            if elsewhere
            else "; docs/train.md tells what shorter trials read on a sequence they never saw"
        )
        return title + _filled(
            "It reads lower there than on val. No run of this decoder with a sequence held out was "
            f"made{where}."
        )
    name, figures = held_out(honest)
    low, high = figures.get("miou_interval") or (None, None)
    within = "" if low is None else f" (95 % of draws of images: {low:.3f} to {high:.3f})"
    iou = figures["iou"]
    known = [label for label in honest.labels if iou.get(label) is not None]
    return title + _filled(
        f"It reads lower there than on val. A run of {honest.trained['recipe']['epochs']} epochs "
        f"on {honest.trained['images']} images that never saw one sequence, from another part of "
        f"the town, has on the {figures['images']} images of that (`{name}`, float32) mIoU "
        f"**{figures['miou']:.3f}**{within} and pixel accuracy {figures['pixel_accuracy']:.3f}. "
        f"IoU: {', '.join(f'{label} {iou[label]:.3f}' for label in known)}."
    )


def held_out(card: ModelCard) -> tuple[str, dict[str, Any]]:
    """Return the name and the figures of what a model trained with --holdout was evaluated on.

    Raises:
        KeyError: there is no such evaluation in the card.
    """
    for name, figures in card.trained.get("evaluated", {}).items():
        if name.startswith("held out"):
            return name, figures
    raise KeyError("held out")


def _limits(model: Described) -> str:
    weak = {label: value for label, value in model.whole.iou.items() if value < _WEAK_IOU}
    named = ", ".join(f"{label} {value:.2f}" for label, value in weak.items())
    weakest = f" Weak even there (IoU in int8): {named}." if named else ""
    return "## Limits\n\n" + _filled(
        "British inner-city streets in daylight and dusk from a car's windscreen, and rendered "
        "ones. Motorways, snow, night, indoor scenes and other viewpoints are outside what it has "
        f"seen. The figures on val are near-train.{weakest} Not for safety functions."
    )


def _output(manifest: Manifest) -> str:
    head = manifest.head
    return f"{head.kind} at stride {head.stride}"


def _kib(path: Path, unit: str = " KiB") -> str:
    return f"{path.stat().st_size / 1024:,.0f}{unit}"


def _number(value: float) -> str:
    return "none" if isnan(value) else f"{value:.3f}"


def _between(ends: tuple[float, float]) -> str:
    return f"{_number(ends[0])} to {_number(ends[1])}"


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def _filled(text: str) -> str:
    # A number and its percent sign stay on one line.
    tied = fill(text.replace(" %", "\0%"), 100, break_long_words=False, break_on_hyphens=False)
    return tied.replace("\0%", " %")
