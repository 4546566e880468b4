"""A network stream through OpenCV's FFmpeg, with time-outs that hold."""

from __future__ import annotations

import os
import time

import cv2
import numpy as np

from edgeseg.manifest import Size
from edgeseg.sources.grabber import Grabbed, GrabError, Mode
from edgeseg.sources.stream_clock import StreamClock

# Decoding can begin at a key picture only, and cameras send one every two seconds or so.
_KEY_PICTURE_S = 5.0
# FFmpeg collects pictures while it finds out what a stream is; they are old when it is done.
_CATCH_UP_S = 3.0
_SHORTEST_WAIT_S = 0.02


class FfmpegStream:
    """Opens a URL and reads pictures; FFmpeg reports a silent stream late, this one in time."""

    def __init__(
        self,
        url: str,
        *,
        open_timeout_s: float,
        read_timeout_s: float,
        options: str = "",
        paced: bool = False,
    ) -> None:
        """Keep what to open.

        Args:
            url: anything FFmpeg understands.
            open_timeout_s: for connecting and finding out what it is.
            read_timeout_s: for each picture.
            options: of FFmpeg, "rtsp_transport;tcp"; put into the environment of this process.
            paced: hand pictures over no faster than they are to be shown, for streams that come in
                pieces of some seconds (HLS) or whole (a file).
        """
        self._url = url
        self._open_timeout_s = open_timeout_s
        self._read_timeout_s = read_timeout_s
        self._options = options
        self._paced = paced
        self._capture: cv2.VideoCapture | None = None
        self._clock = StreamClock()
        self._first: tuple[float, float] | None = None

    def open(self) -> Mode | None:
        """Connect and wait for a picture that is fresh; None where FFmpeg finds no video.

        Raises:
            GrabError: connected, but no picture comes.
        """
        self.close()
        self._prepare_process()
        capture = cv2.VideoCapture(
            self._url,
            cv2.CAP_FFMPEG,  # named, or the time-outs count for nothing
            [
                cv2.CAP_PROP_OPEN_TIMEOUT_MSEC,
                round(self._open_timeout_s * 1000),
                cv2.CAP_PROP_READ_TIMEOUT_MSEC,
                round(self._read_timeout_s * 1000),
                # Each further decoder thread holds back one picture.
                cv2.CAP_PROP_N_THREADS,
                1,
            ],
        )
        if not capture.isOpened():
            return None
        self._capture = capture
        self._wait_for_first(capture)
        if not self._paced:
            self._catch_up(capture)
        self._clock = StreamClock()
        self._first = None
        return _mode(capture)

    def grab(self) -> Grabbed:
        """Wait for the next picture.

        Raises:
            GrabError: the stream ended, broke, or was silent for the read time-out.
        """
        capture = self._capture
        if capture is None:
            raise GrabError("not open")
        start_s = time.monotonic()
        ok = capture.grab()
        now_s = time.monotonic()
        # After a time-out FFmpeg still hands out what its decoder held back: stale, and too late.
        if now_s - start_s >= 0.95 * self._read_timeout_s:
            self.close()
            raise GrabError(f"no picture for {self._read_timeout_s:g} s", stalled=True)
        found, pixels = capture.retrieve() if ok else (False, None)
        if not found:
            self.close()
            raise GrabError("the connection was closed")
        stream_s = capture.get(cv2.CAP_PROP_POS_MSEC) / 1000
        if self._paced:
            captured_s = self._wait_until_due(stream_s)
        else:
            captured_s = self._clock.arrived_s(now_s, stream_s)
        return Grabbed(np.asarray(pixels, np.uint8), captured_s)

    def close(self) -> None:
        """Let go of the stream."""
        if self._capture is not None:
            self._capture.release()
            self._capture = None

    def _prepare_process(self) -> None:
        """Set what FFmpeg reads from the environment; it alone runs in this process."""
        os.environ["OPENCV_FFMPEG_CAPTURE_OPTIONS"] = self._options
        # Their messages would show the password; ours say what went wrong.
        os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")
        _silence_opencv()

    def _wait_for_first(self, capture: cv2.VideoCapture) -> None:
        end_s = time.monotonic() + max(_KEY_PICTURE_S, self._read_timeout_s)
        while not capture.grab():
            if time.monotonic() >= end_s:
                self.close()
                raise GrabError(f"connected, but no picture in {_KEY_PICTURE_S:g} s", stalled=True)
            time.sleep(0.02)  # a stream that ended fails at once, again and again

    def _catch_up(self, capture: cv2.VideoCapture) -> None:
        """Skip pictures until they come no faster than they were taken."""
        last_s, last_stream_s = time.monotonic(), capture.get(cv2.CAP_PROP_POS_MSEC) / 1000
        end_s = last_s + _CATCH_UP_S
        while last_s < end_s and capture.grab():
            now_s, stream_s = time.monotonic(), capture.get(cv2.CAP_PROP_POS_MSEC) / 1000
            # Some streams give their first pictures the same time, or all of them.
            advance_s = max(stream_s - last_stream_s, _SHORTEST_WAIT_S)
            if now_s - last_s >= 0.5 * advance_s:
                return
            last_s, last_stream_s = now_s, stream_s

    def _wait_until_due(self, stream_s: float) -> float:
        now_s = time.monotonic()
        if self._first is None or stream_s < self._first[1]:
            self._first = (now_s, stream_s)
        due_s = self._first[0] + stream_s - self._first[1]
        if due_s < now_s - self._read_timeout_s:  # it paused; go on from here
            self._first = (now_s, stream_s)
            due_s = now_s
        time.sleep(max(0.0, due_s - now_s))
        return min(due_s, time.monotonic())


def _mode(capture: cv2.VideoCapture) -> Mode:
    width = int(capture.get(cv2.CAP_PROP_FRAME_WIDTH))
    height = int(capture.get(cv2.CAP_PROP_FRAME_HEIGHT))
    fps = capture.get(cv2.CAP_PROP_FPS)
    code = int(capture.get(cv2.CAP_PROP_FOURCC)) & 0xFFFFFFFF
    text = code.to_bytes(4, "little").decode("ascii", "replace").strip("\0 ")
    return Mode(
        size=Size(width, height) if width > 0 and height > 0 else None,
        fps=fps if 0 < fps < 1000 else None,
        format=text if text.isprintable() else "",
    )


def _silence_opencv() -> None:
    """OpenCV 4 and 5 have it under different names."""
    if hasattr(cv2, "setLogLevel"):
        cv2.setLogLevel(0)
    else:
        cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)
