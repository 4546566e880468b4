"""A network camera that speaks HTTP: a stream of JPEGs, one JPEG at a time, or else a video."""

from __future__ import annotations

import time
from typing import Protocol

from edgeseg.sources.address import read_address, redacted
from edgeseg.sources.ffmpeg_stream import FfmpegStream
from edgeseg.sources.grabber import Grabbed, GrabError, Mode
from edgeseg.sources.http_stream import HttpStream
from edgeseg.sources.mjpeg_parts import JpegStream
from edgeseg.sources.snapshots import Snapshots


class _Reader(Protocol):
    def open(self) -> Mode | None: ...

    def grab(self) -> Grabbed: ...

    def close(self) -> None: ...


class MjpegGrabber:
    """Pictures of `http://` and `https://`; the answer's type decides how they are read.

    `multipart/...` is a stream of JPEGs, `image/jpeg` is asked for again and again, at most ten
    times a second, and everything else (HLS, MP4, MPEG-TS) is given to FFmpeg. Servers'
    certificates are not checked: cameras make their own.
    """

    def __init__(self, url: str, open_timeout_s: float = 3.0, read_timeout_s: float = 2.0) -> None:
        """Keep what to open.

        Args:
            url: "http://USER:PASSWORD@192.168.1.20/video.mjpg".
            open_timeout_s: to connect, log in and get a first picture.
            read_timeout_s: for each whole picture; a camera slower than that needs more.
        """
        self.name = redacted(url)
        self._url = url
        self._open_timeout_s = open_timeout_s
        self._read_timeout_s = read_timeout_s
        self._reader: _Reader | None = None

    def open(self) -> Mode:
        """Connect and wait for a first picture; raises GrabError."""
        self.close()
        read_address(self._url)
        stream = HttpStream(self._url, self._open_timeout_s)
        self._reader = reader = self._reader_of(stream)
        mode = reader.open()
        if mode is None:
            raise GrabError(f"it sends {stream.content_type or 'data'}, no video for FFmpeg")
        return mode

    def grab(self) -> Grabbed:
        """Wait for the next picture, BGR; raises GrabError."""
        if self._reader is None:
            raise GrabError("not open")
        return self._reader.grab()

    def close(self) -> None:
        """Hang up."""
        if self._reader is not None:
            self._reader.close()
            self._reader = None

    def _is_unnamed_multipart(self, stream: HttpStream) -> bool:
        """Whether it begins as one, of a server that does not name it (as ffmpeg does not)."""
        if stream.content_type not in {"", "application/octet-stream", "text/plain"}:
            return False
        return stream.begins_with(b"--", time.monotonic() + self._open_timeout_s)

    def _reader_of(self, stream: HttpStream) -> _Reader:
        kind = stream.content_type
        if kind.startswith("multipart/") or self._is_unnamed_multipart(stream):
            return JpegStream(stream, self._open_timeout_s, self._read_timeout_s)
        if kind in {"image/jpeg", "image/jpg"}:
            return Snapshots(self._url, stream, self._read_timeout_s)
        stream.close()
        if kind.startswith(("text/html", "application/xhtml")):
            raise GrabError(
                "this is a web page, not a stream; look up the stream's path in the camera's manual"
            )
        if kind.startswith(("image/", "application/json")):
            raise GrabError(f"it sends {kind}; expected a stream of JPEGs, a JPEG, or a video")
        return FfmpegStream(
            self._url,
            open_timeout_s=self._open_timeout_s,
            read_timeout_s=self._read_timeout_s,
            paced=True,
        )
