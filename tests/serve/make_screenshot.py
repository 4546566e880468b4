"""Make the picture of the page for the documentation: a minute of the street, in Chromium.

`python tests/serve/make_screenshot.py docs/images/serve.webp [SECONDS]`; needs the extra `serve`,
Selenium and Chromium with its driver. Look at it before committing it.
"""

from __future__ import annotations

import base64
import shutil
import sys
import tempfile
import threading
import time
from pathlib import Path

from selenium import webdriver
from selenium.webdriver.chrome.options import Options
from selenium.webdriver.chrome.service import Service

from edgeseg import kernels
from edgeseg.loop import run_stream
from edgeseg.monitor import Monitor
from edgeseg.runtimes import default_threads
from edgeseg.segmenter import open_segmenter
from edgeseg.serve import ServeSink
from edgeseg.sources import open_source

SIZE = {"width": 1280, "height": 1080, "deviceScaleFactor": 1, "mobile": False}
SOURCE = "synthetic://street?seed=3&size=960x540&live=1"
FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-sync",
    "--hide-scrollbars",
)


def take(url: str, seconds: float) -> bytes:
    """Return the page at `url` after so many seconds, as WebP."""
    options = Options()
    for flag in (*FLAGS, f"--user-data-dir={tempfile.mkdtemp()}"):
        options.add_argument(flag)
    driver = webdriver.Chrome(options=options, service=Service(shutil.which("chromedriver")))
    try:
        driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", SIZE)
        driver.get(url)
        time.sleep(seconds)
        shot = driver.execute_cdp_cmd("Page.captureScreenshot", {"format": "webp", "quality": 82})
        return base64.b64decode(shot["data"])
    finally:
        driver.quit()


def main(path: Path, seconds: float = 62.0) -> None:
    """Write the picture."""
    stop, monitor = threading.Event(), Monitor()
    with open_segmenter("fcn8") as segmenter:
        source = open_source(SOURCE)
        facts = {
            "source": source.name,
            "runtime": segmenter.runtime.name,
            "threads": default_threads(),
            "kernels": kernels.active(),
        }
        page = ServeSink(
            "0", manifest=segmenter.manifest, monitor=monitor, model="fcn8", setup=facts
        )
        run = threading.Thread(
            target=run_stream,
            args=(source, segmenter, [page]),
            kwargs={"stop": stop, "monitor": monitor},
        )
        run.start()
        try:
            path.write_bytes(take(page.url, seconds))
        finally:
            stop.set()
            run.join()


if __name__ == "__main__":
    main(Path(sys.argv[1]), *map(float, sys.argv[2:]))
