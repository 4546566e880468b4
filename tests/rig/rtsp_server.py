"""An RTSP camera for tests: H.264 pictures that carry the time they were drawn at.

Runs under the system's Python, which has GStreamer: /usr/bin/python3 rtsp_server.py PORT. Serves
rtsp://127.0.0.1:PORT/cam and prints a line when it listens. The upper half of each picture holds
time.monotonic() in milliseconds as 32 fields, the highest bit first, white for 1 (see
tests/rig/streams.py, which reads them).
"""

from __future__ import annotations

import argparse
import time

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstRtspServer", "1.0")
from gi.repository import GLib, Gst, GstRtspServer  # noqa: E402

_PIPELINE = (
    "( appsrc name=camera is-live=true format=time do-timestamp=true "
    "caps=video/x-raw,format=I420,width={width},height={height},framerate={fps}/1 "
    "! x264enc tune=zerolatency speed-preset=ultrafast key-int-max={key} "
    "! rtph264pay name=pay0 config-interval=1 )"
)


def picture(width: int, height: int, now_s: float) -> bytes:
    """Return an I420 picture with the time in its upper half."""
    bits = f"{int(now_s * 1000) & 0xFFFFFFFF:032b}"
    row = b"".join((b"\xe0" if bit == "1" else b"\x20") * (width // 32) for bit in bits)
    row = row.ljust(width, b"\x20")
    half = height // 2
    return row * half + b"\x60" * (width * (height - half)) + b"\x80" * (width * height // 2)


class Factory(GstRtspServer.RTSPMediaFactory):  # type: ignore[misc]  # gi has no types
    """One picture source shared by all viewers."""

    def __init__(self, width: int, height: int, fps: int, key: int) -> None:
        """Keep the form of the pictures, and how many there are between key pictures."""
        super().__init__()
        self._width, self._height, self._fps = width, height, fps
        self.set_shared(True)
        self.set_launch(_PIPELINE.format(width=width, height=height, fps=fps, key=key))
        self.connect("media-configure", self._feed)

    def _feed(self, _factory: object, media: GstRtspServer.RTSPMedia) -> None:
        camera = media.get_element().get_by_name_recurse_up("camera")

        def push() -> bool:
            data = picture(self._width, self._height, time.monotonic())
            return bool(camera.emit("push-buffer", Gst.Buffer.new_wrapped(data)) == 0)

        GLib.timeout_add(1000 // self._fps, push)


def protect(server: GstRtspServer.RTSPServer, factory: Factory, user: str, password: str) -> None:
    """Let in only who knows the password, by the digest method as cameras do."""
    auth = GstRtspServer.RTSPAuth()
    auth.set_supported_methods(2)  # GST_RTSP_AUTH_DIGEST
    token = GstRtspServer.RTSPToken()
    token.set_string("media.factory.role", "user")
    auth.add_digest(user, password, token)
    server.set_auth(auth)
    permissions = GstRtspServer.RTSPPermissions()
    permissions.add_permission_for_role("user", "media.factory.access", True)
    permissions.add_permission_for_role("user", "media.factory.construct", True)
    factory.set_permissions(permissions)


def main() -> None:
    """Serve until killed."""
    parser = argparse.ArgumentParser()
    parser.add_argument("port", type=int)
    parser.add_argument("--size", type=int, nargs=2, default=(640, 360))
    parser.add_argument("--fps", type=int, default=25)
    parser.add_argument("--login", help="USER:PASSWORD")
    parser.add_argument("--key", type=int, default=25)
    options = parser.parse_args()
    Gst.init(None)
    server = GstRtspServer.RTSPServer()
    server.set_address("127.0.0.1")
    server.set_service(str(options.port))
    factory = Factory(*options.size, options.fps, options.key)
    if options.login:
        protect(server, factory, *options.login.split(":"))
    server.get_mount_points().add_factory("/cam", factory)
    if not server.attach(None):
        raise SystemExit(f"cannot listen on port {options.port}")
    print("listening", flush=True)  # noqa: T201  the test waits for it
    GLib.MainLoop().run()


if __name__ == "__main__":
    main()
