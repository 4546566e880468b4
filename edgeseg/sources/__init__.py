"""Where frames come from: cameras, video files, images, folders and the synthetic street."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from types import MappingProxyType
from typing import Any, Final, Literal, Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from edgeseg.kernels_numpy_pictures import Layout
from edgeseg.manifest import Size
from edgeseg.prepare import size_of

__all__ = [
    "NOTHING",
    "Frame",
    "Layout",
    "Source",
    "SourceOptions",
    "SourceStatus",
    "State",
    "open_source",
]

State = Literal["opening", "live", "stalled", "lost", "ended"]

NOTHING: Final[Mapping[str, int]] = MappingProxyType({})

_TO_BGR = {
    "rgb": cv2.COLOR_RGB2BGR,
    "grey": cv2.COLOR_GRAY2BGR,
    "yuyv": cv2.COLOR_YUV2BGR_YUYV,
    "nv12": cv2.COLOR_YUV2BGR_NV12,
}


@dataclass(frozen=True)
class Frame:
    """One picture and when it was taken.

    Attributes:
        index: counts what the source captured, from 0; a live source that drops leaves gaps.
        raw: the picture as it came, uint8, in a layout of `edgeseg.prepare.prepare`.
        captured_s: time.monotonic() when the picture was there, in whichever process that was.
        truth: the right class map, uint8 [h, w], where the source knows it (synthetic only).
        name: what files made from this frame are called, "000012" or the image's own stem.
        layout: of `raw`; `bgr` is [h, w, 3].
    """

    index: int
    raw: NDArray[np.uint8]
    captured_s: float
    truth: NDArray[np.uint8] | None = None
    name: str = ""
    layout: Layout = "bgr"

    @cached_property
    def pixels(self) -> NDArray[np.uint8]:
        """The picture in BGR, uint8 [h, w, 3]; made from `raw` when it is first asked for."""
        if self.layout == "bgr":
            return self.raw
        return np.asarray(cv2.cvtColor(self.raw, _TO_BGR[self.layout]), np.uint8)

    @property
    def size(self) -> Size:
        """Of the picture."""
        return size_of(self.raw, self.layout)


@dataclass(frozen=True)
class SourceStatus:
    """How a source that can be lost is doing.

    Attributes:
        state: `opening` (first time), `live`, `stalled` (connected, but nothing comes), `lost`
            (disconnected, tried again), `ended`.
        since_s: time.monotonic() when that began.
        retries: attempts to reconnect since it was last live.
        losses: how often a live source stopped being live.
        reason: of the last loss or refusal, empty where there was none.
        mode: what the device gives, "1280x720 MJPG 30 fps", empty before it opened.
        captured: pictures taken so far, good or bad.
        frozen_s: for how long the very same picture has been coming.
    """

    state: State
    since_s: float
    retries: int = 0
    losses: int = 0
    reason: str = ""
    mode: str = ""
    captured: int = 0
    frozen_s: float = 0.0


class Source(Protocol):
    """Something that yields frames; `close` may be called from another thread than `frames`.

    Attributes:
        live: frames come at their own pace and only the newest matters.
        name: for messages.
        size: of the frames, None when not known before the first.
        fps: nominal frames a second, None when unknown or meaningless.
        length: number of frames, None when endless or unknown.
        notes: what the user should hear at the end (skipped files, a video cut short).
        dropped: frames that were captured but not yielded, by reason: `newer`, `damaged`, `frozen`.
            With those that were yielded they make all that were captured.
        status: how it is doing, None for a source that cannot be lost. May be read from any thread.
    """

    live: bool
    name: str
    size: Size | None
    fps: float | None
    length: int | None
    notes: list[str]

    @property
    def dropped(self) -> Mapping[str, int]:
        """By reason, so far."""
        ...

    @property
    def status(self) -> SourceStatus | None:
        """Now."""
        ...

    def frames(self) -> Iterator[Frame]:
        """Yield frames in order; raises SourceError when the source cannot go on."""
        ...

    def close(self) -> None:
        """Make a running `frames` end soon, and release what is held."""
        ...


@dataclass(frozen=True)
class SourceOptions:
    """What is wanted of a camera or a stream; None leaves it to the kind of source.

    Attributes:
        size: of a camera's pictures.
        fps: of a camera, frames a second.
        format: of a camera, four characters, "YUYV", "MJPG".
        exposure: of a camera, in milliseconds, or "auto".
        open_timeout_s: the longest that opening may take.
        read_timeout_s: after which a source that gives nothing counts as stalled.
        wait: wait for a source that is not there yet.
    """

    size: Size | None = None
    fps: float | None = None
    format: str | None = None
    exposure: float | Literal["auto"] | None = None
    open_timeout_s: float | None = None
    read_timeout_s: float | None = None
    wait: bool = False

    def given(self) -> dict[str, Any]:
        """Return those that say something, by name."""
        unsaid = vars(SourceOptions())
        return {name: value for name, value in vars(self).items() if value != unsaid[name]}


def open_source(uri: str, options: SourceOptions | None = None) -> Source:
    """Open a source by its name.

    Args:
        uri: `0`, `camera:0`, `/dev/video0` or `/dev/v4l/by-id/...`; `rtsp://...`; `http://...`
            (MJPEG); `gstreamer:PIPELINE`; `picamera://0`; a path to a video, an image or a folder
            of images, or a pattern of images (`frames/*.png`); `replay://FILE?fps=30`, which paces
            a file like a camera; `synthetic://street?seed=1&size=640x360&fps=25&live=0`.
        options: for cameras and streams.

    Raises:
        SourceError: nothing there, or not something that can be read. Cameras and streams are
            opened by `frames`.
        ConfigError: an option that this kind of source has no use for, or that makes no sense.
    """
    from edgeseg.sources.kinds import open_kind

    return open_kind(uri, options or SourceOptions())
