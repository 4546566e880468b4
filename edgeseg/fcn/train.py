"""Training: folders in, a `.keras` file with its model card out; repeatable and resumable."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from fnmatch import fnmatch
from functools import partial
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from edgeseg.errors import ConfigError, DataError, ModelError
from edgeseg.evaluate import evaluate
from edgeseg.fcn.card import ModelCard, build, read_card, rebuild, save_model
from edgeseg.fcn.checkpoint import checkpoint_path, load_state, save_state
from edgeseg.fcn.dataset import BatchPlan, batches, class_weights
from edgeseg.fcn.decoder import Decoder, Scores
from edgeseg.fcn.encoder import encoder_spec
from edgeseg.fcn.loop import freeze_batch_norm, run_epoch
from edgeseg.fcn.loss import segmentation_loss
from edgeseg.fcn.predict import segment_with
from edgeseg.fcn.upsampling import Upsampling
from edgeseg.files import check_writable
from edgeseg.labels import LabelSet
from edgeseg.manifest import Size
from edgeseg.masks import Pair, match_pairs, usable_pairs

ClassWeights = Literal["none", "log", "median"]
BatchNorm = Literal["frozen", "trained"]


DEFAULT_INPUT = Size(480, 352)


@dataclass(frozen=True)
class TrainOptions:
    """What to train and how.

    Attributes:
        data: folder of images and masks (see edgeseg.masks.find_pairs).
        output: the `.keras` file to write.
        labels: class names, colours and the void value of the masks.
        decoder, encoder, upsampling, scores, input_size: as for build_fcn.
        weights: of the encoder, "imagenet", a file, or None.
        init: a `.keras` file of the family to start from: FCN-16 starts from FCN-32, FCN-8 from
            FCN-16.
        epochs, batch_size: as usual.
        learning_rate: the first step's; it falls to zero along a cosine.
        weight_decay: AdamW's.
        class_weights: see edgeseg.fcn.dataset.class_weights.
        jaccard: weight of the soft Jaccard index in the loss, see edgeseg.fcn.loss.
        learn_upsampling: whether a last transposed convolution may leave bilinear, as others may.
        batch_norm: `frozen` keeps the batch normalizations as they started, `trained` moves them
            with the data; None freezes those of an encoder that starts from weights.
        synthetic: rendered street frames for each image on disk.
        mix: share of pictures that get rare classes of another picture pasted in.
        holdout: file name pattern of images kept out of training and evaluated at the end.
        val: another folder of images and masks to evaluate at the end.
        seed: of weights, order, rendering and augmentation.
        skip_bad: leave images and masks out that cannot be used, instead of refusing.
        resume: go on from the checkpoint beside `output` instead of starting anew.
    """

    data: Path
    output: Path
    labels: LabelSet
    decoder: Decoder = "fcn8"
    encoder: str = "mobilenetv2-0.35"
    upsampling: Upsampling = "bilinear"
    learn_upsampling: bool = False
    scores: Scores = "light"
    input_size: Size = DEFAULT_INPUT
    weights: str | None = None
    init: Path | None = None
    epochs: int = 30
    batch_size: int = 8
    learning_rate: float = 1e-3
    weight_decay: float = 1e-4
    class_weights: ClassWeights = "log"
    jaccard: float = 0.5
    batch_norm: BatchNorm | None = None
    synthetic: float = 0.0
    mix: float = 0.0
    holdout: str | None = None
    val: Path | None = None
    seed: int = 1
    skip_bad: bool = False
    resume: bool = False


@dataclass(frozen=True)
class TrainReport:
    """What a training run ended with.

    Attributes:
        path, card: the file, and what it says of itself.
        skipped: why images or masks were left out, a line for each.
    """

    path: Path
    card: ModelCard
    skipped: tuple[str, ...] = ()


# (epoch from 1, epochs, batch from 1, batches, loss so far)
Progress = Callable[[int, int, int, int, float], None]


def train(options: TrainOptions, progress: Progress | None = None) -> TrainReport:
    """Train a network of the FCN family and save it with its card.

    Raises:
        ConfigError, DataError, ModelError, OutputError: each says what to change.
    """
    _check(options)
    training, held_out, counts, skipped = _pictures(options)
    validation = _validation(options)
    model, card = _network(options)
    plan = BatchPlan(
        pairs=tuple(training),
        preparation=card.preparation,
        weights=class_weights(counts, options.class_weights),
        synthetic=options.synthetic,
        mix=options.mix,
        batch_size=options.batch_size,
        seed=options.seed,
    )
    started = time.monotonic()
    losses = _fit(model, plan, options, progress)
    trained = _record(options, plan, losses, time.monotonic() - started)
    trained["evaluated"] = _evaluated(options, model, card, held_out, validation)
    card = ModelCard(**{**vars(card), "trained": trained})
    save_model(_without_optimizer(model, card), card, options.output)
    checkpoint_path(options.output).unlink(missing_ok=True)
    return TrainReport(options.output, card, skipped)


def _check(options: TrainOptions) -> None:
    reasons = []
    if options.epochs < 1 or options.batch_size < 1:
        reasons.append("--epochs and --batch-size must be at least 1")
    if not 0 <= options.synthetic <= 10:
        reasons.append(f"--synthetic {options.synthetic}: expected 0 to 10")
    if not 0 <= options.mix <= 1:
        reasons.append(f"--mix {options.mix}: expected 0 to 1")
    if options.jaccard < 0:
        reasons.append(f"--jaccard {options.jaccard}: expected 0 or more")
    if options.learning_rate <= 0:
        reasons.append(f"--learning-rate {options.learning_rate}: expected more than 0")
    if options.output.suffix != ".keras":
        reasons.append(f"-o {options.output}: the file's name must end with .keras")
    if options.learn_upsampling and options.upsampling != "transpose":
        reasons.append("--learn-upsampling needs --upsampling transpose: a resize has no weights")
    if options.init and options.weights:
        reasons.append("--init brings the encoder's weights: leave --weights out")
    checkpoint = checkpoint_path(options.output)
    if options.resume and not checkpoint.is_file():
        reasons.append(f"nothing to resume: {checkpoint} is missing; leave --resume out")
    if checkpoint.is_file() and not options.resume:
        reasons.append(
            f"{checkpoint} holds an interrupted run: add --resume to go on, or delete it to begin "
            "anew"
        )
    if reasons:
        raise ConfigError("; ".join(reasons))
    check_writable(options.output)


def _pictures(
    options: TrainOptions,
) -> tuple[list[Pair], list[Pair], NDArray[np.int64], tuple[str, ...]]:
    """Return pairs to train on and held out, the pixels of each class, and what was left out."""
    pairs, why = match_pairs(options.data)
    held_out = [p for p in pairs if options.holdout and fnmatch(p.image.name, options.holdout)]
    training = [pair for pair in pairs if pair not in held_out]
    if options.holdout and not (held_out and training):
        raise DataError(
            f"--holdout {options.holdout!r} keeps {len(held_out)} of {len(pairs)} images out; "
            "expected some but not all"
        )
    classes, ignore = len(options.labels.names), options.labels.ignore
    usable = usable_pairs(training, classes, ignore, skip_bad=options.skip_bad, known=why)
    skipped = usable.reasons
    if held_out:
        tested = usable_pairs(held_out, classes, ignore, skip_bad=options.skip_bad)
        held_out, skipped = tested.pairs, (*skipped, *tested.reasons)
    if len(usable.pairs) < options.batch_size:
        raise DataError(
            f"{len(usable.pairs)} images to train on; expected at least one batch "
            f"(--batch-size {options.batch_size})"
        )
    return usable.pairs, held_out, usable.counts, skipped


def _validation(options: TrainOptions) -> list[Pair]:
    """Return the pairs of `--val`, checked before hours of training rather than after them."""
    if options.val is None:
        return []
    classes, ignore = len(options.labels.names), options.labels.ignore
    return usable_pairs(
        options.val, classes, ignore, skip_bad=options.skip_bad, split="val", same_size=False
    ).pairs


def _network(options: TrainOptions) -> tuple[Any, ModelCard]:
    import keras

    keras.utils.set_random_seed(options.seed)
    card = ModelCard(
        decoder=options.decoder,
        encoder=options.encoder,
        upsampling=options.upsampling,
        labels=options.labels.names,
        palette=options.labels.palette,
        preparation=encoder_spec(options.encoder).preparation(options.input_size),
        scores=options.scores,
    )
    learned = options.learn_upsampling
    if options.init is None:
        return build(card, weights=options.weights, train_last_upsampling=learned), card
    before = read_card(options.init)
    if before is None:
        raise ModelError(f"--init {options.init} is not a .keras file that edgeseg wrote")
    if (before.encoder, before.labels, before.scores) != (card.encoder, card.labels, card.scores):
        raise ModelError(
            f"--init {options.init} has encoder {before.encoder} and {len(before.labels)} classes; "
            f"expected {card.encoder} and {len(card.labels)} with the same names"
        )
    return rebuild(
        keras.models.load_model(options.init),
        before,
        decoder=options.decoder,
        input_size=options.input_size,
        upsampling=options.upsampling,
        train_last_upsampling=learned,
    )


def _fit(
    model: Any, plan: BatchPlan, options: TrainOptions, progress: Progress | None
) -> list[float]:
    """Fit, with a checkpoint after every epoch; return the loss of each epoch."""
    data = batches(plan)
    checkpoint = checkpoint_path(options.output)
    if _batch_norm(options) == "frozen":
        freeze_batch_norm(model)
    loss = segmentation_loss(plan.weights, options.jaccard)
    _compile(model, options, loss, steps=len(data) * options.epochs)
    run = {**_recipe(options), "start": _start(options), "data": _digest(plan.pairs)}
    losses = load_state(checkpoint, model, run) if options.resume else []
    with ThreadPoolExecutor(1) as reader:
        for epoch in range(len(losses), options.epochs):
            data.epoch = epoch
            shown = partial(progress, epoch + 1, options.epochs) if progress else None
            losses.append(run_epoch(model, data, reader, shown))
            save_state(checkpoint, model, losses, run)
    return losses


def _digest(pairs: Sequence[Pair]) -> str:
    """Return what tells one set of files from another without reading them: names and sizes."""
    files = [path for pair in pairs for path in (pair.image, pair.mask)]
    listed = "\n".join(f"{path.name} {path.stat().st_size}" for path in files)
    return f"{len(pairs)} images, {hashlib.sha256(listed.encode()).hexdigest()[:12]}"


def _batch_norm(options: TrainOptions) -> BatchNorm:
    started = options.init is not None or options.weights is not None
    return options.batch_norm or ("frozen" if started else "trained")


def _compile(model: Any, options: TrainOptions, loss: Any, steps: int) -> None:
    import keras

    rate = keras.optimizers.schedules.CosineDecay(
        options.learning_rate, steps, warmup_target=options.learning_rate, warmup_steps=steps // 50
    )
    model.compile(
        optimizer=keras.optimizers.AdamW(rate, weight_decay=options.weight_decay),
        loss=loss,
        # XLA takes seven times as long over depthwise convolutions on a CPU.
        jit_compile=False,
    )


def _without_optimizer(model: Any, card: ModelCard) -> Any:
    """Return the network alone: with the optimizer's moments the file is three times as large."""
    bare = build(card)
    bare.set_weights(model.get_weights())
    return bare


def _record(
    options: TrainOptions, plan: BatchPlan, losses: list[float], seconds: float
) -> dict[str, Any]:
    """What the card says of the run: enough to repeat it, without paths of this machine."""
    import keras

    return {
        "recipe": _recipe(options),
        "start": _start(options),
        "images": len(plan.pairs),
        "images_an_epoch": plan.length,
        "loss": [round(loss, 4) for loss in losses],
        "seconds": round(seconds),
        "keras": keras.__version__,
    }


def _recipe(options: TrainOptions) -> dict[str, Any]:
    recipe = {
        key: value
        for key, value in asdict(options).items()
        if isinstance(value, int | float | str) or value is None
    }
    for key in ("weights", "resume", "skip_bad"):
        recipe.pop(key)
    return {**recipe, "batch_norm": _batch_norm(options)}


def _start(options: TrainOptions) -> str:
    return options.init.name if options.init else Path(options.weights or "random").name


def _evaluated(
    options: TrainOptions,
    model: Any,
    card: ModelCard,
    held_out: list[Pair],
    validation: list[Pair],
) -> dict[str, Any]:
    segment = segment_with(model, card.preparation)
    parts = {f"held out {options.holdout}": held_out}
    if options.val:
        parts[f"{options.val.name} val"] = validation
    return {
        name: evaluate(segment, card.labels, pairs, options.labels.ignore).to_json()
        for name, pairs in parts.items()
        if pairs
    }
