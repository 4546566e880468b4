"""Results to browsers: the newest one, to whoever watches."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.util import find_spec
from typing import TYPE_CHECKING

from edgeseg.errors import ConfigError, MissingExtraError
from edgeseg.manifest import Manifest
from edgeseg.monitor import Monitor
from edgeseg.serve.access import Gate, choose_token
from edgeseg.serve.address import is_loopback, listen, parse_address, url_of
from edgeseg.serve.board import Board, ViewerCounts
from edgeseg.sinks import Sink

if TYPE_CHECKING:
    from edgeseg.loop import FrameResult

MAX_VIEWERS = 32
_MOST_VIEWERS = 1000
_MOST_FPS = 60.0
_WIDTHS = (64, 4096)


class ServeSink(Sink):
    """Serves a page with the newest result, its JSON status and Prometheus metrics.

    `write` notes the result and returns: viewers cost the frame loop no time of its own, and who
    takes nothing is dropped. See docs/serve.md.

    Attributes:
        url: the page's address, for browsers; with the token, where one is needed.
        token: that is asked for, None where none is needed.
    """

    name = "page"

    def __init__(
        self,
        address: str = "127.0.0.1:8080",
        *,
        manifest: Manifest,
        monitor: Monitor,
        token: str | None = None,
        max_viewers: int = MAX_VIEWERS,
        fps: float = 15.0,
        width: int = 960,
        alpha: float = 0.5,
        model: str = "",
        setup: Mapping[str, str | int | float] | None = None,
    ) -> None:
        """Open the address and start to serve, on threads of its own.

        Args:
            address: `[HOST:]PORT`; without a host only this device can look. Port 0 is any.
            manifest: of the model.
            monitor: of the run; the page shows what it tells.
            token: who knows it may look. None takes the environment's EDGESEG_TOKEN, and without
                that makes a random one where other devices can reach the address.
            max_viewers: how many may watch at a time, 1 to 1000.
            fps: the most pictures a second that a viewer gets, up to 60.
            width: wider pictures are scaled down to this, 64 to 4096.
            alpha: strength of the colours at first, 0 to 1; each viewer can change it.
            model: name of the model.
            setup: more facts to show with it, by name: runtime, threads, kernels, ...

        Raises:
            MissingExtraError: aiohttp is not installed.
            ConfigError: an argument makes no sense.
            OutputError: nobody can be served at the address.
        """
        _check(max_viewers, fps, width, alpha)
        if find_spec("aiohttp") is None:
            raise MissingExtraError("aiohttp, which serves the page,", "serve")
        from edgeseg.serve.server import Limits, Server

        wanted = parse_address(address)
        listening = listen(wanted)
        try:
            loopback = is_loopback(listening)
            self.token = choose_token(token, loopback=loopback)
            self._board = Board(manifest, monitor, model, dict(setup or {}), alpha)
            gate = Gate(self.token, loopback=loopback, host=wanted.host)
            page = url_of(listening)
            self.url = page if self.token is None else f"{page}#token={self.token}"
            self._server = Server(listening, self._board, gate, Limits(max_viewers, fps, width))
        except BaseException:
            listening.close()
            raise

    @property
    def viewers(self) -> ViewerCounts:
        """Who watch now, and who were dropped or refused so far."""
        return self._server.viewers

    def write(self, result: FrameResult) -> None:
        """Note the result as the newest."""
        self._board.add(result)
        self._server.notify()

    def close(self) -> None:
        """Say goodbye to the viewers and stop serving, within a second."""
        self._server.close()


def _check(max_viewers: int, fps: float, width: int, alpha: float) -> None:
    reasons = [
        f"{name} is {value}, expected {least} to {most}"
        for name, value, least, most in (
            ("max_viewers", max_viewers, 1, _MOST_VIEWERS),
            ("fps", fps, 0.1, _MOST_FPS),
            ("width", width, *_WIDTHS),
            ("alpha", alpha, 0, 1),
        )
        if not least <= value <= most
    ]
    if reasons:
        raise ConfigError(f"the page cannot be served so: {'; '.join(reasons)}")
