"""A video file that appears complete or not at all, even when the run is killed."""

from __future__ import annotations

import fcntl
import json
import os
import select
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

from edgeseg.errors import ConfigError, OutputError
from edgeseg.files import check_writable
from edgeseg.manifest import Size
from edgeseg.overlay import Picture, fit
from edgeseg.sinks.coders import OPENCV_CODECS, CoderName
from edgeseg.sinks.encoder_child import header
from edgeseg.sinks.pipes import has_room, send_some

# The largest that Linux gives to anybody; with less, the encoder and the run wait for each other.
_PIPE_BYTES = 1 << 20
# An encoder that takes nothing for so long is stuck (a dead disk, a network folder gone).
_STUCK_S = 10.0
_START_S = 20.0
_FINISH_S = 30.0


def check_video_path(path: Path) -> None:
    """Fail early when no video could be written to `path`.

    Raises:
        ConfigError: the suffix is no known container's.
        OutputError: the folder is missing or not writable.
    """
    if path.suffix.lower() not in OPENCV_CODECS:
        raise ConfigError(f"cannot tell a video format from {path}; use {' '.join(OPENCV_CODECS)}")
    check_writable(path)


class Encoder:
    """Sends pictures to a process that encodes them, `encoder_child`; used by one thread.

    That process has a session of its own and finishes the file when the pipe to it ends, be that by
    `finish` or because this process was killed. The file is written as `.NAME.part.SUFFIX`.

    Attributes:
        path: of the video.
        name: what encodes, "libx264 (ffmpeg)"; empty until `begin`.
        count: pictures written.
    """

    def __init__(self, path: Path, wish: CoderName = "auto") -> None:
        """Start the process; it makes no file before `begin`.

        Raises:
            OutputError: it does not start.
        """
        self.path = path
        self.name = ""
        self.count = 0
        self._part: Path | None = None
        self._size = Size(0, 0)
        self._words = b""
        order = json.dumps({"path": str(path.absolute()), "wish": wish})
        source, self._pipe = os.pipe()
        try:
            self._child = subprocess.Popen(
                [sys.executable, "-m", "edgeseg.sinks.encoder_child", order],
                stdin=source,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
            )
        except OSError as error:
            os.close(self._pipe)
            raise self._error(f"its encoder does not start ({error.strerror})") from error
        finally:
            os.close(source)
        _make_large(self._pipe)
        os.set_blocking(self._pipe, False)

    @property
    def written_bytes(self) -> int:
        """How large the file is so far."""
        if self._part is None:
            return 0
        return _size_of(self._part) or _size_of(self.path)

    def begin(self, size: Size, fps: float) -> None:
        """Say what comes.

        Raises:
            OutputError: nothing here can encode, or the file cannot be made.
        """
        self._size = size
        self.name = self._hear("encoder", _START_S)
        self._send(memoryview(header(size, fps)))
        self._part = Path(self._hear("part", _START_S))

    def write(self, picture: Picture) -> None:
        """Send one picture, BGR uint8 [h, w, 3]; another size is fitted with black bars.

        Raises:
            OutputError: the encoder or the disk refuses; says what was kept.
        """
        fitted = np.ascontiguousarray(fit(picture, self._size))
        self._send(fitted.data.cast("B"))
        self.count += 1

    def end(self) -> None:
        """Say that nothing more comes; the file is finished while the caller does other things."""
        if self._pipe >= 0:
            os.close(self._pipe)
            self._pipe = -1

    def finish(self) -> None:
        """Wait until the file is whole and under its name; harmless when repeated.

        Raises:
            OutputError: it is not, or not with all pictures in it.
        """
        if self._child.stdout is None or self._child.stdout.closed:
            return
        self.end()
        if self._part is None:
            self._leave()
            return
        frames = int(self._hear("frames", _FINISH_S))
        self._leave()
        if frames < self.count:
            raise self._error(f"only {frames} of {self.count} frames arrived in the file")

    def _send(self, data: memoryview) -> None:
        try:
            while data:
                data = send_some(self._pipe, data)
                if data and not has_room(self._pipe, _STUCK_S):
                    self._leave()
                    raise self._error(
                        f"the encoder took nothing for {_STUCK_S:g} s; is the disk alive?"
                    )
        except OSError as error:
            self._hear("frames", _FINISH_S)  # raises with the encoder's own reason
            raise self._error(str(error)) from error
        # ffmpeg keeps the pipe open where the process that looks after it was killed.
        if self._child.poll() is not None:
            self._hear("frames", _FINISH_S)

    def _hear(self, key: str, patience_s: float) -> Any:
        """Wait for an answer; raises OutputError when it is trouble, or none comes."""
        end_s = time.monotonic() + patience_s
        while True:
            line = self._line(end_s)
            if line is None:
                self._leave()
                raise self._error(self._silence(patience_s))
            if line.get("trouble"):
                self._leave()
                raise self._error(line["trouble"], kept=int(line["frames"]))
            if key in line:
                return line[key]

    def _line(self, end_s: float) -> dict[str, Any] | None:
        assert self._child.stdout is not None  # for the type checker: it is a pipe
        while b"\n" not in self._words:
            left_s = end_s - time.monotonic()
            if left_s <= 0 or not select.select([self._child.stdout], [], [], left_s)[0]:
                return None
            piece = os.read(self._child.stdout.fileno(), 65536)
            if not piece:
                return None
            self._words += piece
        line, _, self._words = self._words.partition(b"\n")
        words: dict[str, Any] = json.loads(line)
        return words

    def _silence(self, patience_s: float) -> str:
        """Why no answer comes."""
        where = f"; what it had written is in {self._part}" if self._part else ""
        try:
            code = self._child.wait(1.0)
        except subprocess.TimeoutExpired:
            return f"its encoder has not finished after {patience_s:g} s and goes on by itself"
        how = f"was ended by signal {-code}" if code < 0 else f"failed (exit code {code})"
        return f"its encoder {how}{where}"

    def _leave(self) -> None:
        self.end()
        if self._child.stdout is not None:
            self._child.stdout.close()
        try:
            self._child.wait(1.0)
        except subprocess.TimeoutExpired:
            return  # it goes on by itself

    def _error(self, reason: str, kept: int = 0) -> OutputError:
        saved = f"; its first {kept} frames are kept" if kept else ""
        return OutputError(f"cannot write the video {self.path}: {reason}{saved}")


def _size_of(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0


def _make_large(pipe: int) -> None:
    try:
        fcntl.fcntl(pipe, fcntl.F_SETPIPE_SZ, _PIPE_BYTES)
    except OSError:
        return  # the pipes of this user hold too much already; it works with less
