"""Where results go: an overlay video, mask files, a log, a snapshot, a window."""

from __future__ import annotations

from types import TracebackType
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from typing_extensions import Self

    from edgeseg.loop import FrameResult

__all__ = ["Sink"]


class Sink(Protocol):
    """Something that takes results; subclass it and write `write` and `close`.

    Opening (the constructor) fails early where nothing could be written. `write` and `close` run on
    one thread, the output thread of the frame loop; a file under its final name is complete.

    Attributes:
        name: for messages.
    """

    name: str

    def write(self, result: FrameResult) -> None:
        """Take one result; raises OutputError when it cannot be kept."""
        ...

    def close(self) -> None:
        """Finish what was written; harmless when repeated; raises OutputError."""
        ...

    def __enter__(self) -> Self:
        """Return the sink."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close the sink: what was written before an error elsewhere is kept."""
        self.close()
