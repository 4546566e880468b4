"""Which kind of source a name means, and how each kind is opened: one line a kind."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edgeseg.errors import ConfigError, SourceError
from edgeseg.sources import Source, SourceOptions

EXPECTED = (
    "a camera (camera:0, /dev/video0), rtsp:// or http:// of a camera, a video file, an image, "
    "a folder or a pattern of images, or synthetic://street"
)

_FLAGS = {
    "size": "--camera-size",
    "fps": "--camera-fps",
    "format": "--camera-format",
    "exposure": "--exposure",
    "open_timeout_s": "--open-timeout",
    "read_timeout_s": "--read-timeout",
    "wait": "--wait",
}

_WAITING = ("open_timeout_s", "read_timeout_s", "wait")
_CAMERA = ("size", "fps", "format", "exposure", *_WAITING)
# Of FFmpeg, which otherwise waits half a minute for a host that does not answer.
_OPEN_TIMEOUT_S = 3.0
_READ_TIMEOUT_S = 2.0
# Once connected, until a first picture is there that can be decoded and is not old, or none comes.
_FIRST_PICTURE_S = 8.0


@dataclass(frozen=True)
class _Kind:
    """A kind of source.

    Attributes:
        begins: what its names begin with, as a regular expression.
        words: for messages.
        open: opens one, of its name and options.
        options: that it has a use for.
    """

    begins: str
    words: str
    open: Callable[[str, SourceOptions], Source]
    options: tuple[str, ...] = ()


def open_kind(uri: str, options: SourceOptions) -> Source:
    """Open a source by its name, as `edgeseg.sources.open_source` says."""
    kind = next((kind for kind in _KINDS if re.match(kind.begins, uri)), None)
    if kind is None:
        raise SourceError(f"cannot open {uri}: unknown kind of source; expected {EXPECTED}")
    reasons = [*_useless(kind, options), *_senseless(options)]
    if reasons:
        raise ConfigError("; ".join(reasons))
    return kind.open(uri, options)


def _useless(kind: _Kind, options: SourceOptions) -> list[str]:
    useless = [_FLAGS[name] for name in options.given() if name not in kind.options]
    return [f"{kind.words} has no use for {', '.join(useless)}"] if useless else []


def _senseless(options: SourceOptions) -> list[str]:
    numbers = ("fps", "exposure", "open_timeout_s", "read_timeout_s")
    given = [(name, value) for name, value in options.given().items() if name in numbers]
    reasons = [
        f"{_FLAGS[name]} is {value}, expected a number above 0"
        for name, value in given
        if value != "auto" and not 0 < value < float("inf")
    ]
    if options.format is not None and not re.fullmatch(r"[A-Za-z0-9 ]{3,5}", options.format):
        reasons.append(f"--camera-format is {options.format!r}, expected MJPG, YUYV, NV12 or GREY")
    return reasons


def _open_camera(uri: str, options: SourceOptions) -> Source:
    from edgeseg.sources.camera import CameraOptions, open_camera

    number = re.fullmatch(r"(?:camera:)?(\d+)", uri)
    device = f"/dev/video{int(number[1])}" if number else uri
    return open_camera(device, CameraOptions(**options.given()))


def _open_rtsp(uri: str, options: SourceOptions) -> Source:
    return _live(uri, "rtsp", {"url": uri, **_timeouts(options)}, options)


def _open_http(uri: str, options: SourceOptions) -> Source:
    return _live(uri, "mjpeg", {"url": uri, **_timeouts(options)}, options)


def _open_gstreamer(uri: str, options: SourceOptions) -> Source:
    pipeline = uri.partition(":")[2].strip()
    given = {"pipeline": pipeline, **_timeouts(options)}
    return _live(f"gstreamer:{pipeline}", "gstreamer", given, options)


def _open_picamera(uri: str, options: SourceOptions) -> Source:
    number = uri.partition(":")[2].strip("/") or "0"
    if not number.isdecimal():
        raise ConfigError(f"{uri}: expected the camera's number; type picamera://0")
    given = {
        "camera": int(number),
        "size": options.size,
        "fps": options.fps,
        "read_timeout_s": options.read_timeout_s or _READ_TIMEOUT_S,
    }
    return _live(uri, "picamera", given, options)


def _live(name: str, kind: str, given: dict[str, Any], options: SourceOptions) -> Source:
    """Return a stream; its password is in no message."""
    from edgeseg.sources.address import redacted
    from edgeseg.sources.live import LiveSettings, LiveSource

    name = redacted(name)
    settings = LiveSettings(
        wait=options.wait,
        stall_s=options.read_timeout_s or _READ_TIMEOUT_S,
        open_timeout_s=(options.open_timeout_s or _OPEN_TIMEOUT_S) + _FIRST_PICTURE_S,
        longest_wait_s=2.0,
    )
    return LiveSource(
        name, kind, given, settings, explain=lambda reason: f"cannot open {name}: {reason}"
    )


def _timeouts(options: SourceOptions) -> dict[str, float]:
    return {
        "open_timeout_s": options.open_timeout_s or _OPEN_TIMEOUT_S,
        "read_timeout_s": options.read_timeout_s or _READ_TIMEOUT_S,
    }


def _open_replay(uri: str, _: SourceOptions) -> Source:
    from edgeseg.sources.replay import open_replay

    return open_replay(uri)


def _open_synthetic(uri: str, _: SourceOptions) -> Source:
    from edgeseg.sources.synthetic import open_synthetic

    return open_synthetic(uri)


def _open_path(uri: str, _: SourceOptions) -> Source:
    from edgeseg.sources.images import IMAGE_SUFFIXES, open_folder, open_image

    path = Path(uri)
    try:
        if path.is_dir():
            return open_folder(path)
        if not path.exists():
            return _open_pattern(uri)
        if not path.is_file():
            raise SourceError(f"{path} is not a regular file; expected {EXPECTED}")
    except OSError as error:
        raise SourceError(f"cannot read {path}: {error.strerror or error}") from error
    if path.suffix.lower() in IMAGE_SUFFIXES:
        return open_image(path)
    from edgeseg.sources.video import VideoFile

    return VideoFile(path)


def _open_pattern(uri: str) -> Source:
    if not any(sign in uri for sign in "*?["):
        raise SourceError(f"no file or folder {uri}; expected {EXPECTED}")
    from edgeseg.sources.images import open_glob

    return open_glob(uri)


# The first that fits is taken.
_KINDS = (
    _Kind(r"(camera:)?\d+$|/dev/(video|v4l/)", "a camera", _open_camera, _CAMERA),
    _Kind(r"rtsps?://", "a network stream", _open_rtsp, _WAITING),
    _Kind(r"https?://", "a network stream", _open_http, _WAITING),
    _Kind(r"gstreamer:", "a GStreamer pipeline", _open_gstreamer, _WAITING),
    _Kind(r"picamera:", "a Raspberry Pi camera", _open_picamera, ("size", "fps", *_WAITING)),
    _Kind(r"replay:", "a file", _open_replay),
    _Kind(r"synthetic:", "a synthetic street", _open_synthetic),
    _Kind(r"(?!\w+://)", "a file", _open_path),
)
