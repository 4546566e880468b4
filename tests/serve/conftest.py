"""Pages that are really served, on a free port, with results made by hand."""

from __future__ import annotations

import http.client
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from importlib.util import find_spec
from urllib.parse import urlsplit

import numpy as np
import pytest

from edgeseg.labels import STREET
from edgeseg.loop import FrameResult
from edgeseg.manifest import Head, Manifest, Preparation, Size
from edgeseg.monitor import Monitor, Progress
from edgeseg.segmenter import StageTimes
from edgeseg.serve import ServeSink
from edgeseg.sources import Frame, SourceStatus

# The modules of these tests are not collected without it: a plain device serves no page.
HAS_AIOHTTP = find_spec("aiohttp") is not None
collect_ignore = (
    []
    if HAS_AIOHTTP
    else ["test_requests.py", "test_metrics.py", "test_viewers.py", "test_browser.py"]
)

MANIFEST = Manifest(
    STREET.names, STREET.palette, Preparation(Size(480, 352)), Head("logits", 8), decoder="fcn8"
)
SIZE = Size(64, 48)

MakeResult = Callable[..., FrameResult]
Serve = Callable[..., "Page"]


@dataclass
class Answer:
    """Of the server."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def text(self) -> str:
        return self.body.decode()


@dataclass
class Page:
    """A page that is served, and requests to it."""

    sink: ServeSink
    host: str
    port: int
    monitor: Monitor
    headers: dict[str, str] = field(default_factory=dict)

    def get(self, path: str, *, method: str = "GET", body: str = "", **headers: str) -> Answer:
        connection = http.client.HTTPConnection(self.host, self.port, timeout=10)
        try:
            named = {name.replace("_", "-"): value for name, value in headers.items()}
            connection.request(method, path, body or None, {**self.headers, **named})
            response = connection.getresponse()
            found = {name.lower(): value for name, value in response.getheaders()}
            return Answer(response.status, found, response.read())
        finally:
            connection.close()


@pytest.fixture
def make_result() -> MakeResult:
    """Make the result of frame `index`, captured now: grey; road above, sky below."""

    def make(index: int = 0, size: Size = SIZE, old_s: float = 0.0) -> FrameResult:
        pixels = np.full((size.height, size.width, 3), 40 + index % 200, np.uint8)
        mask = np.zeros((size.height, size.width), np.uint8)
        mask[: size.height // 2] = 3
        frame = Frame(index, pixels, time.monotonic() - old_s, name=f"{index:06d}")
        return FrameResult(frame, mask, StageTimes(1.0, 2.0, 0.5), 12.5)

    return make


@pytest.fixture
def serve(monkeypatch: pytest.MonkeyPatch) -> Iterator[Serve]:
    """Serve a page on a free port of this device; closed after the test."""
    monkeypatch.delenv("EDGESEG_TOKEN", raising=False)
    with ExitStack() as stack:

        def start(address: str = "127.0.0.1:0", **options: object) -> Page:
            monitor = Monitor()
            status = SourceStatus("live", time.monotonic(), 0, 1, "ENODEV", "64x48 YUYV", 8)
            progress = Progress(
                4.2, SIZE, 5, {"newer": 3}, {"page": 1}, 29.5, {"age": 12.5}, status
            )
            monitor.attach(lambda: progress)
            sink = ServeSink(
                address,
                manifest=MANIFEST,
                monitor=monitor,
                **options,  # type: ignore[arg-type]
            )
            stack.callback(sink.close)
            where = urlsplit(sink.url)
            assert where.port is not None
            return Page(sink, where.hostname or "", where.port, monitor)

        yield start
