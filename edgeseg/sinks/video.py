"""The overlay as a video file, playable whenever and however the run ends."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

from edgeseg.manifest import Size
from edgeseg.overlay import Painter, Picture
from edgeseg.sinks import Sink
from edgeseg.sinks.encoder import Encoder, check_video_path

if TYPE_CHECKING:
    from edgeseg.stream import FrameResult

_FALLBACK_FPS = 10.0
_SLOWEST_FPS, _FASTEST_FPS = 1.0, 240.0
# A live source's rate is what the model reaches: the first results tell, and wait in memory.
_HELD_SHOTS = 5
# After an outage the picture stands still for this long at most.
_LONGEST_PAUSE_S = 2.0


@dataclass(frozen=True)
class _Shot:
    picture: Picture
    captured_s: float


class VideoSink(Sink):
    """Writes overlays to a video of the first frame's size.

    A file source's frames are written once each, at the source's rate. A live source's are placed
    by their capture times, repeated or left out, so that the video lasts as long as what it shows.
    """

    def __init__(self, path: Path, painter: Painter, *, fps: float | None, live: bool) -> None:
        """Check the name; the encoder opens with the first frames.

        Args:
            path: its suffix chooses container and codec.
            painter: of the overlays.
            fps: of the source, None when unknown.
            live: whether capture times decide what is written.

        Raises:
            ConfigError: the suffix is no known container's.
            OutputError: the file could not be written.
        """
        check_video_path(path)
        self.name = f"video {path}"
        self._path = path
        self._painter = painter
        self._fps = fps
        self._live = live
        self._held: list[_Shot] = []
        self._tape: _Tape | None = None

    def write(self, result: FrameResult) -> None:
        """Encode the result's overlay."""
        self._held.append(_Shot(self._painter.paint(result), result.frame.captured_s))
        if self._tape is not None or not self._live or len(self._held) == _HELD_SHOTS:
            self._release()

    def close(self) -> None:
        """Finish the file and move it under its name; no frames, no file."""
        self._release()
        tape, self._tape = self._tape, None
        if tape is not None:
            tape.encoder.finish()

    def _release(self) -> None:
        held, self._held = self._held, []
        if not held:
            return
        tape, self._tape = self._tape or self._start(held), None
        # Only a tape that took everything comes back: one that failed has removed its file.
        for shot in held:
            tape.add(shot, paced=self._live)
        self._tape = tape

    def _start(self, held: list[_Shot]) -> _Tape:
        height, width = held[0].picture.shape[:2]
        fps = (_measured(held) if self._live else None) or self._fps or _FALLBACK_FPS
        fps = min(max(fps, _SLOWEST_FPS), _FASTEST_FPS)
        return _Tape(Encoder(self._path, Size(width, height), fps), fps, held[0].captured_s)


class _Tape:
    """An encoder, and how far it has come."""

    def __init__(self, encoder: Encoder, fps: float, start_s: float) -> None:
        self.encoder = encoder
        self._fps = fps
        self._start_s = start_s
        self._count = 0

    def add(self, shot: _Shot, *, paced: bool) -> None:
        for _ in range(self._repeats(shot.captured_s) if paced else 1):
            self.encoder.write(shot.picture)
            self._count += 1

    def _repeats(self, captured_s: float) -> int:
        wanted = round((captured_s - self._start_s) * self._fps) + 1 - self._count
        most = round(_LONGEST_PAUSE_S * self._fps)
        if wanted > most:
            self._start_s += (wanted - most) / self._fps
        return max(0, min(wanted, most))


def _measured(held: list[_Shot]) -> float | None:
    gaps = [later.captured_s - shot.captured_s for shot, later in pairwise(held)]
    period_s = median(gaps) if gaps else 0.0
    return 1 / period_s if period_s > 0 else None
