"""What the server answers: the page, its pictures, status and metrics, behind the gate."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from importlib.resources import files

from aiohttp import web

from edgeseg.device import Device, read_device
from edgeseg.serve.access import Gate
from edgeseg.serve.board import FRESH_S, Board, as_text
from edgeseg.serve.metrics import CONTENT_TYPE, metrics_text
from edgeseg.serve.pictures import overlay_jpeg
from edgeseg.serve.pump import Pump
from edgeseg.serve.viewers import Hub
from edgeseg.serve.watching import send_overlays, watch
from edgeseg.sinks.palette_png import encode_palette_png

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

_LARGEST_BODY = 1024
_COOKIE_S = 30 * 24 * 3600
_DEVICE_S = 2.0
_TYPES = {
    ".html": "text/html",
    ".css": "text/css",
    ".js": "text/javascript",
    ".svg": "image/svg+xml",
}
# Everything comes from here, nothing from elsewhere, and no other page may hold this one.
_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; "
        "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "Cross-Origin-Resource-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
    "Server": "edgeseg",
}


def make_app(answers: Answers) -> web.Application:
    """Return the application."""
    app = web.Application(middlewares=[answers.guard], client_max_size=_LARGEST_BODY)
    app.router.add_get("/", answers.page)
    app.router.add_get("/static/{name}", answers.static)
    app.router.add_post("/login", answers.login)
    app.router.add_get("/watch", answers.watch)
    app.router.add_get("/stream.mjpg", answers.stream, allow_head=False)
    app.router.add_get("/snapshot.jpg", answers.snapshot)
    app.router.add_get("/mask.png", answers.mask)
    app.router.add_get("/status", answers.status)
    app.router.add_get("/metrics", answers.metrics)
    app.router.add_get("/healthz", answers.health)
    app.on_response_prepare.append(_add_headers)
    app.on_shutdown.append(answers.dismiss)
    return app


async def _add_headers(_: web.Request, response: web.StreamResponse) -> None:
    response.headers.update(_HEADERS)


class Answers:
    """A method for each address."""

    def __init__(self, board: Board, gate: Gate, hub: Hub, pump: Pump) -> None:
        """Answer about `board`, to those whom `gate` lets in."""
        self._board = board
        self._gate = gate
        self._hub = hub
        self._pump = pump
        self._device: tuple[float, Device] | None = None
        self._files = _page_files()

    @web.middleware
    async def guard(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Let in what comes from here and knows the token."""
        if not self._gate.knows_host(request.host):
            return web.Response(
                status=403,
                text=f"{request.host} is not a name of this device; use localhost\n",
            )
        if not self._gate.same_site(request.headers.get("Origin"), request.host):
            return web.Response(status=403, text="this was sent by a page of another site\n")
        if request.path == "/login" or request.path.startswith("/static/"):
            return await handler(request)
        if self._is_known(request):
            return await handler(request)
        if request.path == "/":
            return self._file("login.html", status=401)
        return web.Response(
            status=401,
            text="this needs the token that `edgeseg run` has printed: send it as "
            "`Authorization: Bearer TOKEN`, or add ?token=TOKEN\n",
        )

    def _is_known(self, request: web.Request) -> bool:
        return (
            self._gate.open
            or self._gate.takes_cookie(request.cookies.get(_cookie_name(request), ""))
            or self._gate.takes_header(request.headers.get("Authorization", ""))
            or self._gate.takes_token(request.query.get("token", ""))
        )

    async def page(self, request: web.Request) -> web.StreamResponse:
        """`/`: the page; with a token in the address, a cookie and the address without it."""
        if "token" in request.query and not self._gate.open:
            return self._with_cookie(request, web.Response(status=303, headers={"Location": "/"}))
        # A page that finds all places taken says so, and tries again.
        return self._file("index.html", status=503 if self._hub.is_full else 200)

    async def login(self, request: web.Request) -> web.StreamResponse:
        """`/login`: a cookie for the token in the body."""
        if not self._gate.takes_token((await request.text()).strip()):
            return web.Response(status=401, text="this is not the token\n")
        return self._with_cookie(request, web.Response(status=204))

    def _with_cookie(self, request: web.Request, response: web.Response) -> web.Response:
        response.set_cookie(
            _cookie_name(request),
            self._gate.cookie,
            max_age=_COOKIE_S,
            path="/",
            httponly=True,
            samesite="Strict",
        )
        return response

    async def static(self, request: web.Request) -> web.StreamResponse:
        """`/static/NAME`: a file of the page."""
        name = request.match_info["name"]
        if name not in self._files:
            raise web.HTTPNotFound
        return self._file(name)

    def _file(self, name: str, status: int = 200) -> web.Response:
        body, kind = self._files[name]
        return web.Response(status=status, body=body, content_type=kind, charset="utf-8")

    async def watch(self, request: web.Request) -> web.StreamResponse:
        """`/watch`: the page's WebSocket."""
        if self._hub.is_full:
            return self._full()
        with self._hub.place("status", "picture") as viewer:
            hello = await self._status_text(hello=True)
            return await watch(request, self._hub, viewer, hello)

    async def stream(self, request: web.Request) -> web.StreamResponse:
        """`/stream.mjpg`: the overlay as Motion JPEG, for other programs."""
        if self._hub.is_full:
            return self._full()
        with self._hub.place("overlay") as viewer:
            return await send_overlays(request, self._hub, viewer)

    def _full(self) -> web.Response:
        self._hub.refuse()
        most = self._hub.counts().most
        return web.Response(
            status=503,
            headers={"Retry-After": "10"},
            text=f"all {most} places are taken; try again later, or start with --max-viewers\n",
        )

    async def snapshot(self, _: web.Request) -> web.StreamResponse:
        """`/snapshot.jpg`: the newest overlay at the frame's own size."""
        result, board = self._board.newest, self._board
        if result is None:
            return _nothing_yet()
        body = await self._encoded(
            lambda: overlay_jpeg(result, board.manifest.palette, board.alpha, None)
        )
        return web.Response(body=body, content_type="image/jpeg")

    async def mask(self, _: web.Request) -> web.StreamResponse:
        """`/mask.png`: the newest class map at the frame's own size, a palette PNG of indices."""
        result, palette = self._board.newest, self._board.manifest.palette
        if result is None:
            return _nothing_yet()
        body = await self._encoded(lambda: encode_palette_png(result.mask, palette))
        return web.Response(body=body, content_type="image/png")

    async def _encoded(self, encode: Callable[[], bytes]) -> bytes:
        return await asyncio.get_running_loop().run_in_executor(self._pump.executor, encode)

    async def status(self, _: web.Request) -> web.StreamResponse:
        """`/status`: everything about the run, as JSON."""
        return web.Response(text=await self._status_text(), content_type="application/json")

    async def metrics(self, _: web.Request) -> web.StreamResponse:
        """`/metrics`: the same for Prometheus."""
        text = metrics_text(self._board, await self._read_device(), self._hub.counts())
        return web.Response(body=text.encode(), headers={"Content-Type": CONTENT_TYPE})

    async def health(self, _: web.Request) -> web.StreamResponse:
        """`/healthz`: whether pictures are young."""
        age_s = self._board.age_s()
        text = "no picture yet\n" if age_s is None else f"the newest picture is {age_s:.1f} s old\n"
        return web.Response(status=200 if self._board.is_fresh() else 503, text=text)

    async def dismiss(self, _: web.Application) -> None:
        """Say goodbye to the viewers when the server stops."""
        self._hub.dismiss()

    async def tick(self) -> None:
        """Once a second: end the second of the charts, and send it with the status."""
        loop = asyncio.get_running_loop()
        due_s = loop.time()
        while True:
            due_s = max(due_s + 1, loop.time())
            await asyncio.sleep(due_s - loop.time())
            self._board.minute.turn()
            if self._hub.watched:
                self._hub.publish("status", (await self._status_text(live=True)).encode())

    async def _status_text(self, *, hello: bool = False, live: bool = False) -> str:
        status = self._board.status(await self._read_device(), self._hub.counts())
        if hello or live:
            kept = self._board.minute.kept()
            status["seconds"] = kept if hello else kept[-1:]
        return as_text(status)

    async def _read_device(self) -> Device:
        """Read it on another thread, for a sensor may be slow; at most every other second."""
        now_s = time.monotonic()
        if self._device is None or now_s - self._device[0] > _DEVICE_S:
            self._device = (now_s, await asyncio.to_thread(read_device))
        return self._device[1]


def _cookie_name(request: web.Request) -> str:
    """Of this server: browsers send cookies to all ports of a host."""
    where = request.transport.get_extra_info("sockname") if request.transport else None
    return f"edgeseg-{where[1]}" if where else "edgeseg"


def _nothing_yet() -> web.Response:
    return web.Response(
        status=503,
        headers={"Retry-After": "1"},
        text=f"no picture yet; /healthz tells whether there was one in the last {FRESH_S:.0f} s\n",
    )


def _page_files() -> dict[str, tuple[bytes, str]]:
    """Return content and type of each file of the page; there are few, and they are small."""
    folder = files("edgeseg.serve") / "page"
    return {
        path.name: (path.read_bytes(), kind)
        for path in folder.iterdir()
        if (kind := _TYPES.get(f".{path.name.rpartition('.')[2]}"))
    }
