"""The overlay as a video file, playable whenever and however the run ends."""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

from edgeseg.manifest import Size
from edgeseg.overlay import Painter, Picture
from edgeseg.sinks import Sink
from edgeseg.sinks.coders import CoderName
from edgeseg.sinks.encoder import Encoder, check_video_path
from edgeseg.sinks.partfile import leftovers

if TYPE_CHECKING:
    from edgeseg.loop import FrameResult

_FALLBACK_FPS = 10.0
_SLOWEST_FPS, _FASTEST_FPS = 1.0, 240.0
# A live source's rate is what the model reaches: the first results tell, and wait in memory.
_HELD_SHOTS = 5
# A rate that seems so much higher than the source's own is the source's own.
_JITTER = 1.4
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

    The encoder is a process of its own that finishes the file even when this one is killed. Until
    then the file is `.NAME.part.SUFFIX` beside its place. With ffmpeg that file can be played as it
    is, up to the last second, also after a power cut; nothing ever removes or overwrites it.

    Attributes:
        notes: what the user should hear: a recording that an earlier run could not finish.
    """

    def __init__(
        self,
        path: Path,
        painter: Painter,
        *,
        fps: float | None,
        live: bool,
        encoder: CoderName = "auto",
        segment_s: float | None = None,
    ) -> None:
        """Check the name and start the encoder's process; the file begins with the first frames.

        Args:
            path: its suffix chooses the container.
            painter: of the overlays.
            fps: of the source, None when unknown.
            live: whether capture times decide what is written.
            encoder: `auto` takes the program ffmpeg with H.264, else OpenCV's MPEG-4 or (.avi)
                Motion JPEG; `h264`, `h264_v4l2m2m` (hardware, through ffmpeg) and `opencv` insist.
            segment_s: None makes one file; else one for every so many seconds, `NAME-0001.SUFFIX`
                and on, after those that are there already. Each is complete when the next begins.

        Raises:
            ConfigError: the suffix is no known container's.
            OutputError: the file could not be written.
        """
        check_video_path(path)
        self.name = f"video {path}"
        self.notes = [_left_over(part) for part in leftovers(path)]
        self._painter = painter
        self._fps = fps
        self._live = live
        self._wish: CoderName = encoder
        self._segment_s = segment_s
        self._base = path
        self._number = _last_number(path) + 1
        self._held: list[_Shot] = []
        self._tape: _Tape | None = None
        self._finishing: Encoder | None = None
        self._before_bytes = 0
        self._encoder: Encoder | None = self._new_encoder()
        self._encoder_name = ""

    @property
    def encoder(self) -> str:
        """What encodes, "libx264 (ffmpeg)"; empty before the first frame."""
        return self._encoder_name

    @property
    def written_bytes(self) -> int:
        """Of all files so far."""
        parts = (self._finishing, self._encoder)
        return self._before_bytes + sum(part.written_bytes for part in parts if part is not None)

    def write(self, result: FrameResult) -> None:
        """Encode the result's overlay."""
        self._held.append(_Shot(self._painter.paint(result), result.frame.captured_s))
        if self._tape is not None or not self._live or len(self._held) == _HELD_SHOTS:
            self._release()

    def close(self) -> None:
        """Finish the file and move it under its name; no frames, no file."""
        try:
            self._release()
        finally:
            self._tape = None
            self._finish_former()
            encoder, self._encoder = self._encoder, None
            if encoder is not None:
                encoder.finish()
                self._before_bytes += encoder.written_bytes

    def _release(self) -> None:
        held, self._held = self._held, []
        if not held or self._encoder is None:
            return
        tape = self._tape = self._tape or self._start(held, self._encoder)
        try:
            for shot in held:
                tape.add(shot, paced=self._live)
        except BaseException:
            self._tape = self._encoder = None  # it has said what it had to say
            raise
        if self._segment_s is not None and tape.lasts_s >= self._segment_s:
            self._change_file(self._encoder)

    def _start(self, held: list[_Shot], encoder: Encoder) -> _Tape:
        height, width = held[0].picture.shape[:2]
        fps = (_measured(held, self._fps) if self._live else None) or self._fps or _FALLBACK_FPS
        self._fps = fps = min(max(fps, _SLOWEST_FPS), _FASTEST_FPS)
        encoder.begin(Size(width, height), fps)
        self._encoder_name = encoder.name
        return _Tape(encoder, fps, held[0].captured_s)

    def _change_file(self, full: Encoder) -> None:
        """Begin the next one; the former is finished meanwhile, by its own process."""
        self._finish_former()
        full.end()
        self._finishing, self._tape = full, None
        self._number += 1
        self._encoder = self._new_encoder()

    def _finish_former(self) -> None:
        former, self._finishing = self._finishing, None
        if former is not None:
            former.finish()
            self._before_bytes += former.written_bytes

    def _new_encoder(self) -> Encoder:
        if self._segment_s is None:
            return Encoder(self._base, self._wish)
        name = f"{self._base.stem}-{self._number:04d}{self._base.suffix}"
        return Encoder(self._base.with_name(name), self._wish)


class _Tape:
    """An encoder, and how far it has come."""

    def __init__(self, encoder: Encoder, fps: float, start_s: float) -> None:
        self._encoder = encoder
        self._fps = fps
        self._start_s = start_s
        self._count = 0

    @property
    def lasts_s(self) -> float:
        """How long the video is."""
        return self._count / self._fps

    def add(self, shot: _Shot, *, paced: bool) -> None:
        for _ in range(self._repeats(shot.captured_s) if paced else 1):
            self._encoder.write(shot.picture)
            self._count += 1

    def _repeats(self, captured_s: float) -> int:
        wanted = round((captured_s - self._start_s) * self._fps) + 1 - self._count
        most = round(_LONGEST_PAUSE_S * self._fps)
        if wanted > most:
            self._start_s += (wanted - most) / self._fps
        return max(0, min(wanted, most))


def _measured(held: list[_Shot], nominal_fps: float | None) -> float | None:
    """From the second shortest gap of four: runs start slowly, and to repeat is not to lose."""
    gaps = sorted(later.captured_s - shot.captured_s for shot, later in pairwise(held))
    period_s = gaps[len(gaps) // 4] if gaps else 0.0
    fps = round(1 / period_s, 2) if period_s > 0 else None
    if fps is not None and nominal_fps and nominal_fps < fps < nominal_fps * _JITTER:
        return nominal_fps
    return fps


def _last_number(path: Path) -> int:
    """Of the segments that are there, finished or not; 0 for none."""
    pattern = re.compile(rf"\.?{re.escape(path.stem)}-(\d+)(\.part\d*)?{re.escape(path.suffix)}")
    found = (pattern.fullmatch(entry.name) for entry in path.parent.iterdir())
    return max((int(match[1]) for match in found if match), default=0)


def _left_over(part: Path) -> str:
    return (
        f"{part} is what an earlier recording wrote before the power or its encoder failed; play "
        "it, rename it to keep it, or delete it"
    )
