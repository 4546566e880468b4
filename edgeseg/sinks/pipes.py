"""Writing into pipes that may be full."""

from __future__ import annotations

import os
import select


def send_some(handle: int, data: memoryview) -> memoryview:
    """Write what a descriptor that does not block takes at once; return what is left.

    Raises:
        OSError: nobody reads (BrokenPipeError), or the device fails.
    """
    try:
        return data[os.write(handle, data) :]
    except BlockingIOError:
        return data


def has_room(handle: int, patience_s: float) -> bool:
    """Wait until something can be written, or the reader has gone; return False where neither."""
    wait = select.poll()
    wait.register(handle, select.POLLOUT)
    return bool(wait.poll(patience_s * 1e3))
