"""Keeping native chatter off stderr while a model is loaded."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO

_STDERR = 2
# What TFLite says, and what importing TensorFlow says.
_CHATTER = (
    b"INFO:",
    b"VERBOSE:",
    b"I0000 ",
    b"WARNING: All log messages before absl::InitializeLog()",
    b"To enable the following instructions:",
)


@contextmanager
def no_chatter() -> Iterator[None]:
    """Drop what native code says on file descriptor 2 inside the block, unless it matters.

    TFLite reports "INFO: Created TensorFlow Lite XNNPACK delegate" there and has no switch for it.
    Warnings are written on when the block succeeds; when it raises, the exception carries the
    reason. EDGESEG_DEBUG=1 leaves everything as it is.
    """
    saved = None if os.environ.get("EDGESEG_DEBUG") == "1" else _duplicate()
    if saved is None:
        yield
        return
    with tempfile.TemporaryFile() as caught:
        os.dup2(caught.fileno(), _STDERR)
        try:
            yield
        finally:
            os.dup2(saved, _STDERR)
            os.close(saved)
        os.write(_STDERR, _what_matters(caught))


def _duplicate() -> int | None:
    try:
        return os.dup(_STDERR)
    except OSError:  # stderr is closed: there is nothing to keep clean
        return None


def _what_matters(caught: IO[bytes]) -> bytes:
    caught.seek(0)
    return b"".join(line for line in caught if not line.startswith(_CHATTER))
