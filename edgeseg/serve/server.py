"""The web server of a run, on a thread with an event loop of its own."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
import threading
from collections.abc import Coroutine
from dataclasses import dataclass

from aiohttp import web

from edgeseg.errors import OutputError
from edgeseg.serve.access import Gate
from edgeseg.serve.app import Answers, make_app
from edgeseg.serve.board import Board, ViewerCounts
from edgeseg.serve.pump import Pump
from edgeseg.serve.viewers import Hub

_START_S = 5.0
_STOP_S = 1.0
_GOODBYE_S = 0.3

# What strangers send is no news of the run; whoever wants it configures logging.
_LOG = logging.getLogger("edgeseg.serve")
_LOG.addHandler(logging.NullHandler())


@dataclass(frozen=True)
class Limits:
    """How many may watch, at most how often, and how wide pictures are at most."""

    viewers: int
    fps: float
    width: int


class Server:
    """Serves until `close`; its methods may be called from any thread."""

    def __init__(self, listening: socket.socket, board: Board, gate: Gate, limits: Limits) -> None:
        """Start; the socket is the server's from now on.

        Raises:
            OutputError: the server does not start.
        """
        self._socket = listening
        self._board = board
        self._gate = gate
        self._limits = limits
        self._hub: Hub | None = None
        self._error: BaseException | None = None
        self._last = ViewerCounts(most=limits.viewers)
        self._loop = asyncio.new_event_loop()
        self._stop = asyncio.Event()
        self._started = threading.Event()
        self._thread = threading.Thread(target=self._run, name="edgeseg-page", daemon=True)
        self._thread.start()
        if not self._started.wait(_START_S) or self._hub is None:
            self.close()
            raise OutputError("the page's server does not start")

    @property
    def viewers(self) -> ViewerCounts:
        """Who watch; after the end, with the last counts."""
        return self._last if self._hub is None else self._hub.counts()

    def notify(self) -> None:
        """Say that the board has a new result; does nothing while nobody watches.

        Raises:
            EdgesegError: pictures cannot be encoded; any other error is a bug of the server's.
        """
        if self._error is not None:
            raise self._error
        hub = self._hub
        if hub is not None and hub.watched and not hub.demand.is_set():
            with contextlib.suppress(RuntimeError):  # the loop has just been closed
                self._loop.call_soon_threadsafe(hub.demand.set)

    def close(self) -> None:
        """Stop, within a second whatever viewers do; harmless when repeated."""
        with contextlib.suppress(RuntimeError):  # it was closed before
            self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(_STOP_S)

    def _run(self) -> None:
        try:
            asyncio.set_event_loop(self._loop)
            self._loop.run_until_complete(self._serve())
        finally:
            self._hub = None
            self._started.set()
            self._loop.close()
            self._socket.close()

    async def _serve(self) -> None:
        hub = Hub(self._limits.viewers)
        pump = Pump(self._board, hub, self._limits.fps, self._limits.width)
        answers = Answers(self._board, self._gate, hub, pump)
        runner = web.AppRunner(
            make_app(answers),
            handle_signals=False,
            access_log=None,
            logger=_LOG,
            handler_cancellation=True,
            shutdown_timeout=_GOODBYE_S,
        )
        await runner.setup()
        await web.SockSite(runner, self._socket).start()
        self._hub = hub
        self._started.set()
        try:
            await self._until_stopped(pump.run(), answers.tick())
        finally:
            self._last = hub.counts()
            self._hub = None
            await runner.cleanup()
            pump.executor.shutdown(wait=False, cancel_futures=True)

    async def _until_stopped(self, *works: Coroutine[None, None, None]) -> None:
        """Let the works run until `close`; one that fails ends the server, and `notify` tells."""
        tasks = [asyncio.create_task(work) for work in (*works, self._wait())]
        done, waiting = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in waiting:
            task.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)
        self._error = next((error for task in done if (error := task.exception())), None)

    async def _wait(self) -> None:
        await self._stop.wait()
