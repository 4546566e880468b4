"""A run of a folder or file that can be resumed, by the library alone: SOURCE MASKS LOG MODEL."""

from __future__ import annotations

import sys
import threading
from pathlib import Path

from edgeseg import open_segmenter, open_source, run_stream
from edgeseg.resume import plan_resume
from edgeseg.sinks.masks import MaskSink
from edgeseg.sinks.stats import StatsSink


def main(name: str, masks: Path, log: Path, model: str) -> None:
    """Go on where the last such run ended."""
    source = open_source(name)
    with open_segmenter(model, threads=1) as segmenter:
        plan = plan_resume(source, masks, model=segmenter.path, options={}, stats=log, resume=True)
        manifest = segmenter.manifest
        sinks = [
            MaskSink(masks, manifest.palette),
            StatsSink(log, manifest.labels, append=plan.going_on),
        ]
        plan.begin()
        run_stream(source, segmenter, sinks, stop=threading.Event())


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3]), sys.argv[4])
