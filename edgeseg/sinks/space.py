"""Room on the disk: recordings end before it is full, and at a size that was set."""

from __future__ import annotations

import shutil
import stat
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal, Protocol

from edgeseg.errors import OutputError
from edgeseg.sinks import Sink
from edgeseg.units import format_size

if TYPE_CHECKING:
    from edgeseg.loop import FrameResult

DEFAULT_KEEP_FREE_BYTES: Final = 64 << 20


class FileSink(Protocol):
    """A sink that knows what it has put on the disk.

    Attributes:
        name: for messages.
        written_bytes: so far.
    """

    name: str

    @property
    def written_bytes(self) -> int:
        """So far."""
        ...

    def write(self, result: FrameResult) -> None:
        """Take one result."""
        ...

    def close(self) -> None:
        """Finish what was written."""
        ...


class SpaceGuard:
    """Ends all file outputs of a run when too little room is left, or they have taken enough.

    Both are found before a result is written. Every output is then finished on its own thread, as
    at the end of a run, and takes nothing more; the run itself goes on, for whoever still watches
    it, unless `on_end` stops it.

    Attributes:
        reached: `floor` (the disk is as full as it may be: not what was wanted) or `cap` (the
            outputs are as large as they may be: as ordered); empty so far.
        message: says so, in one line; empty so far.
    """

    def __init__(
        self,
        *,
        keep_free_bytes: int = DEFAULT_KEEP_FREE_BYTES,
        max_bytes: int | None = None,
        on_end: Callable[[str], None] = lambda _: None,
    ) -> None:
        """Set the limits.

        Args:
            keep_free_bytes: of the disk that an output lies on; 0 uses it up.
            max_bytes: for all outputs together; passed by what one frame takes at most, and what an
                encoder still holds.
            on_end: called once with the message, on the thread of the output that noticed.
        """
        self.reached: Literal["", "floor", "cap"] = ""
        self.message = ""
        self._keep_free_bytes = keep_free_bytes
        self._max_bytes = max_bytes
        self._on_end = on_end
        self._lock = threading.Lock()
        self._sinks: list[FileSink] = []

    def watch(self, sink: FileSink, path: Path) -> GuardedSink:
        """Return the sink under guard; `path` is the file or folder that it writes.

        A pipe or a device takes no room: then only the size counts.

        Raises:
            OutputError: there is too little room already; the sink is closed.
        """
        folder = _disk_of(path)
        shortage = self._shortage(folder)
        if shortage:
            sink.close()
            raise OutputError(f"{shortage}; free some, or allow less with --keep-free")
        self._sinks.append(sink)
        return GuardedSink(self, sink, folder)

    def over(self, folder: Path | None) -> bool:
        """Look whether nothing more may be written, `folder` being where it would go."""
        with self._lock:
            if self.reached:
                return True
            shortage, excess = self._shortage(folder), self._excess()
            self.reached = "floor" if shortage else "cap" if excess else ""
            self.message = f"{shortage or excess}: the outputs end here" if self.reached else ""
        if self.reached:
            self._on_end(self.message)
        return bool(self.reached)

    def _shortage(self, folder: Path | None) -> str:
        if folder is None:
            return ""
        try:
            free_bytes = shutil.disk_usage(folder).free
        except OSError:
            return ""  # the folder has gone: the sink finds out, and says so
        if free_bytes >= self._keep_free_bytes:
            return ""
        return (
            f"only {format_size(free_bytes)} are free on the disk of {folder}, where "
            f"{format_size(self._keep_free_bytes)} are to stay free"
        )

    def _excess(self) -> str:
        if self._max_bytes is None:
            return ""
        if sum(sink.written_bytes for sink in self._sinks) < self._max_bytes:
            return ""
        return f"the outputs have reached {format_size(self._max_bytes)}"


class GuardedSink(Sink):
    """A sink that ends when its guard says so.

    Attributes:
        inner: the sink itself.
    """

    def __init__(self, guard: SpaceGuard, inner: FileSink, folder: Path | None) -> None:
        """Made by `SpaceGuard.watch`."""
        self.name = inner.name
        self.inner = inner
        self._guard = guard
        self._folder = folder
        self._ended = False

    @property
    def notes(self) -> Sequence[str]:
        """Of the inner sink."""
        notes: Sequence[str] = getattr(self.inner, "notes", ())
        return notes

    @property
    def encoder(self) -> str:
        """What encodes, where the inner sink does; else empty."""
        return str(getattr(self.inner, "encoder", ""))

    def write(self, result: FrameResult) -> None:
        """Pass the result on, while there is room."""
        if self._ended:
            return
        if self._guard.over(self._folder):
            self.close()
        else:
            self.inner.write(result)

    def close(self) -> None:
        """Finish the inner sink; harmless when repeated."""
        self._ended = True
        self.inner.close()


def _disk_of(path: Path) -> Path | None:
    """The folder to ask, None for what is neither file nor folder."""
    try:
        mode = path.stat().st_mode
    except OSError:
        return path.absolute().parent
    if stat.S_ISDIR(mode):
        return path
    return path.absolute().parent if stat.S_ISREG(mode) else None
