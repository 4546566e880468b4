"""Network cameras that fail on purpose, and how long a source takes to notice and to be back."""

from __future__ import annotations

import shutil
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from mjpeg_server import black_hole

from edgeseg.sources import Source, SourceOptions, open_source

SYSTEM_PYTHON = "/usr/bin/python3"
_SERVER_NEEDS = (
    "import gi; gi.require_version('GstRtspServer', '1.0'); gi.require_version('Gst', '1.0')"
)
_ESTABLISHED, _LISTENING = "01", "0A"  # of /proc/net/tcp
_PATIENCE_S = 30.0
# Long enough for a source to be let down by it more than once.
_BLACK_HOLE_S = 4.0

Command = Callable[[int], list[str]]


def rtsp_command(port: int, *options: str) -> list[str]:
    """Return how to start the RTSP server; it serves rtsp://127.0.0.1:PORT/cam."""
    return [SYSTEM_PYTHON, str(Path(__file__).parent / "rtsp_server.py"), str(port), *options]


def ffmpeg_command(port: int) -> list[str]:
    """Return how to start ffmpeg as a camera that serves Motion JPEG to one viewer."""
    pictures = ["-re", "-f", "lavfi", "-i", "testsrc=size=640x480:rate=30", "-c:v", "mjpeg"]
    place = f"http://127.0.0.1:{port}/cam.mjpg"
    quiet = ["-nostdin", "-loglevel", "quiet"]
    return ["ffmpeg", *quiet, *pictures, "-f", "mpjpeg", "-listen", "1", place]


def why_no_rtsp() -> str:
    """Return what is missing for the RTSP server, empty where nothing is."""
    try:
        subprocess.run([SYSTEM_PYTHON, "-c", _SERVER_NEEDS], check=True, capture_output=True)
        subprocess.run(["gst-inspect-1.0", "x264enc"], check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        return (
            "needs apt install gir1.2-gst-rtsp-server-1.0 python3-gi gstreamer1.0-tools "
            "gstreamer1.0-plugins-base gstreamer1.0-plugins-good gstreamer1.0-plugins-ugly"
        )
    return ""


def why_no_ffmpeg() -> str:
    """Return what is missing for ffmpeg, empty where nothing is."""
    return "" if shutil.which("ffmpeg") else "needs apt install ffmpeg"


def free_port() -> int:
    """Return a port that nothing listens on now."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


class Server:
    """A camera that is switched on: its process is started again when it ends."""

    def __init__(self, command: Command, port: int | None = None) -> None:
        """Switch it on and wait until it listens."""
        self.port = port or free_port()
        self._command = command(self.port)
        self._process: subprocess.Popen[bytes] | None = None
        self._on = threading.Event()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._keep, daemon=True)
        self._thread.start()
        self.start()

    def start(self) -> None:
        """Switch it on; it listens when this returns."""
        self._on.set()
        self._wait(listening=True)

    def kill(self) -> None:
        """Switch it off, by SIGKILL."""
        self._on.clear()
        self._signal(signal.SIGKILL)
        self._wait(listening=False)

    def freeze(self) -> None:
        """Stop its process where it is."""
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let its process go on."""
        self._signal(signal.SIGCONT)

    def close(self) -> None:
        """Switch it off for good."""
        self._over.set()
        self.kill()
        self._thread.join(_PATIENCE_S)

    def _keep(self) -> None:
        while not self._over.is_set():
            if self._on.wait(0.05):
                self._process = subprocess.Popen(
                    self._command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
                )
                self._process.wait()

    def _signal(self, number: int) -> None:
        if self._process is not None:
            self._process.send_signal(number)

    def _wait(self, *, listening: bool) -> None:
        """Look into the kernel's list: a connection would use up a server for one viewer."""
        end_s = time.monotonic() + _PATIENCE_S
        while time.monotonic() < end_s:
            if listening == self._is_up():
                return
            time.sleep(0.01)
        raise TimeoutError(f"{self._command[0]} did not {'start' if listening else 'end'}")

    def _is_up(self) -> bool:
        """Return whether it listens, or has its viewer already and no longer does."""
        rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
        states = [row[3] for row in rows if row[1].endswith(f":{self.port:04X}")]
        return any(state in (_LISTENING, _ESTABLISHED) for state in states)


class Watch:
    """Runs a source, and knows when its newest picture came."""

    def __init__(self, url: str) -> None:
        """Begin; the source waits for its server."""
        self.source: Source = open_source(url, SourceOptions(wait=True))
        self.yielded = 0
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def until(self, true: Callable[[], bool]) -> float:
        """Wait; returns the seconds it took, raises TimeoutError after half a minute."""
        start_s = time.monotonic()
        while not true():
            if time.monotonic() - start_s > _PATIENCE_S:
                raise TimeoutError(f"still {self.source.status}")
            time.sleep(0.005)
        return time.monotonic() - start_s

    def until_pictures(self, count: int) -> float:
        """Wait for so many more pictures."""
        wanted = self.yielded + count
        return self.until(lambda: self.yielded >= wanted)

    def is_live(self) -> bool:
        """Whether the source says so."""
        status = self.source.status
        return status is not None and status.state == "live"

    def close(self) -> None:
        """End the source."""
        self.source.close()
        self._thread.join(_PATIENCE_S)

    def _run(self) -> None:
        for _ in self.source.frames():
            self.yielded += 1


@dataclass
class Times:
    """How long each outage took to be noticed, and its end too.

    Attributes:
        noticed_s: from the fault until the source's state is no longer live.
        back_s: from the end of the fault until the next picture.
    """

    noticed_s: list[float] = field(default_factory=list)
    back_s: list[float] = field(default_factory=list)

    def __str__(self) -> str:
        """Say how many there were, and the longest of each."""
        worst = [max(times, default=0.0) for times in (self.noticed_s, self.back_s)]
        return f"{len(self.back_s)} times, noticed in {worst[0]:.2f} s, back in {worst[1]:.2f} s"


@contextmanager
def watching(command: Command, path: str) -> Iterator[tuple[Server, Watch]]:
    """Run a server and a source that reads it; `path` is a URL with {port} in it."""
    server = Server(command)
    watch = Watch(path.format(port=server.port))
    try:
        watch.until_pictures(5)
        yield server, watch
    finally:
        watch.close()
        server.close()


def measure(server: Server, watch: Watch, way: str, cycles: int) -> Times:
    """Break a server so many times, in a way of `killed`, `frozen`, `black hole`, `restarted`."""
    times = Times()
    for _ in range(cycles):
        with ExitStack() as hole:
            start_s = time.monotonic()
            if way == "frozen":
                server.freeze()
            else:
                server.kill()
            if way == "black hole":
                hole.enter_context(black_hole(server.port))
            if way == "restarted":
                server.start()
            watch.until(lambda: not watch.is_live())
            times.noticed_s.append(time.monotonic() - start_s)
            time.sleep({"black hole": _BLACK_HOLE_S, "restarted": 0.0}.get(way, 1.0))
        if way == "frozen":
            server.thaw()
        elif way != "restarted":
            server.start()
        times.back_s.append(watch.until_pictures(1))
        watch.until_pictures(10)
    return times
