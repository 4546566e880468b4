"""The images and masks of `edgeseg eval`: which part, how many, and what cannot be used."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from edgeseg.errors import ConfigError, DataError
from edgeseg.labels import STREET
from edgeseg.masks import Pair, Usable, match_pairs, usable_pairs


@dataclass(frozen=True)
class Found:
    """Images with masks, not yet read.

    Attributes:
        folder: of the images.
        pairs: those to use.
        total: how many there were before `--limit`.
        unmatched: why other files are in no pair.
    """

    folder: Path
    pairs: tuple[Pair, ...]
    total: int
    unmatched: tuple[str, ...]


@dataclass(frozen=True)
class Data:
    """What is evaluated on.

    Attributes:
        found: where it comes from.
        pairs: images and masks that can be used.
        left_out: why the others cannot.
    """

    found: Found
    pairs: tuple[Pair, ...]
    left_out: tuple[str, ...]


def choose_split(data: Path, split: str | None) -> str:
    """Return the part of `data` to use: the one asked for, else val where there is one, else train.

    Raises:
        ConfigError: there is no such part.
    """
    if split is None:
        return "val" if _has(data, "val") else "train"
    if not _has(data, split):
        there = sorted(path.name for path in data.iterdir() if _has(data, path.name))
        raise ConfigError(
            f"--split {split}: {data} has no {split}/ beside {split}annot/; "
            + (f"it has {', '.join(there)}" if there else "leave --split out")
        )
    return split


def find(data: Path, split: str, limit: int | None) -> Found:
    """Find the pairs and take `limit` of them, evenly spread.

    Raises:
        DataError: no known layout, or no images with masks.
    """
    pairs, unmatched = match_pairs(data, split)
    if not pairs:
        raise DataError(f"no image in {data} has a mask of the same name: {unmatched[0]}")
    count = len(pairs) if limit is None else min(limit, len(pairs))
    # The middle of each of `count` equal parts.
    chosen = (np.arange(count) + 0.5) * len(pairs) / count
    return Found(
        folder=pairs[0].image.parent,
        pairs=tuple(pairs[int(place)] for place in chosen),
        total=len(pairs),
        unmatched=unmatched,
    )


def void_of(labels: Sequence[str], ignore: int | None) -> int | None:
    """Return the mask value to leave out: the one asked for, else that of the street labels."""
    if ignore is not None:
        return ignore
    return STREET.ignore if tuple(labels) == STREET.names else None


def usable(found: Found, labels: Sequence[str], ignore: int | None, *, skip_bad: bool) -> Data:
    """Read all files once and keep the pairs that can be used.

    Raises:
        DataError: files that cannot be used, each named; with `skip_bad` only if none can.
    """
    try:
        result: Usable = usable_pairs(
            found.pairs,
            len(labels),
            ignore,
            skip_bad=skip_bad,
            same_size=False,
            known=found.unmatched,
        )
    except DataError as error:
        raise DataError(f"{error}{_classes_hint(str(error), labels, ignore)}") from error
    return Data(found, tuple(result.pairs), result.reasons)


def _has(data: Path, split: str) -> bool:
    return (data / split).is_dir() and (data / f"{split}annot").is_dir()


def _classes_hint(message: str, labels: Sequence[str], ignore: int | None) -> str:
    """Say what is known where masks have other values: perhaps they are those of other classes."""
    if " has values " not in message:
        return ""
    void = "--ignore N names a void value" if ignore is None else f"void is {ignore} (--ignore)"
    return f"; the model has {len(labels)} classes ({labels[0]} to {labels[-1]}), {void}"
