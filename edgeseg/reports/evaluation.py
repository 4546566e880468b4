"""What an evaluation found, as tables, sentences and an HTML page."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from edgeseg import metrics
from edgeseg.boundary import TOLERANCE, tolerance_px
from edgeseg.evaluate import Segment, read_pair
from edgeseg.evaluation import Agreement, Evaluation, miou_change
from edgeseg.manifest import Size
from edgeseg.masks import Pair
from edgeseg.overlay import Palette
from edgeseg.reports import NONE, write_page
from edgeseg.reports.pictures import (
    VOID_COLOR,
    WRONG_COLOR,
    data_uri,
    difference_picture,
    mask_picture,
)

WORST = 10
_PICTURE_WIDTH = 480
_NAMED = 12

Row = list[str]


@dataclass(frozen=True)
class Other:
    """The model that the others are compared with.

    Attributes:
        name: as shown.
        evaluation: on the same images.
        segment: frame and size to class map.
    """

    name: str
    evaluation: Evaluation
    segment: Segment


@dataclass(frozen=True)
class Subject:
    """A model and what was found of it.

    Attributes:
        name: as shown.
        evaluation: its figures.
        segment: frame and size to class map.
        agreement: with the other model, None without one.
        facts: what it is and what runs it, name and text.
        notes: what the reader of its figures has to know.
    """

    name: str
    evaluation: Evaluation
    segment: Segment
    agreement: Agreement | None
    facts: tuple[tuple[str, str], ...]
    notes: tuple[str, ...]


@dataclass(frozen=True)
class Findings:
    """An evaluation of one or several models.

    Attributes:
        subjects: the models.
        against: what they are compared with, None without.
        pairs: images and masks that were used.
        palette: one RGB colour per class.
        ignore: the void value of the masks.
        measured: how it was measured, name and text.
        left_out: why other images were not used.
    """

    subjects: tuple[Subject, ...]
    against: Other | None
    pairs: tuple[Pair, ...]
    palette: Palette
    ignore: int | None
    measured: tuple[tuple[str, str], ...]
    left_out: tuple[str, ...]

    @property
    def labels(self) -> tuple[str, ...]:
        """Class names, the same for all."""
        return self.subjects[0].evaluation.labels


def figures(findings: Findings) -> tuple[Row, list[Row]]:
    """Return headings and a row for each model: the FCN paper's four, boundary F, agreement."""
    columns = ["model", "mIoU (95 %)", "pixel acc.", "mean acc.", "f.w. IoU", "boundary F"]
    columns += ["agrees", "worst"] if findings.against else []
    rows = [
        [subject.name, *_means(subject.evaluation), *_agreement(subject.agreement)]
        for subject in findings.subjects
    ]
    if findings.against:
        rows.append([findings.against.name, *_means(findings.against.evaluation), NONE, NONE])
    return columns, rows


def classes(findings: Findings) -> tuple[Row, list[Row]]:
    """Return headings and a row for each class of the truth, in the order of the model.

    One model shows all figures of a class, several show the IoU of each.
    """
    first = findings.subjects[0]
    named = first.evaluation.iou
    if len(findings.subjects) > 1:
        tables = [subject.evaluation.iou for subject in findings.subjects]
        tables += [findings.against.evaluation.iou] if findings.against else []
        names = [subject.name for subject in findings.subjects]
        names += [findings.against.name] if findings.against else []
        return ["IoU", *names], [[label, *(_score(t[label]) for t in tables)] for label in named]
    columns = ["class", "IoU", "accuracy", "boundary F", "share"]
    rows = list(_class_rows(first.evaluation))
    if findings.against:
        columns.append("IoU change")
        before = findings.against.evaluation.iou
        for row, label in zip(rows, named, strict=True):
            row.append(f"{named[label] - before[label]:+.3f}")
    return columns, rows


def sentences(findings: Findings) -> list[str]:
    """Return what tables do not say: absent classes, agreement, images left out."""
    found = [text for subject in findings.subjects for text in _absences(subject, findings)]
    found = list(dict.fromkeys(found))
    if findings.against:
        found += [_compared(subject, findings.against) for subject in findings.subjects]
    if findings.left_out:
        total = len(findings.left_out) + len(findings.pairs)
        found.append(f"{len(findings.left_out)} of {total} pairs left out: they cannot be used")
    return found


def write_report(path: Path, findings: Findings) -> None:
    """Write the page; it shows each model's `WORST` images by mIoU, so the models run on them.

    Raises:
        OutputError: the file cannot be written.
    """
    write_page(
        path,
        "evaluation.html.j2",
        findings=findings,
        figures=figures(findings),
        classes=classes(findings),
        sentences=sentences(findings),
        details=[
            {
                "subject": subject,
                "bars": _bars(subject.evaluation),
                "heat": _heat(subject.evaluation),
                "worst": list(_worst(subject, findings)),
            }
            for subject in findings.subjects
        ],
        key=[
            *zip(findings.palette, findings.labels, strict=True),
            (VOID_COLOR, "void"),
            (WRONG_COLOR, "wrong, in the difference"),
        ],
    )


def interval_text(evaluation: Evaluation) -> str:
    """Return mIoU and its interval, "0.641 (0.61-0.67)"; without one, mIoU alone."""
    low, high = evaluation.interval
    around = "" if np.isnan(low) else f" ({low:.2f}-{high:.2f})"
    return f"{_score(evaluation.miou)}{around}"


def sizes_text(evaluation: Evaluation) -> str:
    """Return the sizes of masks and images, "masks 480x360, images 960x720"."""
    masks = _range([image.mask_size for image in evaluation.images])
    images = _range([image.size for image in evaluation.images])
    return f"masks and images {masks}" if masks == images else f"masks {masks}, images {images}"


def tolerance_text(evaluation: Evaluation) -> str:
    """Return the tolerance of boundary F in percent of the diagonal, and in pixels."""
    reaches = sorted({tolerance_px(tuple(image.mask_size)) for image in evaluation.images})
    pixels = " to ".join(f"{reach:.1f}" for reach in dict.fromkeys((reaches[0], reaches[-1])))
    return f"{TOLERANCE:.2%} of the diagonal, {pixels} pixels"


def _means(evaluation: Evaluation) -> Row:
    return [
        interval_text(evaluation),
        *map(
            _score,
            (
                evaluation.pixel_accuracy,
                evaluation.mean_accuracy,
                evaluation.frequency_weighted_iou,
                evaluation.boundary_f,
            ),
        ),
    ]


def _agreement(agreement: Agreement | None) -> Row:
    return [] if agreement is None else [f"{agreement.share:.2%}", f"{agreement.worst[0]:.1%}"]


def _class_rows(evaluation: Evaluation) -> Iterator[Row]:
    accuracy, boundary = evaluation.accuracy, evaluation.boundary_f_by_class
    pixels = dict(zip(evaluation.labels, evaluation.confusion.sum(axis=1).tolist(), strict=True))
    total = int(evaluation.confusion.sum())
    for label, value in evaluation.iou.items():
        share = f"{pixels[label] / total:.1%}"
        figures = (value, accuracy[label], boundary.get(label, float("nan")))
        yield [label, *map(_score, figures), share]


def _absences(subject: Subject, findings: Findings) -> Iterator[str]:
    evaluation = subject.evaluation
    if evaluation.absent:
        yield f"not in the masks, so in no mean: {_listed(evaluation.absent)}"
    if evaluation.only_predicted:
        counts = evaluation.only_predicted.items()
        of = f"{subject.name}: " if len(findings.subjects) > 1 else ""
        stray = _listed([f"{label} ({count:,} pixels)" for label, count in counts])
        with_zeros = metrics.mean_iou(evaluation.confusion)
        yield f"{of}predicted all the same: {stray}; with them as 0, mIoU is {with_zeros:.3f}"


def _compared(subject: Subject, other: Other) -> str:
    if subject.agreement is None:
        return ""
    change, (low, high) = miou_change(subject.evaluation, other.evaluation)
    around = "" if np.isnan(low) else f" ({low:+.3f} to {high:+.3f})"
    share, path = subject.agreement.worst
    return (
        f"{subject.name} agrees with {other.name} on {subject.agreement.share:.2%} of the pixels, "
        f"void included (worst image {path.name}: {share:.2%}); mIoU changes by "
        f"{change:+.4f}{around}"
    )


def _bars(evaluation: Evaluation) -> list[tuple[str, list[float | None]]]:
    boundary = evaluation.boundary_f_by_class
    return [(label, [value, boundary.get(label)]) for label, value in evaluation.iou.items()]


def _heat(evaluation: Evaluation) -> tuple[list[str], list[list[int]]]:
    """Return labels and counts of the classes that truth or prediction has."""
    confusion = evaluation.confusion
    kept = np.flatnonzero(confusion.sum(axis=0) + confusion.sum(axis=1))
    return [evaluation.labels[i] for i in kept], confusion[np.ix_(kept, kept)].tolist()


def _worst(subject: Subject, findings: Findings) -> Iterator[dict[str, Any]]:
    images = subject.evaluation.images
    scores = np.array([image.miou for image in images])
    order = np.argsort(scores, kind="stable")  # nan, an image that is all void, comes last
    for index in order[~np.isnan(scores[order])][:WORST].tolist():
        agreement = subject.agreement.shares[index] if subject.agreement else None
        yield {
            "name": images[index].path.name,
            "miou": images[index].miou,
            "pixel_accuracy": images[index].pixel_accuracy,
            "agreement": agreement,
            "pictures": _pictures(subject, findings, findings.pairs[index]),
        }


def _pictures(subject: Subject, findings: Findings, pair: Pair) -> list[tuple[str, str]]:
    frame, truth = read_pair(pair)
    size = Size(*truth.shape[::-1])
    prediction = subject.segment(frame, size)
    void = np.zeros(truth.shape, bool) if findings.ignore is None else truth == findings.ignore
    difference = difference_picture(frame, truth, prediction, void)
    pictures = [
        (data_uri(frame, _PICTURE_WIDTH), "image"),
        (_classes_uri(np.where(void, np.uint8(255), truth), findings), "truth"),
        (_classes_uri(prediction, findings), "prediction"),
        (data_uri(difference, _PICTURE_WIDTH), "difference"),
    ]
    if findings.against:
        other = findings.against.segment(frame, size)
        differs = difference_picture(frame, other, prediction)
        caption = f"differs from {findings.against.name}"
        pictures.append((data_uri(differs, _PICTURE_WIDTH), caption))
    return pictures


def _classes_uri(mask: Any, findings: Findings) -> str:
    return data_uri(mask_picture(mask, findings.palette), _PICTURE_WIDTH, "png")


def _range(sizes: Sequence[Size]) -> str:
    ordered = sorted(set(sizes), key=lambda size: size.width * size.height)
    return f"{ordered[0]}" if len(ordered) == 1 else f"{ordered[0]} to {ordered[-1]}"


def _listed(names: Sequence[str]) -> str:
    more = len(names) - _NAMED
    return ", ".join(names[:_NAMED]) + (f" and {more} more" if more > 0 else "")


def _score(value: float) -> str:
    return NONE if np.isnan(value) else f"{value:.3f}"
