"""Results to a function of the caller's."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from edgeseg.sinks import Sink

if TYPE_CHECKING:
    from edgeseg.loop import FrameResult


class CallbackSink(Sink):
    """Calls a function with every result, on a thread of its own.

    What the function raises ends the run and is raised there. A function that is slower than a live
    source misses results; they are counted under the sink's name.
    """

    def __init__(self, function: Callable[[FrameResult], object], name: str = "callback") -> None:
        """Take the function; what it returns is of no account."""
        self.name = name
        self._function = function

    def write(self, result: FrameResult) -> None:
        """Call the function."""
        self._function(result)

    def close(self) -> None:
        """Nothing is left to finish."""
