"""Raw pictures to a pipe, for another program: `edgeseg run --pipe overlay | ffmpeg ...`."""

from __future__ import annotations

import os
import stat
import threading
from collections.abc import Callable
from typing import IO, TYPE_CHECKING, Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from edgeseg.errors import OutputError
from edgeseg.manifest import Size
from edgeseg.overlay import Painter, fit
from edgeseg.sinks import Sink
from edgeseg.sinks.pipes import has_room, send_some

if TYPE_CHECKING:
    from edgeseg.loop import FrameResult

What = Literal["overlay", "mask", "frame"]

_POLL_S = 0.05
_FALLBACK_FPS = 25.0


class RawSink(Sink):
    """Writes pictures one after the other, all of the first one's size.

    `overlay` and `frame` are BGR, three bytes a pixel (ffmpeg's `bgr24`); `mask` is one byte a
    pixel, the class index (`gray`). With `y4m` a header says size and rate, and colours are YUV
    4:2:0, BT.601 (`ffmpeg -i -`, mpv and VLC take it as it is). Another size is fitted: pictures
    with black bars, masks stretched to their nearest neighbour.

    A reader that leaves, as `head` does, is no error: `stop` is set, and the run ends as if it had
    been asked to. A reader that stands still holds up no stop.
    """

    def __init__(
        self,
        stream: IO[bytes],
        stop: threading.Event,
        *,
        what: What = "overlay",
        painter: Painter | None = None,
        y4m: bool = False,
        fps: float | None = None,
    ) -> None:
        """Take the stream, `sys.stdout.buffer` for one; it is left open.

        Args:
            stream: with a descriptor; nothing else may write to it meanwhile.
            stop: set when the reader leaves.
            what: is written.
            painter: of the overlays; `overlay` needs it.
            y4m: write YUV4MPEG2 instead of bare pixels.
            fps: that the header of y4m states, None where it is not known.
        """
        stream.flush()
        self.name = f"pipe of {what}s"
        self._what = what
        self._painter = painter
        self._stop = stop
        self._header = _y4m_header(what, fps or _FALLBACK_FPS) if y4m else None
        self._size: Size | None = None
        self._left = False
        self._handle, self._own = _own_handle(stream.fileno())

    def write(self, result: FrameResult) -> None:
        """Write one picture.

        Raises:
            OutputError: the stream fails otherwise than by its reader leaving.
        """
        if self._left:
            return
        picture = self._picture(result)
        try:
            self._send(self._bytes(picture))
        except BrokenPipeError:
            self._left = True
            self._stop.set()
        except OSError as error:
            raise OutputError(f"cannot write the {self.name}: {error.strerror or error}") from error

    def close(self) -> None:
        """Let go of the stream."""
        self._left = True
        if self._own:
            os.close(self._handle)
            self._own = False

    def _picture(self, result: FrameResult) -> NDArray[np.uint8]:
        picture = result.frame.pixels
        if self._what == "mask":
            picture = result.mask
        elif self._painter is not None and self._what == "overlay":
            picture = self._painter.paint(result)
        size = Size(*picture.shape[1::-1])
        if self._size is None:
            self._size = size
        if size == self._size:
            return picture
        if self._what == "mask":
            nearest = cv2.resize(picture, self._size, interpolation=cv2.INTER_NEAREST)
            return np.asarray(nearest, np.uint8)
        return fit(picture, self._size)

    def _bytes(self, picture: NDArray[np.uint8]) -> memoryview:
        if self._header is None:
            return np.ascontiguousarray(picture).data.cast("B")
        head, self._header = self._header(Size(*picture.shape[1::-1])), _only_frame
        if self._what != "mask":
            picture = _yuv420(picture)
        return memoryview(head + picture.tobytes())

    def _send(self, data: memoryview) -> None:
        while data:
            data = send_some(self._handle, data)
            if data and not has_room(self._handle, _POLL_S) and self._stop.is_set():
                self._left = True
                return


def _own_handle(handle: int) -> tuple[int, bool]:
    """Return a descriptor that does not block, and whether it is ours to close.

    O_NONBLOCK belongs to the open file, which other programs share; a pipe can be opened anew.
    """
    if stat.S_ISFIFO(os.fstat(handle).st_mode):
        try:
            return os.open(f"/proc/self/fd/{handle}", os.O_WRONLY | os.O_NONBLOCK), True
        except OSError:
            return handle, False
    return handle, False


def _y4m_header(what: What, fps: float) -> Callable[[Size], bytes]:
    colours = "mono" if what == "mask" else "420jpeg XCOLORRANGE=LIMITED"

    def header(size: Size) -> bytes:
        rate = f"{round(fps * 1000)}:1000"
        sides = _even(size) if what != "mask" else size
        start = f"YUV4MPEG2 W{sides.width} H{sides.height} F{rate} Ip A1:1 C{colours}\n"
        return start.encode() + _only_frame(size)

    return header


def _only_frame(_: Size) -> bytes:
    return b"FRAME\n"


def _yuv420(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Colours are halved in both directions: an odd last row or column is left out."""
    size = _even(Size(*picture.shape[1::-1]))
    even = picture[: size.height, : size.width]
    return np.asarray(cv2.cvtColor(even, cv2.COLOR_BGR2YUV_I420), np.uint8)


def _even(size: Size) -> Size:
    return Size(size.width // 2 * 2, size.height // 2 * 2)
