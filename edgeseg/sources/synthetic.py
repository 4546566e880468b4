"""`synthetic://street`: moving pictures with their truth, without a camera or a download."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from urllib.parse import parse_qsl, urlsplit

from edgeseg.errors import ConfigError
from edgeseg.manifest import Size
from edgeseg.sources import NOTHING, Frame, SourceStatus
from edgeseg.sources.street import render_street

# Smaller pictures hold no street; larger ones take gigabytes.
_SMALLEST, _LARGEST = 32, 8192
_DEFAULT_SIZE = Size(640, 360)


@dataclass(frozen=True)
class StreetOptions:
    """What the query of `synthetic://street` can say.

    Attributes:
        seed: which street.
        size: of the frames.
        frames: how many, 0 for endless.
        fps: frames a second of street time, and of real time when live.
        live: pace the frames like a camera; the default renders as fast as they are taken.
    """

    seed: int = 1
    size: Size = _DEFAULT_SIZE
    frames: int = 0
    fps: float = 25.0
    live: bool = False


class Street:
    """The rendered street as a source; every frame carries its truth."""

    dropped = NOTHING
    status: SourceStatus | None = None

    def __init__(self, options: StreetOptions) -> None:
        """Prepare the street; nothing is rendered before `frames`."""
        self.live = options.live
        self.name = f"synthetic street {options.seed}"
        self.size: Size | None = options.size
        self.fps: float | None = options.fps
        self.length: int | None = options.frames or None
        self.notes: list[str] = []
        self._options = options
        self._closed = threading.Event()

    def frames(self) -> Iterator[Frame]:
        """Yield pictures, endless unless `frames` says; a live street waits until each is due."""
        start_s = 0.0
        index = 0
        while not self._closed.is_set() and index != self.length:
            due_s = index / self._options.fps
            pixels, truth = render_street(self._options.seed, due_s, self._options.size)
            if index == 0:
                start_s = time.monotonic()
            if self.live:
                # Rendered ahead and handed over when due: rendering must not look like age.
                self._closed.wait(start_s + due_s - time.monotonic())
            captured_s = time.monotonic()
            yield Frame(index, pixels, captured_s, truth=truth, name=f"{index:06d}")
            index += 1

    def close(self) -> None:
        """Make `frames` end after the picture at hand."""
        self._closed.set()


def open_synthetic(uri: str) -> Street:
    """Open `synthetic://street?seed=1&size=640x360&frames=300&fps=25&live=0`.

    Raises:
        ConfigError: another scene than street, an unknown option, or values out of range; all of
            them named at once.
    """
    parts = urlsplit(uri)
    if (parts.netloc + parts.path).strip("/") != "street":
        raise ConfigError(f"{uri}: the synthetic scene is street; type {_EXAMPLE}")
    given = dict(parse_qsl(parts.query, keep_blank_values=True))
    unknown = [key for key in given if key not in _READERS]
    reasons = [f"unknown: {', '.join(unknown)} (known: {', '.join(_READERS)})"] if unknown else []
    values: dict[str, object] = {}
    for key, (expected, read) in _READERS.items():
        if key in given:
            values[key] = read(given[key])
            if values[key] is None:
                reasons.append(f"{key} is {given[key]!r}, expected {expected}")
    if reasons:
        raise ConfigError(f"{uri}: {'; '.join(reasons)}; type {_EXAMPLE}")
    return Street(StreetOptions(**values))  # type: ignore[arg-type]  # _READERS holds the types


_EXAMPLE = "'synthetic://street?seed=1&size=640x360&fps=25'"


# Each reads an option's text, None when it makes no sense.


def _whole(text: str) -> int | None:
    return int(text) if re.fullmatch(r"[0-9]{1,9}", text) else None


def _size(text: str) -> Size | None:
    found = re.fullmatch(r"([0-9]{1,5})x([0-9]{1,5})", text)
    size = Size(int(found[1]), int(found[2])) if found else Size(0, 0)
    return size if all(_SMALLEST <= side <= _LARGEST for side in size) else None


def _rate(text: str) -> float | None:
    found = re.fullmatch(r"[0-9]{1,4}(\.[0-9]{1,6})?", text)
    return float(text) if found and 0.01 <= float(text) <= 1000 else None


def _flag(text: str) -> bool | None:
    return {"0": False, "1": True}.get(text)


_READERS: dict[str, tuple[str, Callable[[str], object]]] = {
    "seed": ("a whole number", _whole),
    "size": (f"WIDTHxHEIGHT with sides of {_SMALLEST}..{_LARGEST}", _size),
    "frames": ("a whole number, 0 for endless", _whole),
    "fps": ("a number of 0.01..1000", _rate),
    "live": ("0 or 1", _flag),
}
