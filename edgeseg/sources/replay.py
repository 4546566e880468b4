"""`replay:PATH`: a video or images handed over as a live camera would, each when it is due."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Iterator, Mapping
from urllib.parse import parse_qsl

from edgeseg.errors import ConfigError
from edgeseg.manifest import Size
from edgeseg.sources import Frame, Source, SourceStatus, open_source

# Of images, which have no rate of their own.
_USUAL_FPS = 25.0
_SLOWEST_FPS, _FASTEST_FPS = 0.01, 1000.0
_EXAMPLE = "'replay:street.mp4?fps=30&loop=1'"


class Replay:
    """A file's pictures at the pace of a camera; what is late is dropped, as a camera would.

    A file that cannot be decoded as fast as that is played as fast as it can be; `notes` say so.
    """

    live = True
    status: SourceStatus | None = None

    def __init__(self, path: str, fps: float | None, *, loop: bool) -> None:
        """Open the file.

        Args:
            path: a video, an image, a folder or a pattern of images.
            fps: pictures a second; None for the file's own rate, 25 where it has none.
            loop: begin again at the end, for ever.

        Raises:
            ConfigError: what is there is live already.
            SourceError: nothing there, or not something that can be read.
        """
        self.name = f"replay of {path}"
        self.notes: list[str] = []
        self._path = path
        self._file = open_source(path)
        if self._file.live:
            raise ConfigError(f"replay: {self._file.name} is live already; expected a file")
        self.size: Size | None = self._file.size
        self.fps: float | None = fps or self._file.fps or _USUAL_FPS
        self.length: int | None = None if loop else self._file.length
        self._period_s = 1 / self.fps
        self._loop = loop
        self._closed = threading.Event()
        self._late = 0
        self._delayed = 0
        self._start_s = 0.0

    @property
    def dropped(self) -> Mapping[str, int]:
        """Pictures that were decoded too late, the next one being due."""
        return {"newer": self._late}

    def frames(self) -> Iterator[Frame]:
        """Yield pictures when they are due; their `captured_s` is that moment.

        Raises:
            SourceError: not one picture could be read.
        """
        index = 0
        asked_s = time.monotonic()
        for frame in self._pictures():
            now_s = time.monotonic()
            if index == 0:
                self._start_s = now_s
            due_s = self._start_s + index * self._period_s
            if now_s - due_s < self._period_s:
                self._closed.wait(due_s - now_s)
            elif now_s - asked_s < self._period_s:  # it can catch up
                self._late += 1
                index, asked_s = index + 1, now_s
                continue
            else:
                self._start_s += now_s - due_s
                self._delayed += 1
                due_s = now_s
            if self._closed.is_set():
                break
            yield Frame(index, frame.raw, due_s, name=f"{index:06d}", layout=frame.layout)
            index, asked_s = index + 1, time.monotonic()
        self._tell(index)

    def close(self) -> None:
        """Make `frames` end after the picture at hand."""
        self._closed.set()
        self._file.close()

    def _pictures(self) -> Iterator[Frame]:
        """Yield the file's pictures, over and over when it is a loop."""
        while not self._closed.is_set():
            yield from self._file.frames()
            self.notes[:] = self._file.notes
            if not self._loop:
                return
            self._file = open_source(self._path)

    def _tell(self, count: int) -> None:
        # A few are the machine's hiccups; many, and the file is too much for it.
        if self._delayed > max(2, count // 10):
            self.notes.append(
                f"{self._path} could not be decoded at {self.fps:g} fps; it was played more slowly"
            )


def open_replay(uri: str) -> Source:
    """Open `replay:PATH?fps=30&loop=1` or `replay://PATH?fps=30`.

    Options stand behind the last `?`, if there is a `=` after it; so a pattern may have one too.

    Raises:
        ConfigError: an unknown option or a value that makes no sense; all of them named at once.
        SourceError: nothing there, or not something that can be read.
    """
    path, given = _split(uri)
    reasons = [] if path else ["the file is missing"]
    unknown = [key for key in given if key not in {"fps", "loop"}]
    if unknown:
        reasons.append(f"unknown: {', '.join(unknown)} (known: fps, loop)")
    fps = _rate(given["fps"]) if "fps" in given else None
    if "fps" in given and fps is None:
        expected = f"a number of {_SLOWEST_FPS:g}..{_FASTEST_FPS:g}"
        reasons.append(f"fps is {given['fps']!r}, expected {expected}")
    if given.get("loop", "0") not in {"0", "1"}:
        reasons.append(f"loop is {given['loop']!r}, expected 0 or 1")
    if reasons:
        raise ConfigError(f"{uri}: {'; '.join(reasons)}; type {_EXAMPLE}")
    return Replay(path, fps, loop=given.get("loop") == "1")


def _split(uri: str) -> tuple[str, dict[str, str]]:
    path = uri.removeprefix("replay:").removeprefix("//")
    before, mark, query = path.rpartition("?")
    if mark and "=" in query:
        return before, dict(parse_qsl(query, keep_blank_values=True))
    return path, {}


def _rate(text: str) -> float | None:
    found = re.fullmatch(r"[0-9]{1,4}(\.[0-9]{1,6})?", text)
    return float(text) if found and _SLOWEST_FPS <= float(text) <= _FASTEST_FPS else None
