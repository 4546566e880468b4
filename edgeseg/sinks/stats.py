"""A log of the run: one JSON object a line for every result."""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Sequence
from io import FileIO
from pathlib import Path
from typing import TYPE_CHECKING

from edgeseg.errors import OutputError
from edgeseg.files import check_writable
from edgeseg.sinks import Sink

if TYPE_CHECKING:
    from edgeseg.loop import FrameResult


class StatsSink(Sink):
    """Writes lines under the final name as results come.

    Unlike other outputs the file is not renamed into place at the end: a log is most wanted after a
    run that was killed. Every line in it is whole, for each is one write at the end of the file; a
    line that cannot be written is taken back.

    A line holds `frame` (index), `name`, `captured_s` (when the picture was taken, in seconds of
    the system's monotonic clock), `age_ms`, `prepare_ms`, `infer_ms`, `decode_ms` and `coverage`,
    the share of the frame's pixels for each class.
    """

    def __init__(self, path: Path, labels: Sequence[str], *, append: bool = False) -> None:
        """Check the name; the file starts, over an older one, with the first result.

        Args:
            path: of the log.
            labels: of the classes.
            append: go on after the lines that are there.

        Raises:
            OutputError: it could not be written.
        """
        # A pipe or a device is there already, and may stand in a folder that takes no new files.
        if not path.exists() or path.is_file() or path.is_dir():
            check_writable(path)
        self.name = f"log {path}"
        self.written_bytes = 0
        self._path = path
        self._labels = tuple(labels)
        self._append = append
        self._file: FileIO | None = None
        self._start_bytes = 0

    def write(self, result: FrameResult) -> None:
        """Append a line."""
        file = self._file = self._file or self._open()
        line = (json.dumps(self._record(result), ensure_ascii=False) + "\n").encode()
        try:
            if file.write(line) != len(line):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        except OSError as error:
            self._take_back(file)
            raise OutputError(f"cannot write {self._path}: {error.strerror or error}") from error
        self.written_bytes += len(line)

    def close(self) -> None:
        """Close the file."""
        if self._file is not None:
            self._file.close()

    def _open(self) -> FileIO:
        start = os.O_APPEND if self._append else os.O_APPEND | os.O_TRUNC

        def opener(name: str, flags: int) -> int:
            return os.open(name, flags & ~os.O_TRUNC | start, 0o666)

        try:
            file = FileIO(self._path, "w", opener=opener)
            self._start_bytes = os.fstat(file.fileno()).st_size
        except OSError as error:
            raise OutputError(f"cannot write {self._path}: {error.strerror or error}") from error
        return file

    def _record(self, result: FrameResult) -> dict[str, object]:
        times = result.times
        shares = result.coverage
        return {
            "frame": result.frame.index,
            "name": result.frame.name,
            "captured_s": round(result.frame.captured_s, 6),
            "age_ms": round(result.age_ms, 3),
            "prepare_ms": round(times.prepare_ms, 3),
            "infer_ms": round(times.infer_ms, 3),
            "decode_ms": round(times.decode_ms, 3),
            "coverage": {
                label: round(float(shares[index]), 5) for index, label in enumerate(self._labels)
            },
        }

    def _take_back(self, file: FileIO) -> None:
        try:
            file.truncate(self._start_bytes + self.written_bytes)
        except OSError:
            return  # a pipe or a device: nothing to take back
