"""RTSP cameras: a real GStreamer server, or none at all."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import closing

import pytest
from mjpeg_server import black_hole, serving
from stamp import drawn_s
from streams import Server, measure, rtsp_command, watching, why_no_rtsp

from edgeseg.manifest import Size
from edgeseg.sources.grabber import GrabError
from edgeseg.sources.rtsp import RtspGrabber

# Machines that test are busy: what takes a moment may take this much longer.
SLACK_S = 2.0
MOST_S = 5.0 + SLACK_S


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    missing = why_no_rtsp()
    if missing:
        pytest.skip(missing)
    with closing(Server(lambda port: rtsp_command(port, "--login", "joe:secret"))) as running:
        yield running


def refused(url: str, **timeouts: float) -> tuple[GrabError, float]:
    start_s = time.monotonic()
    with pytest.raises(GrabError) as caught:
        RtspGrabber(url, **timeouts).open()
    return caught.value, time.monotonic() - start_s


def test_nobody_is_waited_for_longer_than_asked(capfd: pytest.CaptureFixture[str]) -> None:
    with black_hole() as port:
        url = f"rtsp://joe:secret@127.0.0.1:{port}/live"
        error, took_s = refused(url, open_timeout_s=0.5)
        assert "takes the connection but never answers" in str(error)
        assert error.stalled
        # Once for FFmpeg, and a second for asking why.
        assert took_s < 1.5 + SLACK_S
    error, took_s = refused(url)
    assert "refuses the connection" in str(error)
    assert not error.stalled
    assert took_s < SLACK_S
    error, _ = refused("rtsp://joe:secret@camera.invalid/live")
    assert "name camera.invalid is not known" in str(error)
    assert "secret" not in "".join(capfd.readouterr())
    assert RtspGrabber(url).name == f"rtsp://***@127.0.0.1:{port}/live"


def test_a_web_server_is_no_rtsp_server() -> None:
    with serving() as other:
        error, _ = refused(f"rtsp://{other.place}/good", open_timeout_s=1)
        assert "not as an RTSP server" in str(error)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("place", "words"),
    [
        ("127.0.0.1:{port}/cam", r"wants a user and a password \(401\)"),
        ("joe:wrong@127.0.0.1:{port}/cam", r"user or password are wrong \(401\)"),
        ("joe:secret@127.0.0.1:{port}/other", r"no stream of that name \(404\)"),
    ],
)
def test_the_server_is_heard(server: Server, place: str, words: str) -> None:
    error, _ = refused("rtsp://" + place.format(port=server.port))
    with pytest.raises(GrabError, match=words):
        raise error


@pytest.mark.slow
def test_pictures_are_fresh_and_tell_their_age(server: Server) -> None:
    grabber = RtspGrabber(f"rtsp://joe:secret@127.0.0.1:{server.port}/cam")
    mode = grabber.open()
    assert (mode.size, mode.fps, mode.format) == (Size(640, 360), 25, "h264")
    ages_s = [time.monotonic() - drawn_s(grabber.grab().pixels) for _ in range(50)]
    print(f"age of RTSP pictures: median {sorted(ages_s)[25] * 1e3:.0f} ms")  # noqa: T201  what was measured
    assert sorted(ages_s)[25] < 0.5
    # Nobody reads for a second: what waited is read at once, and says how old it is.
    time.sleep(1)
    late = grabber.grab()
    assert late.captured_s - drawn_s(late.pixels) < 0.5
    assert time.monotonic() - late.captured_s > 0.5
    grabber.close()


@pytest.mark.slow
def test_a_key_picture_is_waited_for() -> None:
    missing = why_no_rtsp()
    if missing:
        pytest.skip(missing)
    # One in four seconds, as seen by the first viewer; the second one comes in between.
    with closing(Server(lambda port: rtsp_command(port, "--key", "100"))) as camera:
        first, second = (RtspGrabber(f"rtsp://127.0.0.1:{camera.port}/cam") for _ in range(2))
        first.open()
        first.grab()
        second.open()
        ages_s = [time.monotonic() - drawn_s(second.grab().pixels) for _ in range(20)]
        assert sorted(ages_s)[10] < 0.5
        first.close()
        second.close()


@pytest.mark.slow
@pytest.mark.parametrize("way", ["killed", "frozen", "black hole", "restarted"])
def test_outages_are_noticed_and_survived(way: str) -> None:
    missing = why_no_rtsp()
    if missing:
        pytest.skip(missing)
    with watching(rtsp_command, "rtsp://127.0.0.1:{port}/cam") as (camera, watch):
        times = measure(camera, watch, way, cycles=5)
        print(f"RTSP {way}: {times}")  # noqa: T201  what was measured
        assert max(times.noticed_s) < MOST_S
        assert max(times.back_s) < MOST_S
        status = watch.source.status
        assert status is not None
        assert status.losses == 5
