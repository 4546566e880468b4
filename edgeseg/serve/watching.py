"""The two ways to watch: the page's WebSocket, and Motion JPEG for other programs.

A viewer gets the newest item when it has done with the last one; at most one is on its way. Who
makes no progress for `STALLED_S` is dropped.
"""

from __future__ import annotations

import asyncio
import struct
from contextlib import suppress

from aiohttp import WSCloseCode, WSMsgType, web

from edgeseg.serve.viewers import Hub, Item, Viewer

STALLED_S = 10.0
_DONE = "done"
_LARGEST_MESSAGE = 64
_GOODBYE_S = 0.2
_BOUNDARY = "edgeseg-frame"
# A full buffer on the way to a slow program holds pictures that grow old.
_SEND_BUFFER_BYTES = 1 << 18

_BROKEN = (ConnectionError, asyncio.TimeoutError)


async def watch(
    request: web.Request, hub: Hub, viewer: Viewer, hello: str
) -> web.WebSocketResponse:
    """Feed a page until it leaves, stalls or the server stops; `hello` goes first.

    Text messages are status; binary ones a picture: the age of its picture in seconds when it was
    sent (float32, little endian), then `pictures.picture_message`. The page answers each message
    with the text `done`.
    """
    socket = web.WebSocketResponse(
        compress=False, max_msg_size=_LARGEST_MESSAGE, timeout=_GOODBYE_S
    )
    await socket.prepare(request)
    feeding = asyncio.create_task(_feed(request, socket, hub, viewer, hello))
    try:
        async for message in socket:
            if message.type is WSMsgType.TEXT and message.data == _DONE:
                viewer.done.set()
    finally:
        feeding.cancel()
        with suppress(asyncio.CancelledError):
            await feeding
        await _say_goodbye(request, socket)
    return socket


async def _feed(
    request: web.Request, socket: web.WebSocketResponse, hub: Hub, viewer: Viewer, hello: str
) -> None:
    try:
        await asyncio.wait_for(_deliver(socket, viewer, hello), STALLED_S)
        while True:
            item = await viewer.next()
            await asyncio.wait_for(_deliver(socket, viewer, _message(item)), STALLED_S)
    except asyncio.TimeoutError:
        hub.stalled += 1
        _drop(request)
    except ConnectionError:
        _drop(request)


async def _deliver(socket: web.WebSocketResponse, viewer: Viewer, message: str | bytes) -> None:
    viewer.done.clear()
    if isinstance(message, str):
        await socket.send_str(message)
    else:
        await socket.send_bytes(message)
    await viewer.done.wait()


def _message(item: Item) -> str | bytes:
    if item.kind == "status":
        return item.body.decode()
    return struct.pack("<f", item.age_s()) + item.body


async def _say_goodbye(request: web.Request, socket: web.WebSocketResponse) -> None:
    """Close as the protocol wants it; drop who does not answer."""
    try:
        await asyncio.wait_for(socket.close(code=WSCloseCode.GOING_AWAY), 2 * _GOODBYE_S)
    except _BROKEN:
        _drop(request)


async def send_overlays(request: web.Request, hub: Hub, viewer: Viewer) -> web.StreamResponse:
    """Send the newest overlays as parts of one endless answer, until who asked leaves or stalls."""
    response = web.StreamResponse(
        headers={"Content-Type": f"multipart/x-mixed-replace; boundary={_BOUNDARY}"}
    )
    await response.prepare(request)
    _keep_little(request)
    try:
        while True:
            item = await viewer.next()
            await asyncio.wait_for(_send_part(request, response, item.body), STALLED_S)
    except asyncio.TimeoutError:
        hub.stalled += 1
        _drop(request)
    except ConnectionError:
        _drop(request)
    return response


async def _send_part(request: web.Request, response: web.StreamResponse, jpeg: bytes) -> None:
    head = f"--{_BOUNDARY}\r\nContent-Type: image/jpeg\r\nContent-Length: {len(jpeg)}\r\n\r\n"
    await response.write(head.encode() + jpeg + b"\r\n")
    await request.writer.drain()


def _keep_little(request: web.Request) -> None:
    """Let a write wait until the system has taken all of it, and let the system take little."""
    import socket as sockets

    transport = request.transport
    if isinstance(transport, asyncio.WriteTransport):
        transport.set_write_buffer_limits(high=0)
        own = transport.get_extra_info("socket")
        own.setsockopt(sockets.SOL_SOCKET, sockets.SO_SNDBUF, _SEND_BUFFER_BYTES)


def _drop(request: web.Request) -> None:
    transport = request.transport
    if isinstance(transport, asyncio.WriteTransport):
        transport.abort()
