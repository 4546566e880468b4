"""Signals: ending a run (the first one asks, the second one leaves), and Ctrl-C elsewhere."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


class StopSignals:
    """What was asked of a run from outside.

    Attributes:
        stop: set by the first signal, and by whatever else ends the run.
        received: the signal's number, 0 for none.
    """

    def __init__(self) -> None:
        """Start with nothing received."""
        self.stop = threading.Event()
        self.received = 0

    @property
    def exit_code(self) -> int:
        """128 plus the signal, as shells have it; 0 without one."""
        return 128 + self.received if self.received else 0

    def handle(self, number: int, _: FrameType | None) -> None:
        """Take a signal: ask the run to end, or, when it was asked before, end the process."""
        if self.received:
            os._exit(128 + number)
        self.received = number
        self.stop.set()


@contextmanager
def stop_signals() -> Iterator[StopSignals]:
    """Handle SIGINT, SIGTERM and SIGHUP inside the block."""
    signals = StopSignals()
    numbers = [signal.SIGINT, signal.SIGTERM]
    # Under nohup a hang-up is ignored on purpose.
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:
        numbers.append(signal.SIGHUP)
    before = {number: signal.signal(number, signals.handle) for number in numbers}
    try:
        yield signals
    finally:
        # After a signal the process is ending: a second one must not turn that into a traceback.
        if not signals.received:
            for number, handler in before.items():
                signal.signal(number, handler)


@contextmanager
def interruptible() -> Iterator[None]:
    """Let Ctrl-C be Ctrl-C: inside TensorFlow's imports it comes out as some other exception."""
    if signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
        yield  # ignored on purpose, as in the background of a script
        return
    asked = False

    def interrupt(number: int, frame: FrameType | None) -> None:
        nonlocal asked
        asked = True
        signal.default_int_handler(number, frame)

    signal.signal(signal.SIGINT, interrupt)
    try:
        yield
    except Exception as error:
        if asked:
            raise KeyboardInterrupt from error
        raise
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)
