"""An RTSP camera, H.264 or whatever else FFmpeg decodes."""

from __future__ import annotations

from typing import Literal

from edgeseg.sources.address import read_address, redacted
from edgeseg.sources.ffmpeg_stream import FfmpegStream
from edgeseg.sources.grabber import Grabbed, Mode
from edgeseg.sources.rtsp_answer import why_not

# How long a server may take to say why it refused.
_ASK_S = 1.0


class RtspGrabber:
    """Pictures of `rtsp://` and `rtsps://`; it sets the environment of its process."""

    def __init__(
        self,
        url: str,
        open_timeout_s: float = 3.0,
        read_timeout_s: float = 2.0,
        transport: Literal["tcp", "udp"] = "tcp",
    ) -> None:
        """Keep what to open.

        Args:
            url: "rtsp://USER:PASSWORD@192.168.1.20:554/stream1".
            open_timeout_s: to connect and be told what the stream holds.
            read_timeout_s: the longest silence; a camera slower than that needs more.
            transport: `tcp` loses nothing, `udp` waits for nothing.
        """
        self.name = redacted(url)
        self._url = url
        self._stream = FfmpegStream(
            url,
            open_timeout_s=open_timeout_s,
            read_timeout_s=read_timeout_s,
            options=f"rtsp_transport;{transport}",
        )

    def open(self) -> Mode:
        """Connect and wait for a fresh picture; raises GrabError, with the server's own reason."""
        address = read_address(self._url)
        mode = self._stream.open()
        if mode is None:
            raise why_not(address, _ASK_S)
        return mode

    def grab(self) -> Grabbed:
        """Wait for the next picture, BGR; raises GrabError."""
        return self._stream.grab()

    def close(self) -> None:
        """Let go of the stream."""
        self._stream.close()
