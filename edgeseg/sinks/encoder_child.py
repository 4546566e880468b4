"""The process behind a video: it outlives the run, even one that is killed, and finishes the file.

Raw pictures come through stdin, after a header that says how large they are. Whatever ends that
pipe, a closed sink or a killed run, ends the video: it is finished and renamed into place. Answers
are JSON lines on stdout, which may have nobody left to read them.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import struct
import sys
from pathlib import Path
from typing import Any

from edgeseg.manifest import Size
from edgeseg.sinks.coders import FULL_BYTES, Coder, Outcome, Shape, choose_coder
from edgeseg.sinks.partfile import keep, reserve

_HEADER = struct.Struct("<IId")

# Where processors are short, masks come first; what the video then misses is counted.
_NICE = 5


def header(size: Size, fps: float) -> bytes:
    """Return what goes before the pictures, each BGR uint8 [height, width, 3]."""
    return _HEADER.pack(size.width, size.height, fps)


def main() -> int:
    """Encode what comes through stdin; the argument is a JSON object with `path` and `wish`."""
    # systemd signals every process of a unit, a terminal every one in the foreground: the run is
    # meant, which then ends the pipe. ffmpeg inherits this.
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM, signal.SIGHUP})
    os.nice(_NICE)
    order = json.loads(sys.argv[1])
    target = Path(order["path"])
    coder = choose_coder(target.suffix.lower(), order["wish"])
    if coder is None:
        return _answer(trouble=_no_coder(order["wish"]), frames=0)
    _answer(encoder=coder.name)
    shape = _read_shape(sys.stdin.fileno())
    return 0 if shape is None else _make(target, coder, shape)


def _make(target: Path, coder: Coder, shape: Shape) -> int:
    try:
        part, handle = reserve(target)
    except OSError as error:
        return _answer(trouble=error.strerror or str(error), frames=0)
    _answer(part=str(part))
    try:
        outcome = coder.encode(sys.stdin.fileno(), shape, part, handle)
        if outcome.frames:
            keep(part, handle, target)
    except OSError as error:
        outcome = Outcome(0, error.strerror or str(error))
    trouble = _with_cause(outcome.trouble, target)
    part.unlink(missing_ok=True)
    return _answer(trouble=trouble, frames=outcome.frames, encoder=coder.name)


def _with_cause(trouble: str, target: Path) -> str:
    """Asked before anything is removed: afterwards there may be space again."""
    if not trouble or "No space" in trouble:
        return trouble
    if shutil.disk_usage(target.parent).free < FULL_BYTES:
        return f"{trouble}; no space is left on the disk"
    return trouble


def _no_coder(wish: str) -> str:
    return (
        f"the encoder {wish} does not work here: it needs the program ffmpeg with H.264 "
        "(apt install ffmpeg) and a file that ends in .mp4 or .mkv"
    )


def _read_shape(pipe: int) -> Shape | None:
    """Unbuffered: what follows the header is for somebody else."""
    data = b""
    while len(data) < _HEADER.size:
        piece = os.read(pipe, _HEADER.size - len(data))
        if not piece:
            return None
        data += piece
    width, height, fps = _HEADER.unpack(data)
    return Shape(Size(width, height), fps)


def _answer(**words: Any) -> int:
    try:
        os.write(sys.stdout.fileno(), json.dumps(words).encode() + b"\n")
    except OSError:
        return 1  # the run is gone; the file is there all the same
    return 1 if words.get("trouble") else 0


if __name__ == "__main__":
    sys.exit(main())
