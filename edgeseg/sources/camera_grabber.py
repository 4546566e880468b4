"""Reads a V4L2 camera through OpenCV; runs in the capture process."""

from __future__ import annotations

import errno
import os
import time
from collections.abc import Callable, Sequence
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from edgeseg.manifest import Size
from edgeseg.sources import Layout, jpeg, v4l2
from edgeseg.sources.grabber import Grabbed, GrabError, Mode

# Formats that are passed on as they are; prepare reads them directly.
RAW: Final[dict[str, Layout]] = {"YUYV": "yuyv", "NV12": "nv12", "GREY": "grey"}
_JPEG = ("MJPG", "JPEG")

# The best first, among those that reach the wanted rate: what needs no decoding, then colour.
_PREFERRED = ("YUYV", "NV12", *_JPEG, "GREY")
_USUAL_FPS = 30.0
_CLOSE_ENOUGH = 0.9
_USUAL_SIZE = Size(640, 480)

# Two for the driver to fill while one is read, and one for a reader that is late; more only age.
_BUFFERS = 4
# A picture this old is passed over when the next is there: it waited while another was decoded.
_STALE_PERIODS = 1.5
# Drivers whose clock is not ours give times that are no ages.
_CREDIBLE_AGE_S = 5.0


class CameraGrabber:
    """Takes pictures of a camera, which it finds again when its node's number has changed.

    Attributes:
        memory: who the camera is, once it was opened: keyword arguments for a later grabber.
    """

    def __init__(
        self,
        device: str,
        size: tuple[int, int] | None = None,
        fps: float | None = None,
        format: str | None = None,
        exposure: float | str | None = None,
        read_timeout_s: float = 1.0,
        identity: Sequence[str] | None = None,
    ) -> None:
        """Name the camera and what is wanted of it; what is None is chosen.

        Args:
            device: its node, or a link under /dev/v4l.
            size: width and height.
            fps: frames a second.
            format: four characters, "MJPG".
            exposure: milliseconds, or "auto"; None leaves it as it is.
            read_timeout_s: after which OpenCV gives up a read (set in this process's environment).
            identity: name, bus and path by id of the camera that this must be.
        """
        self.memory: dict[str, object] = {}
        self._device = device
        self._size = None if size is None else Size(*size)
        self._fps = fps
        self._format = format
        self._exposure = exposure
        self._read_timeout_s = read_timeout_s
        self._identity = identity
        self._capture: cv2.VideoCapture | None = None
        self._picture: Callable[[], Grabbed] = self._take_decoded
        self._layout: Layout = "bgr"
        self._shape: tuple[int, ...] = ()
        self._period_s = 0.0
        self._last_s = 0.0

    def open(self) -> Mode:
        """Connect to the camera, wherever it is now."""
        camera = self._find()
        wanted = self._choose(camera)
        capture = _open_capture(camera.path)
        self._capture = capture
        self._configure(capture, camera.path, wanted)
        mode = _mode(capture)
        self._layout = RAW.get(mode.format, "bgr")
        self._shape = _raw_shape(self._layout, mode.size or Size(0, 0))
        if mode.format in _JPEG:
            self._picture = self._take_jpeg
        else:
            self._picture = self._take_raw if mode.format in RAW else self._take_decoded
        raw = mode.format in RAW or mode.format in _JPEG
        capture.set(cv2.CAP_PROP_CONVERT_RGB, 0 if raw else 1)
        self._period_s = 1 / (mode.fps or _USUAL_FPS)
        self._identity = (camera.name, camera.bus, camera.by_id)
        self.memory = {"identity": list(self._identity)}
        return mode

    def grab(self) -> Grabbed:
        """Wait for a picture, and pass over those that are stale when a newer one is there."""
        assert self._capture is not None, "open first"
        try:
            skipped = 0
            captured_s = self._wait_for_picture()
            while self._is_stale(captured_s) and skipped < _BUFFERS:
                skipped += 1
                captured_s = self._wait_for_picture()
            self._last_s = captured_s
            taken = self._picture()
        except cv2.error as error:
            # The driver handed over something that OpenCV refuses; a new connection is the cure.
            self.close()
            raise GrabError("the driver gave a buffer of an odd size") from error
        return Grabbed(taken.pixels, captured_s, taken.layout, taken.damaged, skipped)

    def close(self) -> None:
        """Let go of the camera."""
        if self._capture is not None:
            self._capture.release()
            self._capture = None

    def _find(self) -> v4l2.CameraInfo:
        """Return the camera that is meant; once known, another one in its place is not taken."""
        if self._identity is not None:
            return self._find_again(*self._identity)
        try:
            camera = v4l2.query(os.path.realpath(self._device))
        except OSError as error:
            raise GrabError(_why(error)) from error
        if camera is None:
            raise GrabError("it gives no pictures (a node for metadata, a codec or a tuner)")
        return camera

    def _find_again(self, name: str, bus: str, by_id: str) -> v4l2.CameraInfo:
        """Look for the camera under any number: where it was, by its id, or the only one alike.

        Cameras without a serial number share one id, so being plugged in at the same place says
        more.
        """
        cameras = v4l2.list_cameras()
        alike = [camera for camera in cameras if camera.name == name]
        for camera in alike:
            if camera.bus == bus:
                return camera
        for camera in alike:
            if by_id and camera.by_id == by_id:
                return camera
        if len(alike) == 1:
            return alike[0]
        here = ", ".join(f"{camera.path} ({camera.name})" for camera in cameras)
        raise GrabError(f"{name} is gone" + (f"; others are here: {here}" if here else ""))

    def _choose(self, camera: v4l2.CameraInfo) -> v4l2.CameraMode | None:
        """Return the mode to ask for, None when the driver lists none that we know."""
        modes = [mode for mode in camera.modes if mode.format in _PREFERRED]
        if self._format is not None:
            modes = [mode for mode in camera.modes if mode.format == self._format]
            if camera.modes and not modes:
                raise GrabError(
                    f"{camera.name} has no format {self._format}; it has "
                    f"{', '.join(camera.formats)} (edgeseg cameras lists all)",
                    final=True,
                )
        if not modes or not any(mode.fps for mode in modes):
            return None  # a driver that takes any size, or does not tell
        size = self._size or _usual_size(modes)
        fitting = [mode for mode in modes if mode.size == size]
        if not fitting:
            sizes = ", ".join(dict.fromkeys(str(mode.size) for mode in modes))
            raise GrabError(
                f"{camera.name} has no size {size}; it has {sizes} (edgeseg cameras lists all)",
                final=True,
            )
        return max(fitting, key=lambda mode: _merit(mode, self._fps or _USUAL_FPS))

    def _configure(
        self, capture: cv2.VideoCapture, path: str, wanted: v4l2.CameraMode | None
    ) -> None:
        """Ask for the mode; what the driver gives instead shows in `Mode`."""
        size = wanted.size if wanted else self._size
        name = wanted.format if wanted else self._format
        if name is not None:
            capture.set(cv2.CAP_PROP_FOURCC, cv2.VideoWriter.fourcc(*name.ljust(4)))
        if size is not None:
            capture.set(cv2.CAP_PROP_FRAME_WIDTH, size.width)
            capture.set(cv2.CAP_PROP_FRAME_HEIGHT, size.height)
        if self._fps is not None:
            capture.set(cv2.CAP_PROP_FPS, self._fps)
        capture.set(cv2.CAP_PROP_BUFFERSIZE, _BUFFERS)
        if self._exposure is not None:
            value = None if self._exposure == "auto" else float(self._exposure)
            if problem := v4l2.set_exposure(path, value):
                raise GrabError(problem, final=True)

    def _wait_for_picture(self) -> float:
        """Wait until the driver has a picture; returns when it was taken."""
        assert self._capture is not None  # for the type checker
        begun_s = time.monotonic()
        if not self._capture.grab():
            waited_s = time.monotonic() - begun_s
            self.close()
            if waited_s > self._read_timeout_s * _CLOSE_ENOUGH:
                raise GrabError(f"no picture came for {waited_s:.1f} s", stalled=True)
            raise GrabError("it was unplugged, or its driver stopped")
        now_s = time.monotonic()
        taken_s = float(self._capture.get(cv2.CAP_PROP_POS_MSEC)) / 1000
        return taken_s if 0 <= now_s - taken_s < _CREDIBLE_AGE_S else now_s

    def _is_stale(self, captured_s: float) -> bool:
        return time.monotonic() - captured_s > _STALE_PERIODS * self._period_s

    def _take_raw(self) -> Grabbed:
        pixels = self._retrieve()
        if pixels.size != np.prod(self._shape):
            said = f"{pixels.size} bytes instead of {np.prod(self._shape)}"
            return Grabbed(pixels, 0.0, damaged=said)
        return Grabbed(pixels.reshape(self._shape), 0.0, self._layout)

    def _take_decoded(self) -> Grabbed:
        """OpenCV converts the formats that prepare does not read."""
        return Grabbed(self._retrieve(), 0.0)

    def _take_jpeg(self) -> Grabbed:
        data = self._retrieve()
        try:
            return Grabbed(jpeg.decode(data.tobytes()), 0.0)
        except jpeg.DamagedJpegError as error:
            return Grabbed(data, 0.0, damaged=str(error))

    def _retrieve(self) -> NDArray[np.uint8]:
        assert self._capture is not None  # for the type checker
        ok, pixels = self._capture.retrieve()
        if not ok:
            self.close()
            raise GrabError("its picture could not be read")
        return np.asarray(pixels, np.uint8)


def _open_capture(path: str) -> cv2.VideoCapture:
    try:
        # The backend is named: with any other, OpenCV ignores time-outs and takes other devices.
        capture = cv2.VideoCapture(path, cv2.CAP_V4L2)
    except cv2.error as error:
        raise GrabError("OpenCV cannot open it") from error
    if not capture.isOpened():
        raise GrabError("OpenCV cannot open it; does something else use it?")
    return capture


def _mode(capture: cv2.VideoCapture) -> Mode:
    code = int(capture.get(cv2.CAP_PROP_FOURCC))
    name = code.to_bytes(4, "little", signed=code < 0).decode("latin-1").strip()
    width = int(capture.get(cv2.CAP_PROP_FRAME_WIDTH))
    height = int(capture.get(cv2.CAP_PROP_FRAME_HEIGHT))
    fps = capture.get(cv2.CAP_PROP_FPS)
    size = Size(width, height) if width > 0 and height > 0 else None
    return Mode(size, round(fps, 3) if 0 < fps < 1000 else None, name)


def _raw_shape(layout: Layout, size: Size) -> tuple[int, ...]:
    width, height = size
    if layout == "yuyv":
        return height, width, 2
    return (height * 3 // 2, width) if layout == "nv12" else (height, width)


def _usual_size(modes: list[v4l2.CameraMode]) -> Size:
    """Return 640x480, or the listed size that is closest to it in pixels."""
    usual = _USUAL_SIZE.width * _USUAL_SIZE.height
    sizes = [mode.size for mode in modes]
    if _USUAL_SIZE in sizes:
        return _USUAL_SIZE
    return min(sizes, key=lambda size: abs(size.width * size.height - usual))


def _merit(mode: v4l2.CameraMode, fps: float) -> tuple[float, int]:
    """What reaches the wanted rate comes first; among those, what costs least to read."""
    reached = min(1.0, max(mode.fps, default=0.0) / (fps * _CLOSE_ENOUGH))
    rank = _PREFERRED.index(mode.format) if mode.format in _PREFERRED else len(_PREFERRED)
    return reached, -rank


def _why(error: OSError) -> str:
    if error.errno == errno.EACCES:
        return "no permission; add yourself to the group: sudo usermod -aG video $USER"
    if error.errno in (errno.ENOENT, errno.ENODEV, errno.ENXIO):
        return "there is no such device"
    if error.errno == errno.ENOTTY:
        return "it is no video device"
    return error.strerror or str(error)
