"""Cameras over HTTP, well-behaved and not, by a real server on this machine."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest
from mjpeg_server import MjpegServer, black_hole, serving
from stamp import drawn_s

from edgeseg.manifest import Size
from edgeseg.sources.grabber import Grabbed, GrabError
from edgeseg.sources.mjpeg import MjpegGrabber

LOGIN = "joe:p%40ss%2Fword@"
# Machines that test are busy: what takes a moment may take this much longer.
SLACK_S = 2.0


@pytest.fixture(scope="module")
def server() -> Iterator[MjpegServer]:
    with serving() as running:
        yield running


def grab(grabber: MjpegGrabber, count: int) -> list[Grabbed]:
    grabber.open()
    try:
        return [grabber.grab() for _ in range(count)]
    finally:
        grabber.close()


def failure(grabber: MjpegGrabber) -> tuple[GrabError, float]:
    """Return what ends the pictures, and how long after the last one it was noticed."""
    times_s = [time.monotonic()]
    with pytest.raises(GrabError) as caught:
        grab_to_the_end(grabber, times_s)
    return caught.value, time.monotonic() - times_s[-1]


def grab_to_the_end(grabber: MjpegGrabber, times_s: list[float]) -> None:
    grabber.open()
    while True:
        grabber.grab()
        times_s.append(time.monotonic())


@pytest.mark.parametrize(
    "path",
    ["good", "no-length", "no-dashes", "unnamed", "untyped", "chunked", "redirect", "snapshot"],
)
def test_what_cameras_send_is_read_as_it_comes(server: MjpegServer, path: str) -> None:
    grabber = MjpegGrabber(server.url(path))
    mode = grabber.open()
    assert (mode.size, mode.format) == (Size(320, 240), "MJPG")
    pictures = [grabber.grab() for _ in range(8)]
    read_s = time.monotonic()
    grabber.close()
    assert not any(picture.damaged for picture in pictures)
    times = [drawn_s(picture.pixels) for picture in pictures]
    assert times == sorted(set(times))
    for picture, time_s in zip(pictures, times, strict=True):
        assert time_s - 0.002 <= picture.captured_s <= time_s + SLACK_S
    assert read_s - times[-1] < SLACK_S


def test_after_a_pause_the_newest_is_taken_and_the_rest_counted(server: MjpegServer) -> None:
    grabber = MjpegGrabber(server.url("good"))
    grabber.open()
    first = drawn_s(grabber.grab().pixels)
    time.sleep(1)
    woke_s = time.monotonic()
    late = grabber.grab()
    grabber.close()
    assert drawn_s(late.pixels) - first > 0.5
    assert 10 <= late.skipped <= 30
    assert late.captured_s <= time.monotonic()
    assert time.monotonic() - woke_s < SLACK_S


def test_damaged_pictures_are_told_from_good_ones(server: MjpegServer) -> None:
    pictures = grab(MjpegGrabber(server.url("truncated")), 6)
    assert [bool(picture.damaged) for picture in pictures] == [True, False] * 3
    assert pictures[0].damaged == "its end is missing"


def test_lengths_that_are_wrong_are_not_believed_twice(server: MjpegServer) -> None:
    pictures = grab(MjpegGrabber(server.url("wrong-length")), 5)
    assert [bool(picture.damaged) for picture in pictures] == [True] + [False] * 4


def test_absurd_pictures_are_not_even_decoded(server: MjpegServer) -> None:
    grabber = MjpegGrabber(server.url("huge-picture"))
    assert grabber.open().size is None
    assert "16000x16000" in grabber.grab().damaged
    grabber.close()
    assert all(picture.damaged for picture in grab(MjpegGrabber(server.url("garbage")), 3))


def test_a_size_may_change_on_the_way(server: MjpegServer) -> None:
    shapes = [picture.pixels.shape[:2] for picture in grab(MjpegGrabber(server.url("resize")), 6)]
    assert shapes == [(240, 320)] * 3 + [(480, 640)] * 3


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("missing", "nothing of that name.*404"),
        ("html", "a web page"),
        ("no-parts", "no stream of pictures"),
        ("huge-length", "2000 MB is no picture"),
        ("huge-part", "more than 32 MB is no picture"),
        ("circle", "circle"),
        ("basic", "wants a user.*401.*http://USER:PASSWORD@"),
        ("digest", "wants a user.*401"),
    ],
)
def test_what_is_no_stream_is_refused_in_words(server: MjpegServer, path: str, words: str) -> None:
    error, _ = failure(MjpegGrabber(server.url(path)))
    assert not error.stalled
    with pytest.raises(GrabError, match=words):
        raise error


@pytest.mark.parametrize("path", ["basic", "digest"])
def test_a_user_is_let_in(server: MjpegServer, path: str) -> None:
    assert not grab(MjpegGrabber(server.url(path, LOGIN)), 1)[0].damaged
    grabber = MjpegGrabber(server.url(path, "joe:hunter2@"))
    error, _ = failure(grabber)
    assert str(error) == "user or password are wrong (401)"
    assert grabber.name == server.url(path, "***@")


def test_the_password_goes_to_no_other_host() -> None:
    with serving() as other, serving() as server:
        # 127.0.0.1 and localhost are one machine but two names.
        target = other.url("basic").replace("127.0.0.1", "localhost")
        error, _ = failure(MjpegGrabber(server.url(f"elsewhere?{target}", LOGIN)))
        assert "wants a user" in str(error)
        assert other.requests, "it was redirected"


@pytest.mark.parametrize(
    ("path", "words"),
    [("silence", "no picture in 0.5 s"), ("drip", "only a part of a picture in 0.5 s")],
)
def test_silence_is_noticed_also_when_bytes_drip(
    server: MjpegServer, path: str, words: str
) -> None:
    error, noticed_s = failure(MjpegGrabber(server.url(path), read_timeout_s=0.5))
    assert (str(error), error.stalled) == (words, True)
    assert 0.4 < noticed_s < 0.5 + SLACK_S


@pytest.mark.parametrize("path", ["close", "reset"])
def test_an_end_is_noticed_at_once(server: MjpegServer, path: str) -> None:
    error, noticed_s = failure(MjpegGrabber(server.url(path), read_timeout_s=20))
    assert not error.stalled
    assert noticed_s < SLACK_S


def test_nobody_is_waited_for_longer_than_asked(server: MjpegServer) -> None:
    with black_hole() as port:
        hole = MjpegGrabber(f"http://127.0.0.1:{port}/", open_timeout_s=0.5)
        dripping = MjpegGrabber(server.url("drip-head"), open_timeout_s=0.5)
        for grabber in (hole, dripping):
            error, noticed_s = failure(grabber)
            assert "never answers" in str(error)
            assert error.stalled
            assert noticed_s < 0.5 + SLACK_S
    error, noticed_s = failure(hole)  # nothing listens there any more
    assert "refuses the connection" in str(error)
    assert noticed_s < SLACK_S
    error, _ = failure(MjpegGrabber("http://camera.invalid/"))
    assert "name camera.invalid is not known" in str(error)


def test_it_can_be_opened_again(server: MjpegServer) -> None:
    grabber = MjpegGrabber(server.url("close"))
    for _ in range(3):
        error, _ = failure(grabber)
        assert str(error) == "the server ended the stream"


def test_a_video_over_http_goes_through_ffmpeg_at_its_own_pace(server: MjpegServer) -> None:
    grabber = MjpegGrabber(server.url("video"))
    assert grabber.open().size == Size(320, 240)
    times_s: list[float] = []
    with pytest.raises(GrabError, match="closed"):
        grab_to_the_end(grabber, times_s)
    # 25 pictures of 50 ms; one of them was taken to see whether there are any.
    assert len(times_s) == 24
    assert 23 * 0.05 - 0.1 < times_s[-1] - times_s[0] < 23 * 0.05 + SLACK_S
