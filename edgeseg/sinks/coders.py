"""What turns raw pictures into a video file: the program ffmpeg, or OpenCV's own encoders."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from io import FileIO
from pathlib import Path
from typing import IO, TYPE_CHECKING, Final, Literal, Protocol

from edgeseg.manifest import Size
from edgeseg.sinks.mp4 import make_plain

if TYPE_CHECKING:
    import cv2

CoderName = Literal["auto", "h264", "h264_v4l2m2m", "opencv"]

MP4_SUFFIXES: Final = (".mp4", ".m4v", ".mov")
# What OpenCV's own FFmpeg encodes everywhere; H.264 needs a library that its wheels do not carry.
OPENCV_CODECS: Final = {
    ".mp4": ("mp4v",),
    ".m4v": ("mp4v",),
    ".mov": ("mp4v",),
    ".mkv": ("mp4v", "MJPG"),
    ".avi": ("MJPG", "XVID"),
}
# Encoders write in blocks of up to 256 KiB, so a disk that refused one is not quite full.
FULL_BYTES: Final = 512 * 1024
_MUXERS: Final = {".mp4": "mp4", ".m4v": "mp4", ".mov": "mov", ".mkv": "matroska"}
# What is played after a power cut ends with the last fragment or cluster that is on the disk.
_FRAGMENTS: Final = {
    "mp4": ("-movflags", "frag_keyframe+empty_moov+default_base_moof"),
    "mov": ("-movflags", "frag_keyframe+empty_moov+default_base_moof"),
    "matroska": ("-cluster_time_limit", "1000"),
}
_H264: Final = {
    # A device has better things to do: the quickest preset, and no frames held back.
    "libx264": ("-preset", "ultrafast", "-tune", "zerolatency", "-crf", "23"),
    "h264_v4l2m2m": ("-b:v", "4M"),
}
_WISHES: Final[dict[str, tuple[str, ...]]] = {
    "auto": ("libx264", "h264_v4l2m2m", "opencv"),
    "h264": ("libx264",),
    "h264_v4l2m2m": ("h264_v4l2m2m",),
    "opencv": ("opencv",),
}
_TRIAL_S = 10.0
_SYNC_S = 2.0


@dataclass(frozen=True)
class Shape:
    """Of the pictures: BGR uint8 [height, width, 3], `fps` a second."""

    size: Size
    fps: float

    @property
    def picture_bytes(self) -> int:
        """Of one picture."""
        return self.size.width * self.size.height * 3


@dataclass(frozen=True)
class Outcome:
    """What became of the pictures.

    Attributes:
        frames: how many are in the file and can be read back; 0 makes it worthless.
        trouble: why it ended before the pictures did, empty where it did not.
    """

    frames: int
    trouble: str = ""


class Coder(Protocol):
    """Encodes a pipe of raw pictures.

    Attributes:
        name: what encodes, for people.
    """

    name: str

    def encode(self, pictures: int, shape: Shape, part: Path, handle: int) -> Outcome:
        """Encode until the pipe ends; an incomplete last picture is left out.

        Args:
            pictures: descriptor of the pipe; closed as soon as nothing more is taken from it.
            shape: of the pictures.
            part: the file to write.
            handle: of the same file.
        """
        ...


def choose_coder(suffix: str, wish: CoderName) -> Coder | None:
    """Return the first coder that works for a file of this suffix, None where the wish cannot be.

    Every candidate encodes a picture first: a program may lack the library, or a device node be
    there without an encoder behind it.
    """
    for name in _WISHES[wish]:
        if name == "opencv":
            return OpenCvCoder(suffix)
        muxer = _MUXERS.get(suffix)
        program = shutil.which("ffmpeg") if muxer else None
        if program and muxer and _works(program, name):
            return FfmpegCoder(program, name, muxer)
    return None


def _works(program: str, codec: str) -> bool:
    if codec == "h264_v4l2m2m" and not any(Path("/dev").glob("video1*")):
        return False
    picture = ["-f", "lavfi", "-i", "color=size=128x128:rate=25", "-frames:v", "2"]
    command = [*_quiet(program), *picture, "-c:v", codec, "-pix_fmt", "yuv420p", "-f", "null", "-"]
    try:
        trial = subprocess.run(
            command,
            timeout=_TRIAL_S,
            check=False,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return trial.returncode == 0


class FfmpegCoder:
    """H.264 by the program ffmpeg, which reads the pictures from the pipe itself."""

    def __init__(self, program: str, codec: str, muxer: str) -> None:
        """Take a program, an encoder that works in it, and the container's name there."""
        self.name = f"{codec} (ffmpeg)"
        self._program = program
        self._codec = codec
        self._muxer = muxer

    def encode(self, pictures: int, shape: Shape, part: Path, handle: int) -> Outcome:
        """See `Coder`; the file is brought to the disk every two seconds."""
        with tempfile.TemporaryFile() as words, tempfile.TemporaryFile() as counts:
            command = self._command(shape, part)
            child = subprocess.Popen(command, stdin=pictures, stdout=counts, stderr=words)
            os.close(pictures)
            code = _wait(child, handle)
            trouble = _reason(code, words) if code else ""
            return Outcome(self._finish(part, counts, trouble), trouble)

    def _command(self, shape: Shape, part: Path) -> list[str]:
        """The keyframe a second is where a player can start, and where a cut-off file ends."""
        raw = ["-f", "rawvideo", "-pix_fmt", "bgr24", "-s", str(shape.size)]
        return [
            *_quiet(self._program),
            *("-progress", "pipe:1", "-stats_period", "86400"),
            *raw,
            *("-framerate", f"{shape.fps:.6g}", "-i", "pipe:0"),
            # Colours are halved in both directions, so sides must be even.
            *("-vf", "crop=trunc(iw/2)*2:trunc(ih/2)*2", "-pix_fmt", "yuv420p"),
            *("-colorspace", "smpte170m", "-c:v", self._codec, *_H264[self._codec]),
            *("-bf", "0", "-g", str(max(1, round(shape.fps)))),
            *_FRAGMENTS[self._muxer],
            *("-flush_packets", "1", "-f", self._muxer, str(part)),
        ]

    def _finish(self, part: Path, counts: IO[bytes], trouble: str) -> int:
        if self._muxer != "matroska":
            return make_plain(part) or 0
        return readable_frames(part) if trouble else _frames_told(counts)


class OpenCvCoder:
    """MPEG-4 or Motion JPEG by OpenCV, in this process; cut off by a power cut, it is lost."""

    def __init__(self, suffix: str) -> None:
        """Choose the codecs to try."""
        self._codecs = OPENCV_CODECS[suffix]
        self.name = f"{self._codecs[0]} (OpenCV)"

    def encode(self, pictures: int, shape: Shape, part: Path, handle: int) -> Outcome:
        """See `Coder`."""
        writer = self._open(shape, part)
        if writer is None:
            os.close(pictures)
            return Outcome(0, f"no codec of {', '.join(self._codecs)} opens at {shape.size}")
        with FileIO(pictures, "r") as pipe:
            taken, trouble = _copy(pipe, shape, writer, handle)
        writer.release()
        found = readable_frames(part)
        if found < taken and not trouble:
            trouble = f"only {found} of {taken} frames arrived in the file"
        return Outcome(found, trouble)

    def _open(self, shape: Shape, part: Path) -> cv2.VideoWriter | None:
        import cv2

        writer = cv2.VideoWriter()
        for codec in self._codecs:
            code = cv2.VideoWriter.fourcc(*codec)
            try:
                if writer.open(str(part), cv2.CAP_FFMPEG, code, shape.fps, shape.size):
                    self.name = f"{codec} (OpenCV)"
                    return writer
            except cv2.error:
                continue
        return None


def readable_frames(path: Path) -> int:
    """Count of frames that can be read; 0 when the file does not open or the first is damaged."""
    import cv2

    capture = cv2.VideoCapture(str(path), cv2.CAP_FFMPEG)
    try:
        if not capture.isOpened() or not capture.grab():
            return 0
        promised = round(capture.get(cv2.CAP_PROP_FRAME_COUNT))
        # A file that was cut off promises nothing: count.
        return promised if promised > 0 else 1 + sum(1 for _ in iter(capture.grab, False))
    finally:
        capture.release()


def _copy(pipe: FileIO, shape: Shape, writer: cv2.VideoWriter, handle: int) -> tuple[int, str]:
    """Return how many whole pictures the writer took, and why it took no more."""
    import cv2
    import numpy as np

    picture = np.empty((shape.size.height, shape.size.width, 3), np.uint8)
    room = picture.data.cast("B")
    taken = 0
    while _fill(pipe.readinto, room):
        try:
            answer: object = writer.write(picture)
            # OpenCV below 5 answers nothing, and would go on after the disk is full.
            if answer is False or (answer is None and _is_full(handle)):
                return taken, "the encoder refused a frame"
        except cv2.error as error:
            return taken, str(error.err)
        taken += 1
    return taken, ""


def _is_full(handle: int) -> bool:
    disk = os.fstatvfs(handle)
    return disk.f_bavail * disk.f_frsize < FULL_BYTES


def _fill(read: Callable[[memoryview], int | None], room: memoryview) -> bool:
    while room:
        count = read(room)
        if not count:
            return False
        room = room[count:]
    return True


def _wait(child: subprocess.Popen[bytes], handle: int) -> int:
    """Return the exit code; until then what is written goes to the disk now and then."""
    while (code := _ended(child, _SYNC_S)) is None:
        with suppress(OSError):  # ffmpeg meets the same, and says so
            os.fdatasync(handle)
    return code


def _ended(child: subprocess.Popen[bytes], patience_s: float) -> int | None:
    try:
        return child.wait(patience_s)
    except subprocess.TimeoutExpired:
        return None


def _reason(code: int, words: IO[bytes]) -> str:
    if code < 0:
        return f"ffmpeg was ended by signal {-code}"
    words.seek(0)
    lines = words.read().decode(errors="replace").strip().splitlines()
    full = [line for line in lines if "No space left" in line]
    return f"ffmpeg: {(full or lines or [f'exit code {code}'])[-1].strip()}"


def _frames_told(counts: IO[bytes]) -> int:
    counts.seek(0)
    found = re.findall(rb"^frame=\s*(\d+)", counts.read(), re.MULTILINE)
    return int(found[-1]) if found else 0


def _quiet(program: str) -> list[str]:
    return [program, "-hide_banner", "-nostdin", "-loglevel", "error", "-y"]
