"""The model card inside a `.keras` file, and rebuilding a network from it."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from edgeseg.errors import ModelError
from edgeseg.fcn.decoder import Decoder, Scores, build_fcn
from edgeseg.fcn.upsampling import Upsampling
from edgeseg.files import atomic_path
from edgeseg.manifest import Preparation, Size

MEMBER = "edgeseg.json"  # Keras reads its own members of the zip archive and leaves others alone


@dataclass(frozen=True)
class ModelCard:
    """What a network of the FCN family is made of, what it was trained on and how well it does.

    Attributes:
        decoder, encoder, upsampling, scores: the arguments of `build_fcn`.
        labels: class names in the order of the logits.
        palette: one RGB colour per class.
        preparation: frame to network input.
        trained: data, recipe, seed, epochs and figures, as written by `edgeseg train`.
    """

    decoder: Decoder
    encoder: str
    upsampling: Upsampling
    labels: tuple[str, ...]
    palette: tuple[tuple[int, int, int], ...]
    preparation: Preparation
    scores: Scores = "light"
    trained: Mapping[str, Any] = field(default_factory=dict)

    def to_json(self) -> str:
        """Return the card as JSON text."""
        return json.dumps(asdict(self), indent=1, sort_keys=True)

    @staticmethod
    def from_json(text: str | bytes) -> ModelCard:
        """Read a card.

        Raises:
            ModelError: the text is no card.
        """
        try:
            raw = json.loads(text)
            preparation = raw.pop("preparation")
            size = Size(*preparation.pop("size"))
            mean, std = (tuple(preparation.pop(key)) for key in ("mean", "std"))
            return ModelCard(
                labels=tuple(raw.pop("labels")),
                palette=tuple(tuple(color) for color in raw.pop("palette")),
                preparation=Preparation(size=size, mean=mean, std=std, **preparation),
                **raw,
            )
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise ModelError(f"the model card ({MEMBER}) is damaged: {error}") from error


def build(card: ModelCard, **options: Any) -> Any:
    """Build the network that `card` describes, with `build_fcn`'s keyword `options`."""
    return build_fcn(
        card.decoder,
        card.encoder,
        card.upsampling,
        len(card.labels),
        card.preparation.size,
        scores=card.scores,
        **options,
    )


def save_model(model: Any, card: ModelCard, path: Path) -> None:
    """Save `model` with its card as one `.keras` file, complete or not at all.

    Raises:
        OutputError: the file cannot be written.
    """
    with atomic_path(path) as scratch:
        model.save(scratch)
        with zipfile.ZipFile(scratch, "a", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr(MEMBER, card.to_json())


def read_card(path: Path) -> ModelCard | None:
    """Return the card inside a `.keras` file, or None where there is none.

    Raises:
        ModelError: there is a card and it is damaged.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            if MEMBER not in archive.namelist():
                return None
            text = archive.read(MEMBER)
    except (OSError, zipfile.BadZipFile):
        return None
    return ModelCard.from_json(text)


def rebuild(
    model: Any,
    card: ModelCard,
    *,
    decoder: Decoder | None = None,
    input_size: Size | None = None,
    upsampling: Upsampling | None = None,
    train_last_upsampling: bool = False,
) -> tuple[Any, ModelCard]:
    """Return the same network with another decoder, input size or upsampling, and its card.

    Weights are kept; layers that `model` lacks keep their start: skip scores of a wider decoder at
    zero, transposed convolutions at bilinear. `train_last_upsampling` is as for `build_fcn`.

    Raises:
        ModelError: `model` is not the network that `card` describes.
    """
    changed = replace(
        card,
        decoder=decoder or card.decoder,
        upsampling=upsampling or card.upsampling,
        preparation=replace(card.preparation, size=input_size or card.preparation.size),
    )
    twin = build(changed, train_last_upsampling=train_last_upsampling)
    _copy_weights(model, twin, fresh_ok=("scores_", "logits_up"))
    return twin, changed


def _copy_weights(source: Any, target: Any, fresh_ok: tuple[str, ...]) -> None:
    """Copy weights layer by layer, in the order in which both graphs hold them.

    Names would do for most encoders, but Keras numbers unnamed layers through the whole process.
    """
    named = {layer.name: layer for layer in source.layers if layer.weights}
    spare = [layer for layer in source.layers if layer.weights]
    for layer in (layer for layer in target.layers if layer.weights):
        twin = named.get(layer.name)
        if twin is None and layer.name.startswith(fresh_ok):
            continue
        if twin is None:
            twin = next((other for other in spare if _same_shapes(other, layer)), None)
        if twin is None or not _same_shapes(twin, layer):
            raise ModelError(
                f"layer {layer.name} of the model does not match its card; the file was changed "
                "after edgeseg wrote it"
            )
        layer.set_weights(twin.get_weights())
        spare = [other for other in spare if other is not twin]


def _same_shapes(one: Any, other: Any) -> bool:
    return [tuple(w.shape) for w in one.weights] == [tuple(w.shape) for w in other.weights]
