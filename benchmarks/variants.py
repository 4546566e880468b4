"""The grammar of variants: NAME or a .tflite file, then :PART for each choice, then @SIZE."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path

from edgeseg.errors import ConfigError
from edgeseg.manifest import MAX_SIDE, Size
from edgeseg.runtimes import NAMES as RUNTIMES

MADE_PARTS = {
    "upsampling": ("transpose", "bilinear", "nearest"),
    "precision": ("float32", "float16", "dynamic", "int8", "int16x8"),
    "head": ("coarse", "full", "argmax"),
}
RUN_PARTS = {"threads": ("1t", "2t", "4t"), "runtime": RUNTIMES}  # any other count of threads too
PARTS = MADE_PARTS | RUN_PARTS
MAX_THREADS = 256
MODEL_SUFFIXES = (".keras", ".h5")
GRAMMAR = "NAME[:UPSAMPLING][:PRECISION][:HEAD][:THREADSt][:RUNTIME][@SIZE]"
FILE_GRAMMAR = "FILE.tflite[:THREADSt][:RUNTIME]"


@dataclass(frozen=True)
class Variant:
    """One contender, as it was asked for.

    Attributes:
        text: what was typed; it is the contender's name in every table.
        name: a zoo name, or the path of a Keras model or of a .tflite file.
        upsampling: None keeps the model's own.
        precision: as for `edgeseg convert`.
        head: likewise; `auto`, unless one was typed, is coarse wherever that is exact.
        size: network input size; None keeps the model's own.
        threads: None leaves it to `--threads`.
        runtime: one of `edgeseg.runtimes.NAMES`; None leaves it to `--runtime`.
    """

    text: str
    name: str
    upsampling: str | None = None
    precision: str = "int8"
    head: str = "auto"
    size: Size | None = None
    threads: int | None = None
    runtime: str | None = None

    @property
    def is_file(self) -> bool:
        """Whether this is a .tflite file, measured as it is."""
        return self.name.endswith(".tflite")


def split_versus(words: Iterable[str]) -> list[str]:
    """Return the contenders of `A vs B vs C`, given as single words.

    Raises:
        ConfigError: two contenders stand side by side, or a `vs` has nothing on one side.
    """
    groups: list[list[str]] = [[]]
    for word in words:
        if word.lower() in ("vs", "vs."):
            groups.append([])
        else:
            groups[-1].append(word)
    for group in groups:
        if len(group) > 1:
            raise ConfigError(
                f"{' '.join(group)!r} are {len(group)} words without `vs` between them; "
                f"type: edgeseg bench {' vs '.join(group)}"
            )
        if not group:
            raise ConfigError(
                "a variant is missing beside `vs`; type for example: edgeseg bench fcn8 vs fcn32"
            )
    return [group[0] for group in groups]


def parse_variant(text: str, zoo: Sequence[str]) -> Variant:
    """Read one variant.

    Args:
        text: what was typed.
        zoo: the zoo names that exist.

    Raises:
        ConfigError: the text is no variant; the message lists every reason, and what is known.
    """
    name, parts, size_text = _split(text)
    reasons: list[str] = []
    chosen = _choose(name, parts, reasons)
    size = _size(size_text, reasons)
    if not _is_known(name, zoo):
        reasons.insert(0, _unknown_name(name, zoo))
    is_file = name.endswith(".tflite")
    if is_file and size_text is not None:
        reasons.append(f"@{size_text} has no place behind a .tflite file, measured as it is")
    if reasons:
        raise ConfigError(f"{text!r} is not a variant: {'; '.join(reasons)}. {_known(zoo)}")
    return Variant(
        text=text,
        name=name,
        upsampling=chosen.get("upsampling"),
        precision="" if is_file else chosen.get("precision", "int8"),
        head="" if is_file else chosen.get("head", "auto"),
        size=size,
        threads=int(chosen["threads"].removesuffix("t")) if "threads" in chosen else None,
        runtime=chosen.get("runtime"),
    )


def kind_of(part: str) -> str | None:
    """Return what a part chooses, a key of `PARTS`; None for a word that is no part."""
    if re.fullmatch(r"\d{1,4}t", part):
        return "threads"
    return next((kind for kind, words in PARTS.items() if part in words), None)


def _split(text: str) -> tuple[str, list[str], str | None]:
    """Cut off the size, then the parts; the name keeps whatever a path may contain before them."""
    at = None if text.endswith((".tflite", *MODEL_SUFFIXES)) else re.search(r"@[^@/:]*$", text)
    body, size = (text[: at.start()], at.group()[1:]) if at else (text, None)
    file = re.match(r"(.*\.tflite)(?::(.*))?$", body)
    if file:
        return file[1], file[2].split(":") if file[2] else [], size
    name, *parts = body.split(":")
    return name, parts, size


def _choose(name: str, parts: Iterable[str], reasons: list[str]) -> dict[str, str]:
    chosen: dict[str, str] = {}
    for part in parts:
        kind = kind_of(part)
        if kind is None:
            reasons.append(f"{part!r} is not a known part{_perhaps(part)}")
        elif name.endswith(".tflite") and kind in MADE_PARTS:
            reasons.append(f"{part!r} has no place behind a .tflite file, measured as it is")
        elif kind in chosen:
            reasons.append(f"{part!r} is a second {kind} beside {chosen[kind]!r}")
        elif kind == "threads" and not 1 <= int(part[:-1]) <= MAX_THREADS:
            reasons.append(f"{part!r} is no number of threads; expected 1t to {MAX_THREADS}t")
        else:
            chosen[kind] = part
    return chosen


def _perhaps(part: str) -> str:
    words = [word for group in PARTS.values() for word in group]
    close = get_close_matches(part, words, n=1)
    return f" (did you mean {close[0]!r}?)" if close else ""


def _size(text: str | None, reasons: list[str]) -> Size | None:
    if text is None:
        return None
    match = re.fullmatch(r"(\d{1,5})(?:x(\d{1,5}))?", text)
    if match:
        size = Size(int(match[1]), int(match[2] or match[1]))
        if all(1 <= side <= MAX_SIDE for side in size):
            return size
    reasons.append(
        f"@{text} is not a size; expected @WIDTHxHEIGHT in pixels, as in @480x352, or @SIDE"
    )
    return None


def _is_known(name: str, zoo: Sequence[str]) -> bool:
    if name in zoo or name.endswith(".tflite"):
        return True
    return Path(name).exists() and (Path(name).is_dir() or name.endswith(MODEL_SUFFIXES))


def _unknown_name(name: str, zoo: Sequence[str]) -> str:
    if name.endswith(MODEL_SUFFIXES) or "/" in name:
        return f"there is no model {name!r}"
    close = get_close_matches(name, zoo, n=1)
    hint = f" (did you mean {close[0]!r}?)" if close else ""
    return f"{name!r} is not a model of the zoo, nor a model file{hint}"


def _known(zoo: Sequence[str]) -> str:
    parts = "; ".join(f"{kind}: {', '.join(words)}" for kind, words in PARTS.items())
    return (
        f"Expected {GRAMMAR} or {FILE_GRAMMAR}, with NAME one of "
        f"{', '.join(zoo) or '(the zoo is empty)'} or the path of a .keras, .h5 or SavedModel; "
        f"{parts}"
    )
