"""Those who watch: at most one message on its way to each, places, stalled ones, slow ones."""

from __future__ import annotations

import json
import struct
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import pytest

from edgeseg.benchmarks.viewers import BINARY, CLOSE, TEXT, RefusedError, Viewer
from edgeseg.manifest import Size
from edgeseg.serve import watching

from .conftest import MakeResult, Page, Serve
from .test_pictures import read_message

SLACK = 3.0  # times the figure, on a busy machine


def watching_page(page: Page, **headers: str) -> Viewer:
    return Viewer(page.host, page.port, headers)


@contextmanager
def results_at(page: Page, make_result: MakeResult, fps: float = 100.0) -> Iterator[None]:
    """Write results until the end."""
    over = threading.Event()

    def write() -> None:
        index = 0
        while not over.wait(1 / fps):
            page.sink.write(make_result(index, Size(320, 180)))
            index += 1

    thread = threading.Thread(target=write)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def next_picture(viewer: Viewer) -> bytes:
    """Return the next picture, answering all that comes before it, but not itself."""
    while True:
        kind, data = viewer.receive()
        if kind == BINARY:
            return data
        assert kind == TEXT
        viewer.done()


def wait_for(true: object, seconds: float) -> bool:
    assert callable(true)
    until_s = time.monotonic() + seconds
    while not true() and time.monotonic() < until_s:
        time.sleep(0.01)
    return bool(true())


def test_status_comes_first_then_pictures_with_their_age(
    serve: Serve, make_result: MakeResult
) -> None:
    page = serve()
    page.sink.write(make_result(5, old_s=2.0))
    with watching_page(page) as viewer:
        kind, data = viewer.receive()
        assert kind == TEXT
        hello = json.loads(data)
        assert hello["seconds"] == []
        assert hello["viewers"]["now"] == 1
        viewer.done()
        message = next_picture(viewer)
    (age_s,) = struct.unpack_from("<f", message)
    assert age_s == pytest.approx(2.0, abs=1.0)
    header, _, mask = read_message(message[4:])
    assert header["index"] == 5
    assert np.array_equal(mask, make_result().mask)


def test_a_viewer_gets_the_newest_picture_and_at_most_one_that_it_has_not_dealt_with(
    serve: Serve, make_result: MakeResult
) -> None:
    page = serve()
    with results_at(page, make_result), watching_page(page) as viewer:
        first = read_message(next_picture(viewer)[4:])[0]["index"]
        viewer.socket.settimeout(0.5)
        with pytest.raises(TimeoutError):  # not answered: nothing more comes
            viewer.receive()
        viewer.socket.settimeout(10)
        viewer.done()
        second = read_message(next_picture(viewer)[4:])[0]["index"]
    assert second - first > 20


def test_the_rate_is_limited(serve: Serve, make_result: MakeResult) -> None:
    page = serve(fps=10)
    with results_at(page, make_result), watching_page(page) as viewer:
        next_picture(viewer)
        start_s, count = time.monotonic(), 0
        while time.monotonic() - start_s < 1.5:
            viewer.done()
            next_picture(viewer)
            count += 1
    assert 1.5 * 10 / SLACK < count <= 1.5 * 10 + 2


def test_status_goes_on_when_no_picture_comes(serve: Serve) -> None:
    with watching_page(serve()) as viewer:
        numbers = []
        viewer.receive()
        for _ in range(2):
            viewer.done()
            kind, data = viewer.receive()
            assert kind == TEXT
            (second,) = json.loads(data)["seconds"]
            assert second["frames"] == 0
            assert second["age_ms"] is None
            numbers.append(second["number"])
    assert numbers[1] > numbers[0]


def test_nothing_is_encoded_while_nobody_watches(
    serve: Serve, make_result: MakeResult, monkeypatch: pytest.MonkeyPatch
) -> None:
    from edgeseg.serve import pump

    encoded = []
    encode = pump.picture_message
    monkeypatch.setattr(pump, "picture_message", lambda *given: encoded.append(1) or encode(*given))
    page = serve()
    with results_at(page, make_result):
        time.sleep(0.3)
        assert not encoded
        with watching_page(page) as viewer:
            next_picture(viewer)
            before = len(encoded)
            time.sleep(0.3)  # it does not answer: nobody is ready
            assert before - 1 <= len(encoded) <= before + 1
        assert wait_for(lambda: page.sink.viewers.now == 0, 5)


def test_two_viewers_share_one_encoding(
    serve: Serve, make_result: MakeResult, monkeypatch: pytest.MonkeyPatch
) -> None:
    from edgeseg.serve import pump

    encoded = []
    encode = pump.picture_message
    monkeypatch.setattr(pump, "picture_message", lambda *given: encoded.append(1) or encode(*given))
    page = serve()
    with watching_page(page) as one, watching_page(page) as other:
        for viewer in (one, other):
            viewer.receive()
            viewer.done()
        assert wait_for(lambda: page.sink.viewers.now == 2, 5)
        time.sleep(0.2)
        page.sink.write(make_result())
        assert next_picture(one)[4:] == next_picture(other)[4:]
    assert len(encoded) == 1


def test_there_are_so_many_places_and_no_more(serve: Serve, make_result: MakeResult) -> None:
    page = serve(max_viewers=2)
    page.sink.write(make_result())
    with watching_page(page), watching_page(page):
        with pytest.raises(RefusedError, match=r"all 2 places are taken") as refused:
            Viewer(page.host, page.port)
        assert refused.value.status == 503
        assert page.get("/stream.mjpg").status == 503
        answer = page.get("/")
        assert answer.status == 503
        assert "/static/main.js" in answer.text  # which says so, and tries again
        counts = page.sink.viewers
        assert (counts.now, counts.most, counts.refused) == (2, 2, 2)
    assert wait_for(lambda: page.sink.viewers.now == 0, 5)
    with watching_page(page) as viewer:
        assert viewer.receive()[0] == TEXT


def test_a_stalled_viewer_is_dropped_and_slows_no_other(
    serve: Serve, make_result: MakeResult, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watching, "STALLED_S", 1.0)
    page = serve(fps=20)
    with results_at(page, make_result), watching_page(page) as good:
        next_picture(good)
        stalled = [Viewer(page.host, page.port) for _ in range(6)]
        start_s, count = time.monotonic(), 0
        while page.sink.viewers.stalled < 6 and time.monotonic() - start_s < SLACK * 2:
            good.done()
            next_picture(good)
            count += 1
        seconds = time.monotonic() - start_s
        for viewer in stalled:
            viewer.close()
        assert page.sink.viewers.stalled == 6
        assert page.sink.viewers.now == 1
    assert count / seconds > 20 / SLACK


def test_motion_jpeg_is_for_other_programs(serve: Serve, make_result: MakeResult) -> None:
    import cv2

    page = serve(width=160)
    with results_at(page, make_result):
        capture = cv2.VideoCapture(f"http://{page.host}:{page.port}/stream.mjpg", cv2.CAP_FFMPEG)
        try:
            shapes = {capture.read()[1].shape for _ in range(3)}
        finally:
            capture.release()
    assert shapes == {(90, 160, 3)}
    assert wait_for(lambda: page.sink.viewers.now == 0, 5)


def test_a_program_that_takes_no_motion_jpeg_is_dropped(
    serve: Serve, make_result: MakeResult, monkeypatch: pytest.MonkeyPatch
) -> None:
    import socket

    monkeypatch.setattr(watching, "STALLED_S", 0.5)
    page = serve(fps=60, width=640)

    def noise(index: int, _: Size) -> object:
        result = make_result(index, Size(640, 360))
        result.frame.pixels[:] = np.random.default_rng(index).integers(0, 255, (360, 640, 3))
        return result

    with results_at(page, noise, 40), socket.socket() as program:  # type: ignore[arg-type]
        program.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        program.connect((page.host, page.port))
        program.sendall(b"GET /stream.mjpg HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert wait_for(lambda: page.sink.viewers.stalled == 1, 15)
        assert page.sink.viewers.now == 0


def test_viewers_are_told_of_the_end(serve: Serve, make_result: MakeResult) -> None:
    page = serve()
    page.sink.write(make_result())
    with watching_page(page) as viewer, watching_page(page):
        next_picture(viewer)
        start_s = time.monotonic()
        page.sink.close()
        assert time.monotonic() - start_s < 1.0
        kind, data = viewer.receive()
    assert (kind, data[:2]) == (CLOSE, struct.pack("!H", 1001))


def test_a_websocket_needs_the_token_too(serve: Serve) -> None:
    page = serve(token="a-token-for-tests")
    with pytest.raises(RefusedError) as refused:
        Viewer(page.host, page.port)
    assert refused.value.status == 401
    with watching_page(page, Authorization="Bearer a-token-for-tests") as viewer:
        assert viewer.receive()[0] == TEXT


def test_what_a_viewer_sends_is_bounded(serve: Serve) -> None:
    page = serve()
    with watching_page(page) as viewer:
        viewer.receive()
        viewer.socket.sendall(bytes([0x81, 0x80 | 126, 16, 0, 0, 0, 0, 0]) + b"x" * 4096)
        assert wait_for(lambda: page.sink.viewers.now == 0, 5)
    assert page.get("/status").status == 200
