"""Make street.png and the golden masks again: `python tests/data/make_golden.py`.

The masks are those of LiteRT's XNNPACK kernels on x86-64; other kernels round differently.
"""

from __future__ import annotations

import sys
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
    masks = {}
    for name in zoo.names():
        with open_segmenter(name) as segmenter:
            if "XNNPACK" not in segmenter.runtime.name:
                sys.exit(f"{segmenter.runtime.name} is not LiteRT with XNNPACK; nothing changed")
            masks[f"street-{name}.png"] = segmenter.segment(frame).mask
    for old in FOLDER.glob("street*.png"):
        old.unlink()
    for file, picture in {"street.png": frame, **masks}.items():
        cv2.imwrite(str(FOLDER / file), picture)


if __name__ == "__main__":
    main()
