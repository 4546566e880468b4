"""Overlays as a camera for other programs: a device of the kernel module v4l2loopback.

Constants and structures: linux/videodev2.h.
"""

from __future__ import annotations

import fcntl
import os
import struct
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

import cv2
import numpy as np
from numpy.typing import NDArray

from edgeseg.errors import OutputError
from edgeseg.manifest import Size
from edgeseg.overlay import Painter, Picture, fit
from edgeseg.sinks import Sink

if TYPE_CHECKING:
    from edgeseg.loop import FrameResult

_CAPABILITY: Final = struct.Struct("=16s32s32sIII12x")
_CAN_OUTPUT, _HAS_DEVICE_CAPS = 0x2, 0x80000000
_OUTPUT_BUFFER: Final = 2
_FIELD_NONE: Final = 1
_COLORSPACE_SRGB: Final = 8
# struct v4l2_format: the type, then a union of 200 bytes that holds pointers, aligned for those.
_UNION: Final = max(4, struct.calcsize("P"))
_PIX: Final = struct.Struct("=12I")


def _request(number: int, size: int, direction: int) -> int:
    return direction << 30 | size << 16 | ord("V") << 8 | number


_QUERYCAP: Final = _request(0, _CAPABILITY.size, 2)
_S_FMT: Final = _request(5, _UNION + 200, 3)


class LoopbackSink(Sink):
    """Writes every overlay to a video output device, at the first one's size."""

    def __init__(self, device: str, painter: Painter) -> None:
        """Open the device, `/dev/video10` for one.

        Raises:
            OutputError: there is no such device, or it takes no pictures; says how to make one.
        """
        self.name = f"loopback {device}"
        self._device = device
        self._painter = painter
        self._size: Size | None = None
        self._convert: Callable[[Picture], NDArray[np.uint8]] = _FORMATS["YUYV"]
        try:
            self._handle = os.open(device, os.O_RDWR | os.O_CLOEXEC)
        except OSError as error:
            raise OutputError(
                f"cannot open {device}: {error.strerror}; {_how_to_make(device)}"
            ) from error
        if not _takes_pictures(self._handle):
            self.close()
            raise OutputError(
                f"{device} takes no pictures (a camera, or no video device); {_how_to_make(device)}"
            )

    def write(self, result: FrameResult) -> None:
        """Send the result's overlay.

        Raises:
            OutputError: the device takes no format that is known here, or has gone.
        """
        picture = self._painter.paint(result)
        try:
            if self._size is None:
                self._size, self._convert = self._agree(Size(*picture.shape[1::-1]))
            data = self._convert(fit(picture, self._size)).tobytes()
            if os.write(self._handle, data) != len(data):
                raise OSError("it took a part of a picture")
        except OSError as error:
            raise OutputError(
                f"cannot write to {self._device}: {error.strerror or error}"
            ) from error

    def close(self) -> None:
        """Let go of the device."""
        if self._handle >= 0:
            os.close(self._handle)
            self._handle = -1

    def _agree(self, size: Size) -> tuple[Size, Callable[[Picture], NDArray[np.uint8]]]:
        """Return size and format that the device takes; one in use may insist on its own."""
        wanted = Size(size.width // 2 * 2, size.height // 2 * 2)
        refused = []
        for code in _FORMATS:
            try:
                got, agreed = _set_format(self._handle, wanted, code)
            except OSError as error:
                refused.append(f"{code} ({error.strerror})")
                continue
            if agreed in _FORMATS and min(got) >= 2 and got.width % 2 == got.height % 2 == 0:
                return got, _FORMATS[agreed]
            refused.append(f"{code} (it wants {agreed} {got})")
        raise OutputError(f"{self._device} takes none of {', '.join(refused)}")


def _takes_pictures(handle: int) -> bool:
    answer = bytearray(_CAPABILITY.size)
    try:
        fcntl.ioctl(handle, _QUERYCAP, answer)
    except OSError:
        return False
    *_, of_driver, of_device = _CAPABILITY.unpack(answer)
    return bool((of_device if of_driver & _HAS_DEVICE_CAPS else of_driver) & _CAN_OUTPUT)


def _set_format(handle: int, size: Size, code: str) -> tuple[Size, str]:
    """Ask for a format; return what the device made of it."""
    layout = bytearray(_UNION + 200)
    struct.pack_into("=I", layout, 0, _OUTPUT_BUFFER)
    line, whole = _bytes_of(size, code)
    number = int.from_bytes(code.encode(), "little")
    fields = (*size, number, _FIELD_NONE, line, whole, _COLORSPACE_SRGB, 0, 0, 0, 0, 0)
    _PIX.pack_into(layout, _UNION, *fields)
    fcntl.ioctl(handle, _S_FMT, layout)
    width, height, got, *_ = _PIX.unpack_from(layout, _UNION)
    return Size(width, height), got.to_bytes(4, "little").decode("latin-1")


def _bytes_of(size: Size, code: str) -> tuple[int, int]:
    """Bytes of a line and of a picture."""
    a_pixel = {"YUYV": 2, "YU12": 1, "RGB3": 3, "BGR3": 3}[code]
    line = size.width * a_pixel
    return line, line * size.height * 3 // 2 if code == "YU12" else line * size.height


def _yu12(picture: Picture) -> NDArray[np.uint8]:
    return np.asarray(cv2.cvtColor(picture, cv2.COLOR_BGR2YUV_I420), np.uint8)


def _yuyv(picture: Picture) -> NDArray[np.uint8]:
    """Return uint8 [h, w / 2, 4]: two pixels share their colour."""
    height, width = picture.shape[:2]
    planes = _yu12(picture)
    luma = planes[:height]
    chroma = planes[height:].reshape(2, height // 2, width // 2)
    packed = np.empty((height, width // 2, 4), np.uint8)
    packed[..., 0::2] = luma.reshape(height, width // 2, 2)
    for place, plane in zip((1, 3), chroma, strict=True):
        packed[0::2, :, place] = packed[1::2, :, place] = plane
    return packed


def _rgb(picture: Picture) -> NDArray[np.uint8]:
    return np.ascontiguousarray(picture[..., ::-1])


# By V4L2's names, in the order of what programs that read cameras understand.
_FORMATS: Final[dict[str, Callable[[Picture], NDArray[np.uint8]]]] = {
    "YUYV": _yuyv,
    "YU12": _yu12,
    "RGB3": _rgb,
    "BGR3": np.ascontiguousarray,
}


def _how_to_make(device: str) -> str:
    number = device.removeprefix("/dev/video")
    which = f" video_nr={number}" if number.isdecimal() else ""
    return (
        f"type: sudo modprobe v4l2loopback{which} card_label=edgeseg exclusive_caps=1 "
        "(on Debian from the package v4l2loopback-dkms)"
    )
