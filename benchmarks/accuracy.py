"""How accurate the variants are, for the same table as their times."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

from edgeseg.errors import ConfigError, EdgesegError
from edgeseg.evaluate import Segment, compare
from edgeseg.evaluation_data import choose_split, find, usable, void_of
from edgeseg.segmenter import Segmenter

from .cases import Case
from .making import Tell, file_of


@dataclass(frozen=True)
class Accuracy:
    """What a variant reaches on images with masks.

    Attributes:
        miou: mean intersection over union of the set, classes of the masks only; 0 to 1.
        float_miou: of the same network in float32; None where it is that, or there is none.
        images: how many.
        data: the folder.
    """

    miou: float
    float_miou: float | None
    images: int
    data: str


def measure_accuracy(
    cases: Sequence[Case], data: Path, tell: Tell, *, float_too: bool = True
) -> tuple[Accuracy, ...]:
    """Evaluate each variant on the images and masks of a folder.

    A file is evaluated once, however many variants run it. Class names are those of the first.

    Args:
        cases: the variants.
        data: a folder as for `edgeseg eval --data`.
        tell: called with a few words whenever something takes a while.
        float_too: evaluate the float32 form of each network as well; it is made where it is not
            there yet.

    Raises:
        DataError: no usable pairs.
        ConfigError: the variants know different classes.
    """
    labels = _common_labels(cases)
    void = void_of(labels, None)
    found = find(data, choose_split(data, None), None)
    pairs = usable(found, labels, void, skip_bad=False).pairs
    floats = [_float_file(case, tell) if float_too else None for case in cases]
    files = list(
        dict.fromkeys([*(case.path for case in cases), *(path for path in floats if path)])
    )
    threads = max(case.threads for case in cases)
    tell(f"evaluating {len(files)} files on {len(pairs)} images")

    with ExitStack() as stack:
        networks = [stack.enter_context(Segmenter(path, threads=threads)) for path in files]
        comparison = compare(
            [_segment_of(network) for network in networks],
            labels,
            pairs,
            void,
        )
    mious = {
        path: float(evaluation.miou)
        for path, evaluation in zip(files, comparison.evaluations, strict=True)
    }
    return tuple(
        Accuracy(mious[case.path], mious[path] if path else None, len(pairs), str(data))
        for case, path in zip(cases, floats, strict=True)
    )


def _segment_of(network: Segmenter) -> Segment:
    return lambda frame, size: network.segment(frame, size).mask


def _common_labels(cases: Sequence[Case]) -> tuple[str, ...]:
    first = cases[0]
    labels = first.manifest.labels
    others = [case.label for case in cases if len(case.manifest.labels) != len(labels)]
    if others:
        raise ConfigError(
            f"--data: {', '.join(others)} knows another number of classes than {first.label} "
            f"({len(labels)}); compare networks of the same classes, or leave --data out"
        )
    return labels


def _float_file(case: Case, tell: Tell) -> Path | None:
    """Return the float32 file of the same network; None where there is none to be had."""
    if case.variant.is_file or case.variant.precision == "float32":
        return None
    try:
        return file_of(replace(case.variant, precision="float32"), tell)
    except EdgesegError as error:
        tell(f"{case.label}: no float32 form to evaluate ({error})")
        return None
