"""A Raspberry Pi camera module through picamera2 and libcamera.

The main stream is asked for as RGB888, which libcamera names by its order in a register: in memory
it is B, G, R, what everything here takes, so the picture is used as it comes. YUV420 would be half
the bytes, but its three planes are no layout that frames have here, and the camera's processor
converts for nothing.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from importlib import import_module
from typing import Any

import numpy as np

from edgeseg.manifest import Size
from edgeseg.sources.grabber import Grabbed, GrabError, Mode

_USUAL_SIZE = (1280, 720)
# One is filled, one waits, one is read, one is spare.
_BUFFERS = 4
# A time of exposure further back than this is from another clock.
_OLDEST_S = 5.0


class PicameraGrabber:
    """Pictures of a camera module, each as old as its exposure."""

    def __init__(
        self,
        camera: int = 0,
        size: Sequence[int] | None = None,
        fps: float | None = None,
        read_timeout_s: float = 2.0,
    ) -> None:
        """Keep what to open.

        Args:
            camera: its number, as `rpicam-hello --list-cameras` counts.
            size: width and height; None for 1280x720. libcamera may choose one close to it.
            fps: pictures a second; None for the camera's own.
            read_timeout_s: the longest silence.
        """
        self.name = f"picamera://{camera}"
        self._number = camera
        self._size = tuple(size) if size else _USUAL_SIZE
        self._fps = fps
        self._read_timeout_s = read_timeout_s
        self._camera: Any = None

    def open(self) -> Mode:
        """Configure and start the camera; raises GrabError."""
        self.close()
        module = _import_picamera2()
        self._check_number(module)
        try:
            self._camera = module.Picamera2(self._number)
            controls = {"FrameRate": self._fps} if self._fps else {}
            main = {"size": self._size, "format": "RGB888"}
            self._camera.configure(
                self._camera.create_video_configuration(
                    main=main, controls=controls, buffer_count=_BUFFERS
                )
            )
            self._camera.start()
            given = self._camera.camera_configuration()["main"]
        except (RuntimeError, OSError, KeyError, IndexError) as error:
            self.close()
            raise GrabError(f"libcamera cannot start it: {error}") from None
        if given["format"] != "RGB888":
            self.close()
            raise GrabError(f"it gives {given['format']} instead of RGB888", final=True)
        return Mode(Size(*given["size"]), self._fps, "RGB888")

    def grab(self) -> Grabbed:
        """Wait for the next picture, BGR; raises GrabError."""
        if self._camera is None:
            raise GrabError("not open")
        try:
            # Old releases take any number for True and wait for ever; the parent has its own clock.
            request = self._camera.capture_request(wait=self._read_timeout_s)
        except TimeoutError:
            self.close()
            raise GrabError(f"no picture in {self._read_timeout_s:g} s", stalled=True) from None
        except (RuntimeError, OSError) as error:
            self.close()
            raise GrabError(f"libcamera gives no picture: {error}") from None
        try:
            pixels = np.asarray(request.make_array("main"), np.uint8)
            exposed_ns = request.get_metadata().get("SensorTimestamp", 0)
        finally:
            request.release()
        return Grabbed(pixels, _exposed_s(exposed_ns))

    def close(self) -> None:
        """Stop the camera and let go of it."""
        camera, self._camera = self._camera, None
        if camera is not None:
            camera.stop()
            camera.close()

    def _check_number(self, module: Any) -> None:
        found = module.Picamera2.global_camera_info()
        if self._number >= len(found):
            have = ", ".join(f"{at} ({info.get('Model', '?')})" for at, info in enumerate(found))
            raise GrabError(
                f"there is no camera {self._number}; "
                + (f"these exist: {have}" if found else "libcamera finds none; is its cable in?")
            )


def _import_picamera2() -> Any:
    try:
        return import_module("picamera2")
    except ImportError as error:
        missing = "picamera2 is not installed" if error.name == "picamera2" else str(error)
        raise GrabError(
            f"{missing}; type: sudo apt install python3-picamera2, and make the environment with "
            "python3 -m venv --system-site-packages",
            final=True,
        ) from None


def _exposed_s(exposed_ns: int) -> float:
    """Return the time of exposure on the clock of time.monotonic().

    libcamera counts from boot with the time asleep (CLOCK_BOOTTIME), Python without.
    """
    now_s = time.monotonic()
    asleep_s = time.clock_gettime(time.CLOCK_BOOTTIME) - now_s
    exposed_s = exposed_ns / 1e9 - asleep_s
    return exposed_s if now_s - _OLDEST_S < exposed_s <= now_s else now_s
