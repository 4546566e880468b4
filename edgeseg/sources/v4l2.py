"""What V4L2 says about the cameras here, by its own ioctls: names, formats, sizes, rates, controls.

Numbers and structures are those of linux/videodev2.h.
"""

from __future__ import annotations

import fcntl
import os
import struct
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from edgeseg.manifest import Size

# As many as the kernel gives numbers to. Opening is cheaper than it looks, and asks no folder.
_NODES = tuple(f"/dev/video{number}" for number in range(256))
_BY_ID = Path("/dev/v4l/by-id")

_CAPABILITY = struct.Struct("=16s32s32s6I")
_FORMAT = struct.Struct("=3I32s5I")
_INPUT = struct.Struct("=I32s3IQ6I")
_FRAME_SIZE = struct.Struct("=11I")
_INTERVAL = struct.Struct("=13I")
_CONTROL = struct.Struct("=Ii")
_CONTROL_RANGE = struct.Struct("=II32siiiiI2I")


def _code(direction: int, number: int, layout: struct.Struct) -> int:
    return direction << 30 | layout.size << 16 | ord("V") << 8 | number


_READ, _BOTH = 2, 3
_QUERYCAP = _code(_READ, 0, _CAPABILITY)
_ENUM_FMT = _code(_BOTH, 2, _FORMAT)
_ENUMINPUT = _code(_BOTH, 26, _INPUT)
_S_CTRL = _code(_BOTH, 28, _CONTROL)
_QUERYCTRL = _code(_BOTH, 36, _CONTROL_RANGE)
_ENUM_FRAMESIZES = _code(_BOTH, 74, _FRAME_SIZE)
_ENUM_FRAMEINTERVALS = _code(_BOTH, 75, _INTERVAL)

_CAPTURE, _CAPTURE_PLANES = 0x1, 0x1000
_STREAMING, _IO_BY_MEDIA_CONTROLLER = 0x04000000, 0x20000000
_BUFFERS, _BUFFERS_PLANES = 1, 9
_DISCRETE = 1
_INPUT_IS_CAMERA = 2

_EXPOSURE_AUTO = 0x009A0901
_EXPOSURE_ABSOLUTE = 0x009A0902
_MANUAL, _APERTURE_PRIORITY, _FULL_AUTO = 1, 3, 0
# V4L2_CID_EXPOSURE_ABSOLUTE counts in 100 microseconds.
_STEPS_PER_MS = 10

# Nodes that are no cameras are asked once: opening a codec of a Raspberry Pi wakes its firmware,
# and a lost camera is looked for every second.
_other_nodes: dict[str, tuple[int, int]] = {}


@dataclass(frozen=True)
class CameraMode:
    """A format and a size that a camera offers.

    Attributes:
        format: four characters, "YUYV", "MJPG".
        size: of the pictures.
        fps: rates, the highest first; empty where it does not say.
    """

    format: str
    size: Size
    fps: tuple[float, ...] = ()


@dataclass(frozen=True)
class CameraInfo:
    """A camera that can be opened.

    Attributes:
        path: of its node, "/dev/video0".
        name: that it gives itself.
        bus: where it is plugged in, "usb-0000:00:14.0-1".
        driver: "uvcvideo", "vivid".
        by_id: its path that stays when the node's number changes, empty where there is none.
        modes: what it offers, empty where it does not list them.
    """

    path: str
    name: str
    bus: str
    driver: str
    by_id: str = ""
    modes: tuple[CameraMode, ...] = field(default=(), repr=False)

    @property
    def formats(self) -> tuple[str, ...]:
        """Of its modes, each once."""
        return tuple(dict.fromkeys(mode.format for mode in self.modes))


def list_cameras() -> list[CameraInfo]:
    """Return the cameras that are here, by the number of their nodes.

    Nodes that give no pictures (metadata, codecs, radio) are left out, and so are those that may
    not be opened.
    """
    found = []
    for path in _NODES:
        mark = _mark(path)
        if mark is not None and _other_nodes.get(path) == mark:
            continue
        with suppress(OSError):
            camera = query(path)
            if camera is not None:
                found.append(camera)
            elif mark is not None:
                _other_nodes[path] = mark
    return found


def forbidden_nodes() -> list[str]:
    """Return the video nodes that this user may not open."""
    return [path for path in _NODES if Path(path).exists() and not os.access(path, os.W_OK)]


def query(path: str) -> CameraInfo | None:
    """Ask a node what it is; None for one that is no camera.

    Raises:
        OSError: it does not exist, may not be opened, or is no V4L2 device.
    """
    with _opened(path) as fd:
        driver, name, bus, _, own, device, *_ = _ask(fd, _QUERYCAP, _CAPABILITY)
        # Old drivers know only the capabilities of all their nodes together.
        can = device or own
        if not _is_camera(fd, can):
            return None
        kind = _BUFFERS if can & _CAPTURE else _BUFFERS_PLANES
        modes = tuple(_modes(fd, kind))
    link = _by_id_links().get(path, "")
    return CameraInfo(path, _text(name), _text(bus), _text(driver), link, modes)


def set_exposure(path: str, exposure: float | None) -> str:
    """Set a camera's exposure.

    Args:
        path: of the node; another process or OpenCV may be reading it.
        exposure: in milliseconds, None for automatic.

    Returns:
        Why it could not be set, empty when it was.
    """
    try:
        with _opened(path) as fd:
            if exposure is None:
                _automatic_exposure(fd)
            else:
                _fixed_exposure(fd, exposure)
    except OSError as error:
        return f"the camera does not let its exposure be set ({error.strerror})"
    return ""


def _mark(path: str) -> tuple[int, int] | None:
    """Return what changes when a node is made anew."""
    try:
        node = Path(path).stat()
    except OSError:
        return None
    return node.st_ino, node.st_ctime_ns


def _by_id_links() -> dict[str, str]:
    """Return node: link. One camera may have several nodes, each with a link of its own."""
    try:
        links = sorted(_BY_ID.iterdir())
    except OSError:
        return {}
    return {os.path.realpath(link): str(link) for link in links}


@contextmanager
def _opened(path: str) -> Iterator[int]:
    fd = os.open(path, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        yield fd
    finally:
        os.close(fd)


def _ask(fd: int, code: int, layout: struct.Struct, *values: int) -> tuple[Any, ...]:
    """Call an ioctl with the first values set; returns all of them."""
    request = bytearray(layout.size)
    words = [value & 0xFFFFFFFF for value in values]
    request[: 4 * len(words)] = struct.pack(f"={len(words)}I", *words)
    fcntl.ioctl(fd, code, request)
    return layout.unpack(request)


def _answers(ask: Callable[[int], tuple[Any, ...]]) -> Iterator[tuple[Any, ...]]:
    """Yield what index 0, 1, 2, ... gives, until the driver has no more."""
    with suppress(OSError):
        for index in range(1000):
            yield ask(index)


def _is_camera(fd: int, can: int) -> bool:
    """Codecs and image processors have no camera as their input, and OpenCV refuses them."""
    if not can & (_CAPTURE | _CAPTURE_PLANES) or not can & _STREAMING:
        return False
    if can & _IO_BY_MEDIA_CONTROLLER:
        return False
    try:
        return bool(_ask(fd, _ENUMINPUT, _INPUT, 0)[2] == _INPUT_IS_CAMERA)
    except OSError:
        return False


def _modes(fd: int, kind: int) -> Iterator[CameraMode]:
    for answer in _answers(lambda index: _ask(fd, _ENUM_FMT, _FORMAT, index, kind)):
        code = answer[4]
        name = struct.pack("=I", code & 0x7FFFFFFF).decode("latin-1").strip()
        for size in _sizes(fd, code):
            yield CameraMode(name, size, _rates(fd, code, size))


def _sizes(fd: int, code: int) -> Iterator[Size]:
    """Yield the sizes of a format; of a range its smallest and its largest."""
    for answer in _answers(lambda index: _ask(fd, _ENUM_FRAMESIZES, _FRAME_SIZE, index, code)):
        if answer[2] == _DISCRETE:
            yield Size(answer[3], answer[4])
            continue
        least_width, most_width, _, least_height, most_height, _ = answer[3:9]
        yield Size(least_width, least_height)
        yield Size(most_width, most_height)
        return


def _rates(fd: int, code: int, size: Size) -> tuple[float, ...]:
    """Return the rates of a size, the highest first; of a range its two ends."""
    rates = []
    for answer in _answers(
        lambda index: _ask(fd, _ENUM_FRAMEINTERVALS, _INTERVAL, index, code, *size)
    ):
        ends = [answer[5:7]] if answer[4] == _DISCRETE else [answer[5:7], answer[7:9]]
        rates += [round(below / above, 3) for above, below in ends if above]
        if answer[4] != _DISCRETE:
            break
    return tuple(sorted(set(rates), reverse=True))


def _automatic_exposure(fd: int) -> None:
    """UVC cameras know it as aperture priority, others as fully automatic."""
    try:
        _ask(fd, _S_CTRL, _CONTROL, _EXPOSURE_AUTO, _APERTURE_PRIORITY)
    except OSError:
        _ask(fd, _S_CTRL, _CONTROL, _EXPOSURE_AUTO, _FULL_AUTO)


def _fixed_exposure(fd: int, exposure_ms: float) -> None:
    _, _, _, least, most, *_ = _ask(fd, _QUERYCTRL, _CONTROL_RANGE, _EXPOSURE_ABSOLUTE)
    _ask(fd, _S_CTRL, _CONTROL, _EXPOSURE_AUTO, _MANUAL)
    value = min(max(round(exposure_ms * _STEPS_PER_MS), least), most)
    _ask(fd, _S_CTRL, _CONTROL, _EXPOSURE_ABSOLUTE, value)


def _text(raw: bytes) -> str:
    return raw.split(b"\0")[0].decode(errors="replace").strip()
