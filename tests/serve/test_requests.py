"""Requests to a page that is really served: files, status, pictures, the token, other sites."""

from __future__ import annotations

import json
import re
import socket
import subprocess
import sys
import threading
import time

import cv2
import numpy as np
import pytest

from edgeseg.benchmarks.viewers import Viewer
from edgeseg.errors import ConfigError, OutputError
from edgeseg.labels import STREET
from edgeseg.loop import run_stream
from edgeseg.manifest import Size
from edgeseg.monitor import Monitor, Progress
from edgeseg.pictures import read_mask
from edgeseg.serve import ServeSink
from edgeseg.sources import open_source

from .conftest import MANIFEST, MakeResult, Page, Serve

TOKEN = "a-token-for-tests"


def write_for(page: Page, make_result: MakeResult, seconds: float) -> None:
    until_s = time.monotonic() + seconds
    while time.monotonic() < until_s:
        page.sink.write(make_result())
        time.sleep(0.05)


def test_the_page_and_its_files_come_from_here_alone(serve: Serve) -> None:
    page = serve()
    answer = page.get("/")
    assert answer.status == 200
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert "access-control-allow-origin" not in answer.headers
    names = re.findall(r'(?:src|href)="(/static/[^"]+)"', answer.text)
    assert {"/static/style.css", "/static/main.js"} <= set(names)
    scripts = [page.get(name) for name in set(names)]
    assert {script.status for script in scripts} == {200}
    modules = re.findall(r"from '\./([^']+)'", page.get("/static/main.js").text)
    assert modules
    for module in modules:
        assert page.get(f"/static/{module}").status == 200
    for text in (answer.text, *(page.get(name).text for name in set(names))):
        assert not re.search(r"https?://(?!www\.w3\.org/2000/svg)", text)


def test_no_other_file_can_be_had(serve: Serve) -> None:
    page = serve()
    for path in ("/static/app.py", "/static/..%2fapp.py", "/static/../app.py", "/app.py", "/x"):
        assert page.get(path).status == 404
    assert page.get("/status", method="POST").status == 405


def test_the_status_says_how_the_run_goes(serve: Serve, make_result: MakeResult) -> None:
    page = serve(model="fcn8", setup={"runtime": "litert", "threads": 2})
    assert json.loads(page.get("/status").text)["frame"] is None
    page.sink.write(make_result(7))
    status = json.loads(page.get("/status").text)
    assert status["schema"] == 1
    assert status["run"] == {
        "running_s": 4.2,
        "size": [64, 48],
        "masked": 5,
        "dropped": {"newer": 3},
        "missed": {"page": 1},
        "fps": 29.5,
        "times_ms": {"age": 12.5},
    }
    assert status["source"]["state"] == "live"
    assert status["source"]["reason"] == "ENODEV"
    assert status["frame"]["index"] == 7
    assert status["frame"]["fresh"]
    shares = {entry["name"]: entry["coverage"] for entry in status["classes"]}
    assert shares["road"] == shares["sky"] == 0.5
    assert status["classes"][3]["color"] == "#804080"
    assert status["model"]["name"] == "fcn8"
    assert status["model"]["input_size"] == [480, 352]
    assert status["model"]["setup"] == {"runtime": "litert", "threads": 2}
    assert status["device"]["cores"] >= 1
    assert status["viewers"] == {"now": 0, "most": 32, "stalled": 0, "refused": 0}


def test_health_follows_the_newest_picture(serve: Serve, make_result: MakeResult) -> None:
    page = serve()
    assert page.get("/healthz").status == 503
    page.sink.write(make_result(0))
    assert page.get("/healthz").status == 200
    page.sink.write(make_result(1, old_s=6.0))
    answer = page.get("/healthz")
    assert answer.status == 503
    assert re.search(r"6\.\d s old", answer.text)


def test_single_pictures_have_the_frames_size(
    serve: Serve, make_result: MakeResult, tmp_path: pytest.TempPathFactory
) -> None:
    page = serve(alpha=1.0, width=64)
    for path in ("/snapshot.jpg", "/mask.png"):
        assert page.get(path).status == 503
    result = make_result(0, Size(200, 100))
    page.sink.write(result)
    jpeg = page.get("/snapshot.jpg")
    assert jpeg.headers["content-type"] == "image/jpeg"
    picture = cv2.imdecode(np.frombuffer(jpeg.body, np.uint8), cv2.IMREAD_COLOR)
    assert picture is not None
    assert picture.shape == (100, 200, 3)
    assert np.allclose(picture[10, 10][::-1], STREET.palette[3], atol=12)
    file = tmp_path / "mask.png"  # type: ignore[operator]
    file.write_bytes(page.get("/mask.png").body)
    assert np.array_equal(read_mask(file), result.mask)


def test_other_names_of_this_device_are_refused_on_loopback(serve: Serve) -> None:
    page = serve()
    assert page.get("/status", Host="evil.example").status == 403
    assert page.get("/status", Host=f"localhost:{page.port}").status == 200


def test_pages_of_other_sites_are_refused(serve: Serve) -> None:
    page = serve()
    here = f"127.0.0.1:{page.port}"
    assert page.get("/status", Host=here, Origin="https://evil.example").status == 403
    assert page.get("/watch", Host=here, Origin="https://evil.example").status == 403
    assert page.get("/status", Host=here, Origin=f"http://{here}").status == 200


@pytest.mark.parametrize(
    "path",
    ["/status", "/metrics", "/healthz", "/snapshot.jpg", "/mask.png", "/stream.mjpg", "/watch"],
)
def test_without_the_token_nothing_is_shown(serve: Serve, path: str) -> None:
    page = serve(token=TOKEN)
    assert page.get(path).status == 401
    assert page.get(f"{path}?token=a-token-for-guess").status == 401
    assert page.get(path, Authorization="Bearer wrong-token").status == 401
    assert page.get(path, Cookie=f"edgeseg-{page.port}={TOKEN}").status == 401


def test_the_token_opens_by_header_and_by_address(serve: Serve) -> None:
    page = serve(token=TOKEN)
    assert page.sink.url.endswith(f"/#token={TOKEN}")
    assert page.get("/status", Authorization=f"Bearer {TOKEN}").status == 200
    assert page.get(f"/status?token={TOKEN}").status == 200
    answer = page.get(f"/?token={TOKEN}")
    assert (answer.status, answer.headers["location"]) == (303, "/")
    assert "set-cookie" in answer.headers


def test_the_page_asks_for_the_token_and_changes_it_for_a_cookie(serve: Serve) -> None:
    page = serve(token=TOKEN)
    asking = page.get("/")
    assert asking.status == 401
    assert "Token" in asking.text
    assert "chart" not in asking.text
    wrong = page.get("/login", method="POST", body="wrong-token")
    assert wrong.status == 401
    assert "set-cookie" not in wrong.headers
    answer = page.get("/login", method="POST", body=TOKEN)
    assert answer.status == 204
    cookie = answer.headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=Strict" in cookie
    assert TOKEN not in cookie
    page.headers["Cookie"] = cookie.split(";")[0]
    assert page.get("/").status == 200
    assert page.get("/status").status == 200


def test_where_others_can_reach_it_there_is_always_a_token(serve: Serve) -> None:
    page = serve("0.0.0.0:0")
    page.host = "127.0.0.1"
    assert page.sink.token is not None
    assert page.get("/status").status == 401
    assert page.get("/status", Authorization=f"Bearer {page.sink.token}").status == 200
    with pytest.raises(ConfigError, match="token"):
        ServeSink("0.0.0.0:0", manifest=MANIFEST, monitor=Monitor(), token="")


def test_a_taken_port_and_senseless_limits_fail_early(serve: Serve) -> None:
    page = serve()
    with pytest.raises(OutputError, match="is in use"):
        serve(f"127.0.0.1:{page.port}")
    with pytest.raises(ConfigError, match=r"max_viewers is 0.*fps is 99"):
        serve(max_viewers=0, fps=99)


def test_closing_takes_less_than_a_second_and_frees_the_port(
    serve: Serve, make_result: MakeResult
) -> None:
    page = serve()
    page.sink.write(make_result())
    idle = [socket.create_connection((page.host, page.port)) for _ in range(3)]
    idle[0].sendall(b"GET /stream.mjpg HTTP/1.1\r\nHost: localhost\r\n\r\n")
    idle[1].sendall(b"GET /sta")
    time.sleep(0.2)
    start_s = time.monotonic()
    page.sink.close()
    assert time.monotonic() - start_s < 1.0
    page.sink.close()
    page.sink.write(make_result(1))  # a late result is no error
    with pytest.raises(ConnectionRefusedError):
        page.get("/status")
    for connection in idle:
        connection.close()
    again = serve(f"127.0.0.1:{page.port}")
    assert again.get("/").status == 200
    assert not [thread for thread in threading.enumerate() if thread.name == "edgeseg-page-encode"]


def test_a_server_that_fails_is_not_passed_over(serve: Serve, make_result: MakeResult) -> None:
    page = serve()

    def fails() -> Progress:
        raise ZeroDivisionError

    page.sink.write(make_result())
    with Viewer(page.host, page.port) as viewer:
        viewer.receive()
        page.monitor.attach(fails)
        with pytest.raises(ZeroDivisionError):
            write_for(page, make_result, seconds=5)


def test_nonsense_is_answered_and_nothing_is_printed(
    serve: Serve, capfd: pytest.CaptureFixture[str]
) -> None:
    page = serve()
    for noise in (b"\x16\x03\x01\x02\x00\x01\x00", b"GET / HTTP/9.9\r\n\r\n", b"\r\n\r\nX" * 50):
        with socket.create_connection((page.host, page.port), timeout=5) as connection:
            connection.sendall(noise)
            connection.shutdown(socket.SHUT_WR)
            while connection.recv(4096):
                pass
    assert page.get("/", Cookie="edgeseg-1=\x7f; =; ;;").status in (200, 400)
    assert page.get("/login", method="POST", body="x" * 5000).status == 413
    assert page.get("/status").status == 200
    assert capfd.readouterr() == ("", "")


def test_a_run_is_served_while_it_goes(serve: Serve) -> None:
    from edgeseg.segmenter import open_segmenter

    page = serve()
    stop = threading.Event()
    with open_segmenter("fcn8") as segmenter:
        source = open_source("synthetic://street?size=160x96&live=1")
        run = threading.Thread(
            target=run_stream, args=(source, segmenter, [page.sink]), kwargs={"stop": stop}
        )
        run.start()
        try:
            until_s = time.monotonic() + 10
            while page.get("/healthz").status != 200 and time.monotonic() < until_s:
                time.sleep(0.05)
            status = json.loads(page.get("/status").text)
        finally:
            stop.set()
            run.join()
    assert status["frame"]["fresh"]
    assert sum(entry["coverage"] for entry in status["classes"]) == pytest.approx(1, abs=1e-4)
    with pytest.raises(ConnectionRefusedError):
        page.get("/status")


def test_without_aiohttp_the_extra_is_named() -> None:
    code = (
        "import sys; sys.modules['aiohttp'] = None\n"
        "from edgeseg.serve import ServeSink\n"
        "from edgeseg.errors import MissingExtraError\n"
        "try: ServeSink('0', manifest=None, monitor=None)\n"
        "except MissingExtraError as error: print(error)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "pip install 'edgeseg[serve]'" in done.stdout
