"""What a conversion is asked for, and the checks that need no model."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

from edgeseg.errors import ConfigError
from edgeseg.manifest import ColorOrder, Resize, Size
from edgeseg.modelfile import NORMALIZATIONS

Precision = Literal["float32", "float16", "dynamic", "int8", "int16x8"]
Io = Literal["int8", "uint8", "float32"]
HeadChoice = Literal["auto", "coarse", "full", "argmax"]

MIN_AGREEMENT: dict[Precision, float] = {
    # The float file computes the same sums in another order; only exact ties may fall differently.
    "float32": 0.999,
    "float16": 0.99,
    # Published int8 losses of healthy segmentation models leave 94 to 99 % of the pixels alone; a
    # collapsed one keeps far less than 0.90.
    "dynamic": 0.90,
    "int8": 0.90,
    "int16x8": 0.90,
}
"""Least share of pixels, by precision, on which the new file must agree with the float model."""

CALIBRATED: tuple[Precision, ...] = ("int8", "int16x8")
"""Precisions whose activation ranges come from calibration frames."""


@dataclass(frozen=True)
class ConvertOptions:
    """One conversion.

    Attributes:
        source: a .keras or .h5 file, a SavedModel folder, or a zoo name, the last also with an
            upsampling ("fcn8:transpose").
        output: the .tflite to write.
        precision: of weights and activations.
        io: type of the input and output tensors; None is int8 for int8 and float32 otherwise.
        head: `auto` is coarse where that is exact, else full.
        input_size: another input size than the model's own.
        calibration: a folder of images, a video, an image or a pattern of images ("frames/*.png");
            None renders synthetic street frames.
        masks: folder with an index PNG for each calibration image, for the proof's mIoU.
        frames: how many calibration frames to use at most.
        refine: whether an int8 file's weights are rounded anew, its biases corrected and its ranges
            narrowed, each where that helps.
        max_drop: most that the file may lose, in points of mIoU where the proof frames have masks,
            else of pixel agreement; in an int8 file the layers that cost most stay in float32 until
            it holds. None asks for nothing beyond `min_agreement`.
        sensitivity: whether the report has each layer's signal-to-noise ratio.
        min_agreement: the gate; None takes MIN_AGREEMENT of the precision.
        normalize: one of edgeseg.modelfile.NORMALIZATIONS, overruling the card and every guess.
        color, resize: likewise, of the preparation.
        labels: a text file with one class name a line, likewise.
        target: where the file is to run, a name of edgeseg.converters.delegates; "none" leaves
            every layer as it is.
        swap: `auto` lets the target decide; `keep`, or the form that every upsampling layer takes
            which it fits, a name of edgeseg.converters.rewrite.forms.
        finetune: folder of images, with or without masks, on which a network with an approximate
            swap is trained for a few epochs to answer as before.
        finetune_epochs: how many.
        compiled: whether the target's compiler makes its own file beside the .tflite.
        threads: of the runtime that proves the file.
        report: an HTML page to write about the proof, also where the gate refuses the file.
    """

    source: str
    output: Path
    precision: Precision = "float32"
    io: Io | None = None
    head: HeadChoice = "auto"
    input_size: Size | None = None
    calibration: str | Path | None = None
    masks: Path | None = None
    frames: int = 100
    refine: bool = True
    max_drop: float | None = None
    sensitivity: bool = False
    min_agreement: float | None = None
    normalize: str | None = None
    color: ColorOrder | None = None
    resize: Resize | None = None
    labels: Path | None = None
    target: str = "cpu"
    swap: str = "auto"
    finetune: Path | None = None
    finetune_epochs: int = 3
    compiled: bool = False
    threads: int | None = None
    report: Path | None = None


def tensor_type(options: ConvertOptions) -> Io:
    """Return the type of the file's input and output tensors."""
    return options.io or ("int8" if options.precision == "int8" else "float32")


def gate(options: ConvertOptions) -> float:
    """Return the least agreement at which a file is written."""
    if options.min_agreement is not None:
        return options.min_agreement
    return MIN_AGREEMENT[options.precision]


def check_options(options: ConvertOptions) -> None:
    """Check what can be checked without the model.

    Raises:
        ConfigError: with all reasons at once.
    """
    reasons = _unknown_names(options)
    if tensor_type(options) != "float32" and options.precision != "int8":
        reasons.append(
            f"--io {options.io} needs --int8; {options.precision} files have float32 tensors"
        )
    if options.frames < 1:
        reasons.append(f"--calib-frames {options.frames}; expected at least 1")
    if not 0.0 <= gate(options) <= 1.0:
        reasons.append(f"--min-agreement {options.min_agreement}; expected 0 to 1, as in 0.95")
    reasons += _wrong_limits(options)
    if options.report is not None and options.report == options.output:
        reasons.append(f"--report and --output are both {options.report}; name two files")
    if options.masks is not None and options.calibration is None:
        reasons.append("--masks needs the images they belong to; add --calib DIR")
    if options.input_size is not None and min(options.input_size) < 1:
        reasons.append(f"--input-size {options.input_size}; both sides must be at least 1")
    if options.finetune_epochs < 1:
        reasons.append(f"--finetune-epochs {options.finetune_epochs}; expected at least 1")
    if options.target == "none" and options.swap not in ("auto", "keep"):
        reasons.append(f"--swap {options.swap} needs a --target, as in --target cpu")
    if options.compiled and options.target in ("none", "cpu"):
        reasons.append("--compile needs a --target with a compiler, as in --target ethos-u55-128")
    if reasons:
        raise ConfigError("; ".join(reasons))


def _wrong_limits(options: ConvertOptions) -> list[str]:
    reasons = []
    if options.sensitivity and options.precision != "int8":
        reasons.append("--sensitivity needs --int8; no other precision has layers to tell apart")
    if options.max_drop is not None and not 0 < options.max_drop <= 100:
        reasons.append(f"--max-drop {options.max_drop}; expected points above 0, as in 0.5")
    return reasons


def _unknown_names(options: ConvertOptions) -> list[str]:
    choices = (
        ("precision", options.precision, get_args(Precision)),
        ("io", options.io, get_args(Io)),
        ("head", options.head, get_args(HeadChoice)),
        ("normalize", options.normalize, NORMALIZATIONS),
        ("color", options.color, get_args(ColorOrder)),
        ("resize", options.resize, get_args(Resize)),
    )
    return [
        f"no {name} {value!r}; choose one of {', '.join(known)}"
        for name, value, known in choices
        if value is not None and value not in known
    ]
