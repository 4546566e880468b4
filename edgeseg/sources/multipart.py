"""The parts of a multipart answer (RFC 2046), as network cameras write them.

They name the boundary with or without its leading dashes, end lines with LF, leave out the length
of a part or get it wrong. So the length is used while it fits; else a part ends where its JPEG
ends, or at the latest where the next boundary begins.
"""

from __future__ import annotations

import re

from edgeseg.sources import jpeg

_LONGEST_HEAD = 8192
_LONGEST_BOUNDARY = 70
_FIRST_LINE = re.compile(rb"(?:^|\n)--+([^\r\n]{1,70})\r?\n")
_HEAD_END = re.compile(rb"\n\r?\n")
_LENGTH = re.compile(rb"(?im)^content-length[ \t]*:[ \t]*(\d+)")
# A boundary line without dashes: a shorter name stands in pictures by chance.
_SHORTEST_BARE_NAME = 4
_CR, _LF, _DASH = b"\r\n-"
_PICTURE_END = re.compile(rb"\xff\xd9[\r\n]*\Z")


class MultipartError(ValueError):
    """This is no multipart answer, or a part of it is too large; the text says which."""


class PartReader:
    """Cuts a stream of bytes into parts, each a JPEG or what should be one."""

    def __init__(self, boundary: str, largest: int) -> None:
        """Expect parts between boundaries.

        Args:
            boundary: from the answer's header; where that has none, the first line tells.
            largest: the most bytes of a part.
        """
        self._largest = largest
        self._data = bytearray()
        self._in_part = False
        self._length: int | None = None
        self._trusts_lengths = True
        self._searched = 0  # up to here there is no boundary
        self._name = boundary.encode("latin-1", "replace").strip().strip(b"-")

    @property
    def began(self) -> bool:
        """Whether bytes of the next part's content are there."""
        return self._in_part and bool(self._data)

    def feed(self, data: bytes) -> None:
        """Take the next bytes of the answer."""
        self._data += data

    def next_part(self) -> bytes | None:
        """Return the content of the next whole part, None when more bytes are needed for it.

        Raises:
            MultipartError: there are no parts in it, or one is too large.
        """
        if not self._in_part and not self._read_head():
            return None
        end = self._find_end() if self._length is None else self._length
        if end is None or len(self._data) < end:
            return None
        self._in_part = False
        return self._take(end)

    def _read_head(self) -> bool:
        """Take everything up to the content of a part; return whether it was all there."""
        start = self._find_mark(_LONGEST_HEAD)
        end = None if start is None else _HEAD_END.search(self._data, start)
        if start is None or end is None:
            if start is not None and len(self._data) - start > _LONGEST_HEAD:
                raise MultipartError("what it sends is no stream of pictures")
            return False
        before = self._take(start)
        if self._length is not None and before.strip(b"\r\n\0"):
            self._trusts_lengths = False  # the part before went on
        head = self._take(end.end() - start)
        found = _LENGTH.search(head)
        self._length = int(found[1]) if found and self._trusts_lengths else None
        if self._length is not None and self._length > self._largest:
            raise MultipartError(f"a part of {self._length / 1e6:.0f} MB is no picture")
        self._in_part = True
        return True

    def _find_end(self) -> int | None:
        """Return where a part without a length ends: before a boundary, or with its JPEG."""
        start = self._find_mark(self._largest)
        if start is None and _PICTURE_END.search(self._data, max(0, len(self._data) - 8)):
            return len(self._data) if _whole(self._data) else None
        return start

    def _find_mark(self, limit: int) -> int | None:
        """Return where the next boundary begins, None when it is not there yet."""
        if not self._name and (line := _FIRST_LINE.search(self._data)):
            self._name = line[1].strip()
        start = self._search_name() if self._name else None
        if start is not None:
            return start
        if len(self._data) > limit:
            raise MultipartError(
                f"a part of more than {limit / 1e6:.0f} MB is no picture"
                if self._in_part
                else "what it sends is no stream of pictures"
            )
        self._searched = max(0, len(self._data) - _LONGEST_BOUNDARY - 8)
        return None

    def _search_name(self) -> int | None:
        """Return where a line with the boundary's name begins, with the line end before it.

        Written with `find`: a regular expression takes as long for this as decoding the JPEG.
        """
        data = self._data
        at = data.find(self._name, self._searched)
        while at >= 0:
            start = at
            while start > 0 and data[start - 1] == _DASH:
                start -= 1
            begins_line = start == 0 or data[start - 1] == _LF
            if at - start >= 2 or (begins_line and len(self._name) >= _SHORTEST_BARE_NAME):
                if begins_line and start > 0:
                    start -= 2 if start > 1 and data[start - 2] == _CR else 1
                return start
            at = data.find(self._name, at + 1)
        return None

    def _take(self, count: int) -> bytes:
        taken = bytes(self._data[:count])
        del self._data[:count]
        self._searched = 0
        return taken


def _whole(data: bytearray) -> bool:
    try:
        jpeg.check(bytes(data))
    except jpeg.DamagedJpegError:
        return False
    return True
