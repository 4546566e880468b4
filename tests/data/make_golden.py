"""Make street.png and the golden masks again: `python tests/data/make_golden.py`, on LiteRT."""

from __future__ import annotations

from pathlib import Path

import cv2

from edgeseg import zoo
from edgeseg.manifest import Size
from edgeseg.segmenter import open_segmenter
from edgeseg.sources.street import render_street

FOLDER = Path(__file__).parent


def main() -> None:
    """Render one frame, and store what each embedded model makes of it."""
    frame, _ = render_street(2, 6.0, Size(320, 240))
    cv2.imwrite(str(FOLDER / "street.png"), frame)
    for name in zoo.names():
        with open_segmenter(name) as segmenter:
            cv2.imwrite(str(FOLDER / f"street-{name}.png"), segmenter.segment(frame).mask)


if __name__ == "__main__":
    main()
