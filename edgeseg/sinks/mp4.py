"""Turns a fragmented MP4 file into a plain one, in place, whatever its length.

A fragmented file (ISO/IEC 14496-12, 8.8) is playable however it ends, for each fragment has its own
table of samples; but some players cannot seek in it. Here all those tables become the one table of
a plain file (8.5 to 8.7), which is appended; then 16 bytes, written last, make everything between
the file's first box and that table a single box of media data. Until they are written the file is
still the fragmented one. For one track of video without reordered frames, as `ffmpeg` is told here.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path
from typing import IO, NamedTuple

_HEADER = struct.Struct(">I4s")
_LARGE = struct.Struct(">Q")
_U32 = struct.Struct(">I")
_MOST_U32 = 2**32 - 1

# Flags of `tfhd` and `trun` (8.8.7, 8.8.8), in the order of the fields that they announce.
_TFHD_FIELDS = ((0x1, 8), (0x2, 4), (0x8, 4), (0x10, 4), (0x20, 4))
_DURATION, _SIZE, _FLAGS = 0x8, 0x10, 0x20
_TRUN_OFFSET, _TRUN_FIRST_FLAGS = 0x1, 0x4
_TRUN_DURATION, _TRUN_SIZE, _TRUN_FLAGS, _TRUN_SHIFT = 0x100, 0x200, 0x400, 0x800
_BASE_IS_MOOF = 0x20000
_NOT_SYNC = 0x10000

_CONTAINERS = frozenset({b"trak", b"mdia", b"minf", b"stbl"})
_LEFT_OUT = frozenset({b"mvex", b"edts", b"stco"})
# Where a box of version 0 keeps its duration, after its header.
_DURATIONS = {b"mvhd": 16, b"tkhd": 20, b"mdhd": 16}


class _UnfitError(Exception):
    """The file is none of the kind that is read here."""


class _Box(NamedTuple):
    kind: bytes
    start: int
    body: int
    end: int


@dataclass
class _Table:
    """All samples: sizes and durations, the numbers (from 1) of those a player can start at."""

    sizes: list[int] = field(default_factory=list)
    durations: list[int] = field(default_factory=list)
    syncs: list[int] = field(default_factory=list)
    chunks: list[tuple[int, int]] = field(default_factory=list)  # offset in the file, samples


def make_plain(path: Path) -> int | None:
    """Cut the file after its last whole fragment, make it plain; return the count of its frames.

    Returns:
        None when the file is no such fragmented MP4, or has not one whole fragment; it is then as
        it was. Where no space is left for the table the cut file stays fragmented.
    """
    with path.open("r+b") as file:
        try:
            moov, table, end = _read(file)
        except (_UnfitError, struct.error, IndexError):
            return None
        file.truncate(end)
        try:
            _append(file, end, _plain_moov(moov, table))
        except OSError:
            file.truncate(end)
        except (_UnfitError, struct.error):
            return len(table.sizes)
        else:
            _hide(file, moov, end)
        return len(table.sizes)


def _append(file: IO[bytes], end: int, moov: bytes) -> None:
    file.seek(end)
    file.write(moov)
    file.flush()
    os.fsync(file.fileno())


def _hide(file: IO[bytes], moov: _Content, end: int) -> None:
    file.seek(moov.box.start)
    file.write(_HEADER.pack(1, b"mdat") + _LARGE.pack(end - moov.box.start))
    file.flush()


class _Content(NamedTuple):
    """The first `moov` box and its bytes, header included."""

    box: _Box
    data: bytes


def _read(file: IO[bytes]) -> tuple[_Content, _Table, int]:
    """Return the `moov`, the samples of all whole fragments, and where the last of these ends."""
    table, end = _Table(), 0
    moov: _Content | None = None
    moof: _Content | None = None
    for box in _boxes(file, os.fstat(file.fileno()).st_size):
        if box.kind in (b"moov", b"moof"):
            content = _Content(box, _bytes(file, box))
            moov, moof = (content, None) if box.kind == b"moov" else (moov, content)
        elif box.kind == b"mdat" and moof is not None:
            _add(table, moof)
            moof, end = None, box.end
    if moov is None or not table.sizes:
        raise _UnfitError
    return moov, table, end


def _boxes(file: IO[bytes], size: int) -> Iterator[_Box]:
    """Yield the file's boxes, as far as they are whole."""
    at = 0
    while at + _HEADER.size <= size:
        file.seek(at)
        length, kind = _HEADER.unpack(file.read(_HEADER.size))
        body = at + _HEADER.size
        if length == 1:
            length = _LARGE.unpack(file.read(_LARGE.size))[0]
            body += _LARGE.size
        if length < body - at or at + length > size:
            return
        yield _Box(kind, at, body, at + length)
        at += length


def _bytes(file: IO[bytes], box: _Box) -> bytes:
    file.seek(box.start)
    return file.read(box.end - box.start)


def _children(data: bytes, start: int, end: int) -> Iterator[_Box]:
    while start + _HEADER.size <= end:
        length, kind = _HEADER.unpack_from(data, start)
        if length < _HEADER.size or start + length > end:
            raise _UnfitError
        yield _Box(kind, start, start + _HEADER.size, start + length)
        start += length


def _add(table: _Table, moof: _Content) -> None:
    tracks = [box for box in _children(moof.data, 8, len(moof.data)) if box.kind == b"traf"]
    if len(tracks) != 1:
        raise _UnfitError
    defaults: dict[int, int] = {}
    for box in _children(moof.data, tracks[0].body, tracks[0].end):
        if box.kind == b"tfhd":
            defaults = _defaults(moof.data, box)
        elif box.kind == b"trun":
            _add_run(table, moof, box, defaults)


def _defaults(data: bytes, box: _Box) -> dict[int, int]:
    flags = _U32.unpack_from(data, box.body)[0]
    if not flags & _BASE_IS_MOOF:
        raise _UnfitError
    found, at = {}, box.body + 8
    for flag, width in _TFHD_FIELDS:
        if flags & flag:
            found[flag] = int.from_bytes(data[at : at + width], "big")
            at += width
    return found


def _add_run(table: _Table, moof: _Content, box: _Box, defaults: dict[int, int]) -> None:
    """Take the samples of one `trun`."""
    data = moof.data
    flags, count = struct.unpack_from(">II", data, box.body)
    at = box.body + 8
    if not flags & _TRUN_OFFSET:
        raise _UnfitError
    offset = struct.unpack_from(">i", data, at)[0]
    at += 4
    first_flags = None
    if flags & _TRUN_FIRST_FLAGS:
        first_flags = _U32.unpack_from(data, at)[0]
        at += 4
    present = [
        flag for flag in (_TRUN_DURATION, _TRUN_SIZE, _TRUN_FLAGS, _TRUN_SHIFT) if flags & flag
    ]
    row = struct.Struct(f">{len(present)}I")
    table.chunks.append((moof.box.start + offset, count))
    for number in range(count):
        values = dict(zip(present, row.unpack_from(data, at), strict=True))
        at += row.size
        if values.get(_TRUN_SHIFT, 0):
            raise _UnfitError  # frames in another order than they are shown
        table.sizes.append(values.get(_TRUN_SIZE, defaults.get(_SIZE, 0)))
        table.durations.append(values.get(_TRUN_DURATION, defaults.get(_DURATION, 0)))
        own = values.get(_TRUN_FLAGS, defaults.get(_FLAGS, 0))
        sample_flags = first_flags if number == 0 and first_flags is not None else own
        if not sample_flags & _NOT_SYNC:
            table.syncs.append(len(table.sizes))


def _plain_moov(moov: _Content, table: _Table) -> bytes:
    """Return the `moov` box with the samples in it, and no word of fragments."""
    data = moov.data
    media_units = sum(table.durations)
    scales = _scales(data)
    movie_units = media_units * scales[b"mvhd"] // scales[b"mdhd"]
    if max(media_units, movie_units, *table.sizes) > _MOST_U32:
        raise _UnfitError
    durations = {b"mvhd": movie_units, b"tkhd": movie_units, b"mdhd": media_units}
    made = {kind: make(table) for kind, make in _TABLES.items()}

    def rebuilt(box: _Box) -> bytes:
        if box.kind in made or box.kind in _LEFT_OUT:
            return b""
        body = data[box.body : box.end]
        if box.kind in _CONTAINERS:
            body = b"".join(map(rebuilt, _children(data, box.body, box.end)))
            if box.kind == b"stbl":
                body += b"".join(_box(kind, rows) for kind, rows in made.items())
        elif box.kind in _DURATIONS:
            at = _DURATIONS[box.kind]
            if body[0] != 0:
                raise _UnfitError
            body = body[:at] + _U32.pack(durations[box.kind]) + body[at + 4 :]
        return _box(box.kind, body)

    children = _children(data, _HEADER.size, len(data))
    return _box(b"moov", b"".join(map(rebuilt, children)))


def _scales(data: bytes) -> dict[bytes, int]:
    """Units a second of the movie's and the track's times."""
    scales = {}
    for kind in (b"mvhd", b"mdhd"):
        at = data.index(kind) + len(kind)
        scales[kind] = max(1, _U32.unpack_from(data, at + 12)[0])
    return scales


def _box(kind: bytes, body: bytes) -> bytes:
    return _HEADER.pack(_HEADER.size + len(body), kind) + body


def _counted(rows: list[bytes]) -> bytes:
    return _U32.pack(0) + _U32.pack(len(rows)) + b"".join(rows)


def _times(table: _Table) -> bytes:
    runs = ((len(list(same)), value) for value, same in groupby(table.durations))
    return _counted([struct.pack(">II", *run) for run in runs])


def _chunks(table: _Table) -> bytes:
    rows, before = [], None
    for number, (_, samples) in enumerate(table.chunks, start=1):
        if samples != before:
            rows.append(struct.pack(">III", number, samples, 1))
        before = samples
    return _counted(rows)


def _sizes(table: _Table) -> bytes:
    return struct.pack(f">III{len(table.sizes)}I", 0, 0, len(table.sizes), *table.sizes)


def _offsets(table: _Table) -> bytes:
    return _counted([_LARGE.pack(offset) for offset, _ in table.chunks])


def _syncs(table: _Table) -> bytes:
    return _counted([_U32.pack(number) for number in table.syncs])


_TABLES: dict[bytes, Callable[[_Table], bytes]] = {
    b"stts": _times,
    b"stss": _syncs,
    b"stsc": _chunks,
    b"stsz": _sizes,
    b"co64": _offsets,
}
