"""The page in Chromium: frames move, choices act at once and on this viewer's picture alone."""

from __future__ import annotations

import shutil
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from edgeseg.labels import STREET
from edgeseg.loop import FrameResult
from edgeseg.manifest import Size
from edgeseg.segmenter import StageTimes
from edgeseg.serve.pictures import picture_message
from edgeseg.sources import Frame
from edgeseg.sources.street import render_street

from .conftest import Page, Serve
from .test_pictures import read_message

selenium = pytest.importorskip("selenium.webdriver", reason="needs Selenium; pip install selenium")

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser"))), None)
DRIVER = shutil.which("chromedriver")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        not (CHROMIUM and DRIVER), reason="needs Chromium; apt install chromium chromium-driver"
    ),
    # Of selenium itself.
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
]

SIZE = Size(320, 180)
PHONE, DESK = (360, 740), (1280, 800)
FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
CAR, ROAD = STREET.names.index("car"), STREET.names.index("road")

# The picture's canvas as numbers.
_PIXELS = """
const canvas = document.getElementById('picture');
const data = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data;
return [canvas.width, canvas.height, Array.from(data)];
"""


class Browser:
    """Chromium with the page open."""

    def __init__(self, driver: Any) -> None:
        self.driver = driver

    def size(self, size: tuple[int, int], scheme: str = "light") -> None:
        width, height = size
        self.driver.execute_cdp_cmd(
            "Emulation.setDeviceMetricsOverride",
            {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 700},
        )
        self.driver.execute_cdp_cmd(
            "Emulation.setEmulatedMedia",
            {"features": [{"name": "prefers-color-scheme", "value": scheme}]},
        )

    def pixels(self) -> NDArray[np.uint8]:
        """Return what the picture shows, RGB."""
        width, height, values = self.driver.execute_script(_PIXELS)
        return np.array(values, np.uint8).reshape(height, width, 4)[..., :3]

    def text(self, name: str) -> str:
        return str(
            self.driver.execute_script(f"return document.getElementById('{name}').textContent")
        )

    def click(self, selector: str) -> None:
        self.driver.execute_script(f"document.querySelector({selector!r}).click()")

    def script(self, code: str) -> Any:
        return self.driver.execute_script(code)

    def wait_for(self, true: Callable[[], object], seconds: float = 15.0) -> bool:
        until_s = time.monotonic() + seconds
        while not true() and time.monotonic() < until_s:
            time.sleep(0.05)
        return bool(true())

    def problems(self) -> list[str]:
        return [entry["message"] for entry in self.driver.get_log("browser")]


@pytest.fixture
def browser(tmp_path: Path) -> Iterator[Browser]:
    from selenium.webdriver.chrome.options import Options
    from selenium.webdriver.chrome.service import Service

    options = Options()
    options.binary_location = CHROMIUM or ""
    for flag in (*FLAGS, f"--user-data-dir={tmp_path / 'profile'}"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = selenium.Chrome(options=options, service=Service(DRIVER))
    try:
        yield Browser(driver)
    finally:
        driver.quit()


def street(index: int) -> FrameResult:
    """Make a result with the street's truth as its mask; there is no network in it."""
    pixels, truth = render_street(1, index / 25, SIZE)
    mask = np.where(truth < len(STREET.names), truth, 0).astype(np.uint8)
    frame = Frame(index, pixels, time.monotonic(), name=f"{index:06d}")
    return FrameResult(frame, mask, StageTimes(1.0, 6.0, 0.5), 9.0)


@contextmanager
def moving(page: Page) -> Iterator[None]:
    """Write results of a street that moves, until the end."""
    over = threading.Event()

    def write() -> None:
        index = 0
        while not over.wait(0.05):
            page.sink.write(street(index))
            index += 1

    thread = threading.Thread(target=write)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def still(page: Page, browser: Browser) -> FrameResult:
    """Show one result and wait until the picture is there."""
    result = street(40)
    page.sink.write(result)
    browser.driver.get(page.sink.url)
    assert browser.wait_for(lambda: browser.text("age-text") != "no picture yet")
    return result


def test_the_page_opens_and_frames_move(serve: Serve, browser: Browser) -> None:
    page = serve(model="fcn8")
    browser.size(DESK)
    with moving(page):
        browser.driver.get(page.sink.url)
        assert browser.wait_for(lambda: browser.text("state") == "live")
        assert browser.wait_for(lambda: browser.pixels().any())
        first = browser.pixels()
        assert browser.wait_for(lambda: (browser.pixels() != first).mean() > 0.2)
        assert browser.wait_for(lambda: "ms" in browser.text("age-text"))
        assert browser.wait_for(lambda: browser.text("time-infer") == "6.0")
        assert page.sink.viewers.now == 1
    assert "synthetic" not in browser.text("source")
    assert "ENODEV" in browser.text("source")
    assert browser.text("fps") == "29.5"
    # What is left is the advice against reading pixels back, which this test does.
    assert not [text for text in browser.problems() if "willReadFrequently" not in text]


def test_mask_input_and_overlay_are_what_they_say(serve: Serve, browser: Browser) -> None:
    page = serve(alpha=0.5)
    result = still(page, browser)
    palette = np.asarray(STREET.palette, np.uint8)
    message = picture_message(result, 960)
    picture = read_message(message)[1][..., ::-1]

    browser.click("input[value=mask]")
    assert np.array_equal(browser.pixels(), palette[result.mask])
    browser.click("input[value=input]")
    plain = browser.pixels()
    assert np.abs(plain.astype(int) - picture).max() <= 4  # JPEG decoders round differently
    browser.click("input[value=overlay]")
    expected = (plain.astype(int) + palette[result.mask]) / 2
    assert np.abs(browser.pixels() - expected).max() <= 2
    browser.script(
        "const a = document.getElementById('alpha'); a.value = 100;"
        "a.dispatchEvent(new Event('input'))"
    )
    assert np.array_equal(browser.pixels(), palette[result.mask])
    assert browser.text("alpha-text") == "100 %"


def test_a_class_turned_off_changes_its_own_pixels_only(serve: Serve, browser: Browser) -> None:
    page = serve()
    result = still(page, browser)
    before = browser.pixels()
    browser.click(f"#classes li:nth-child({CAR + 1}) input")
    changed = (browser.pixels() != before).any(axis=2)
    assert changed[result.mask == CAR].mean() > 0.9
    assert not changed[result.mask != CAR].any()
    browser.click("#all-off")
    browser.click("input[value=mask]")
    assert len(np.unique(browser.pixels().reshape(-1, 3), axis=0)) == 1
    # The choice is remembered, by the class's name.
    browser.driver.refresh()
    assert browser.wait_for(lambda: browser.text("age-text") != "no picture yet")
    assert len(np.unique(browser.pixels().reshape(-1, 3), axis=0)) == 1
    browser.click("#all-on")
    assert np.array_equal(browser.pixels(), np.asarray(STREET.palette, np.uint8)[result.mask])


def test_an_old_picture_is_seen_to_be_old(serve: Serve, browser: Browser) -> None:
    page = serve()
    still(page, browser)
    old = "return document.getElementById('figure').classList.contains('old')"
    assert not browser.script(old)
    assert browser.wait_for(lambda: browser.script(old))
    assert browser.text("stale") == "This picture is old."
    page.sink.write(street(50))
    assert browser.wait_for(lambda: not browser.script(old))


def test_it_comes_back_when_the_run_starts_again(serve: Serve, browser: Browser) -> None:
    page = serve()
    still(page, browser)
    page.sink.close()
    assert browser.wait_for(lambda: browser.text("notice") == "No connection, trying again.")
    assert browser.text("state") == "no connection"
    again = serve(f"127.0.0.1:{page.port}")
    with moving(again):
        assert browser.wait_for(lambda: browser.text("state") == "live")
        assert browser.wait_for(lambda: again.sink.viewers.now == 1)
        assert browser.text("notice") == ""
        first = browser.pixels()
        assert browser.wait_for(lambda: (browser.pixels() != first).mean() > 0.2)


def test_a_page_without_a_place_says_so_and_gets_the_next(serve: Serve, browser: Browser) -> None:
    from edgeseg.benchmarks.viewers import Viewer

    page = serve(max_viewers=1)
    page.sink.write(street(0))
    viewer = Viewer(page.host, page.port)
    browser.driver.get(page.sink.url)
    assert browser.wait_for(lambda: "places" in browser.text("notice"))
    viewer.close()
    assert browser.wait_for(lambda: browser.text("state") == "live")


def test_the_printed_address_opens_the_page_and_hides_the_token(
    serve: Serve, browser: Browser
) -> None:
    page = serve(token="a-token-for-tests")
    page.sink.write(street(0))
    browser.driver.get(f"http://127.0.0.1:{page.port}/")
    assert "token" in browser.driver.title
    browser.script("document.getElementById('token').value = 'wrong-token'")
    browser.click("button")
    assert browser.wait_for(lambda: "not the token" in browser.text("problem"))
    browser.driver.get(page.sink.url)
    assert browser.wait_for(
        lambda: browser.script("return document.getElementById('state')?.textContent") == "live"
    )
    assert "a-token-for-tests" not in browser.driver.current_url
    assert "a-token-for-tests" not in browser.script("return document.cookie")


@pytest.mark.parametrize("size", [PHONE, (390, 844), (768, 1024), DESK])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_fits_the_screen(
    serve: Serve, browser: Browser, tmp_path: Path, size: tuple[int, int], scheme: str
) -> None:
    browser.size(size, scheme)
    still(serve(model="fcn8"), browser)
    assert browser.script("return document.documentElement.scrollWidth") <= size[0]
    file = tmp_path / "page.png"
    assert browser.driver.save_screenshot(str(file))
    shot = cv2.imread(str(file))
    assert shot is not None
    assert shot.shape[1::-1] == size
    # The ground is light or dark as the viewer's system is.
    assert (shot[size[1] // 2, 3].mean() > 128) == (scheme == "light")
    # The picture comes first, and large.
    box = browser.script(
        "const b = document.getElementById('picture').getBoundingClientRect();"
        "return [b.top, b.width, b.height]"
    )
    assert box[0] < 80
    assert box[1] > 0.6 * size[0]
    assert box[2] == pytest.approx(box[1] * SIZE.height / SIZE.width, abs=2)


def test_it_can_be_used_by_keyboard_and_read_aloud(serve: Serve, browser: Browser) -> None:
    still(serve(), browser)
    nameless = browser.script(
        "return Array.from(document.querySelectorAll('input, button, a, canvas')).filter("
        "(e) => !(e.labels?.length || e.textContent.trim() || e.ariaLabel)).length"
    )
    assert nameless == 0
    assert (
        browser.script("return document.getElementById('state').getAttribute('role')") == "status"
    )
    stops = set()
    for _ in range(12):
        browser.driver.switch_to.active_element.send_keys("\ue004")  # Tab
        stops.add(browser.script("return document.activeElement.id || document.activeElement.name"))
    assert {"mode", "alpha", "fullscreen", "all-on", "all-off"} <= stops
