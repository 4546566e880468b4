"""A GStreamer pipeline in gst-launch-1.0, whose pictures come through a pipe as YUV4MPEG2.

That format says the size before the first picture and marks each picture, so nothing has to be
guessed from what gst-launch-1.0 prints.
"""

from __future__ import annotations

import fcntl
import os
import re
import select
import shutil
import subprocess
import tempfile
import time
from collections.abc import Sequence
from contextlib import suppress
from typing import IO, Final, NoReturn

import cv2
import numpy as np

from edgeseg.manifest import Size
from edgeseg.sources.grabber import Grabbed, GrabError, Mode

LAUNCHER: Final = "gst-launch-1.0"

# BT.601 is what OpenCV's conversion from I420 assumes. Rows of other lengths would be padded, and
# y4menc (1.22) writes the padding too: 1366x768 is scaled to 1368x768.
_ENDING = (
    "queue leaky=downstream max-size-buffers=1 max-size-bytes=0 max-size-time=0 ! videoconvert "
    "! videoscale ! video/x-raw,format=I420,colorimetry=bt601,width=[8,8192,8],height=[2,8192,2] "
    "! y4menc ! fdsink sync=false fd={fd}"
)
_SIGNATURE = b"YUV4MPEG2"
_LONGEST_LINE = 256
_PIPE_BYTES = 1 << 20
_GOODBYE_S = 0.2


class LaunchedPipeline:
    """Runs a pipeline and reads its pictures."""

    def __init__(
        self, elements: Sequence[str], open_timeout_s: float, read_timeout_s: float
    ) -> None:
        """Keep what to run.

        Args:
            elements: the words of the pipeline, without a sink.
            open_timeout_s: until the first picture.
            read_timeout_s: the longest silence.
        """
        self._elements = elements
        self._open_timeout_s = open_timeout_s
        self._read_timeout_s = read_timeout_s
        self._child: subprocess.Popen[bytes] | None = None
        self._said: IO[bytes] | None = None
        self._pipe = -1
        self._size = Size(0, 0)
        self._i420 = np.zeros((0, 0), np.uint8)
        self._first_s: float | None = None

    def open(self) -> Mode:
        """Start it and wait until the first picture comes; raises GrabError."""
        self._start()
        end_s = time.monotonic() + self._open_timeout_s
        fps = self._read_header(self._read_line(end_s))
        self._wait_for_picture(end_s)
        self._first_s = time.monotonic()
        return Mode(self._size, fps, "I420")

    def grab(self) -> Grabbed:
        """Wait for the next picture, BGR; raises GrabError."""
        end_s = time.monotonic() + self._read_timeout_s
        if self._first_s is None:
            self._wait_for_picture(end_s)
        captured_s, self._first_s = self._first_s or time.monotonic(), None
        self._fill(self._i420.data.cast("B"), end_s)
        pixels = cv2.cvtColor(self._i420, cv2.COLOR_YUV2BGR_I420)
        return Grabbed(np.asarray(pixels, np.uint8), captured_s)

    def close(self) -> None:
        """Stop it."""
        child, self._child = self._child, None
        if self._pipe >= 0:
            os.close(self._pipe)
            self._pipe = -1
        if child is not None:
            child.terminate()
            try:
                child.wait(_GOODBYE_S)
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait()
        if self._said is not None:
            self._said.close()
            self._said = None

    def _start(self) -> None:
        self._pipe, theirs = os.pipe()
        with suppress(OSError):  # a larger pipe wakes the processes less often, no more
            fcntl.fcntl(self._pipe, fcntl.F_SETPIPE_SZ, _PIPE_BYTES)
        self._said = tempfile.TemporaryFile()  # noqa: SIM115  it lives as long as the child
        ending = _ENDING.format(fd=theirs).split()
        try:
            self._child = subprocess.Popen(
                [*_ends_with_us(), LAUNCHER, "-q", *self._elements, "!", *ending],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=self._said,
                pass_fds=[theirs],
                env={**os.environ, "LC_ALL": "C", "GST_DEBUG_NO_COLOR": "1"},
            )
        finally:
            os.close(theirs)

    def _wait_for_picture(self, end_s: float) -> None:
        """Read up to a picture; a header may stand before any of them, with another size."""
        while not (line := self._read_line(end_s)).startswith(b"FRAME"):
            self._read_header(line)

    def _read_header(self, line: bytes) -> float | None:
        """Take the size of the pictures to come; return their rate."""
        fields = {field[:1]: field[1:] for field in line.split()[1:]}
        width, height = (fields.get(key, b"") for key in (b"W", b"H"))
        if not line.startswith(_SIGNATURE) or not width.isdigit() or not height.isdigit():
            self._fail("what the pipeline sends are no pictures")
        self._size = Size(int(width), int(height))
        if self._size.width % 8 or self._size.height % 2 or 0 in self._size:
            self._fail(f"its pictures have an odd size, {self._size}")
        self._i420 = np.zeros((self._size.height * 3 // 2, self._size.width), np.uint8)
        rate = re.fullmatch(rb"(\d+):(\d+)", fields.get(b"F", b""))
        fps = int(rate[1]) / int(rate[2]) if rate and int(rate[2]) else 0.0
        return fps if 0 < fps < 1000 else None

    def _read_line(self, end_s: float) -> bytes:
        line = bytearray(len(b"FRAME\n"))  # no line is shorter
        self._fill(memoryview(line), end_s)
        while not line.endswith(b"\n"):
            if len(line) > _LONGEST_LINE:
                self._fail("what the pipeline sends are no pictures")
            byte = bytearray(1)
            self._fill(memoryview(byte), end_s)
            line += byte
        return bytes(line)

    def _fill(self, space: memoryview, end_s: float) -> None:
        """Read as much as there is space for."""
        while space:
            left_s = max(0.0, end_s - time.monotonic())
            if not select.select([self._pipe], [], [], left_s)[0]:
                self._fail("no picture in time", stalled=True)
            count = os.readv(self._pipe, [space])
            if count == 0:
                self._fail(*self._why_it_ended())
            space = space[count:]

    def _why_it_ended(self) -> tuple[str, bool]:
        """Return what gst-launch-1.0 said, and whether it would say so again."""
        assert self._child is not None
        assert self._said is not None
        with suppress(subprocess.TimeoutExpired):
            self._child.wait(_GOODBYE_S)
        self._said.seek(0)
        said = self._said.read(4096).decode(errors="replace")
        wrong = re.search(r"erroneous pipeline: (.*)", said)
        if wrong:
            missing = "; is its plugin installed?" if "no element" in wrong[1] else ""
            return f"the pipeline makes no sense: {wrong[1]}{missing}", True
        error = re.search(r"ERROR: from element \S*?([^/\s]+): (.*)", said)
        return (f"{error[1]}: {error[2].rstrip('.')}" if error else "the pipeline ended"), False

    def _fail(self, reason: str, final: bool = False, *, stalled: bool = False) -> NoReturn:
        self.close()
        raise GrabError(reason, final=final, stalled=stalled)


def _ends_with_us() -> list[str]:
    """Return what makes the kernel end a program together with this process, however it ends."""
    return ["setpriv", "--pdeathsig", "KILL"] if shutil.which("setpriv") else []
