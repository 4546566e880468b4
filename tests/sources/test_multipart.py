"""Cutting multipart answers, however their bytes fall into pieces."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from stamp import jpeg

from edgeseg.sources.multipart import MultipartError, PartReader

PICTURE = jpeg(64, 48)


def pieces(data: bytes, size: int) -> list[bytes]:
    return [data[at : at + size] for at in range(0, len(data), size)]


def parts(reader: PartReader, data: bytes, size: int) -> list[bytes]:
    found = []
    for piece in pieces(data, size):
        reader.feed(piece)
        while (part := reader.next_part()) is not None:
            found.append(part)
    return found


@given(st.integers(1, 3000), st.booleans(), st.booleans(), st.sampled_from(["b", "--b", ""]))
def test_pieces_of_any_size_give_the_same_parts(
    size: int, lengths: bool, crlf: bool, boundary: str
) -> None:
    end = "\r\n" if crlf else "\n"
    length = f"{end}Content-Length: {len(PICTURE)}" if lengths else ""
    head = f"--b{end}Content-Type: image/jpeg{length}{end}{end}".encode()
    data = (head + PICTURE + end.encode()) * 3
    found = parts(PartReader(boundary, 10**6), data, size)
    assert [part.rstrip(b"\r\n") for part in found] == [PICTURE] * 3


def test_the_name_of_the_boundary_inside_a_picture_is_no_boundary() -> None:
    content = b"\xff\xd8 frame-frame\xffframe \xff\xd9"
    data = b"--frame\r\n\r\n" + content + b"\r\n--frame\r\n\r\n"
    assert parts(PartReader("frame", 1000), data, 7) == [content]


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"x" * 9000, "no stream of pictures"),
        (b"--b\r\n" + b"X-Long: 1\r\n" * 1000, "no stream of pictures"),
        (b"--b\r\nContent-Length: 99999999999999999999\r\n\r\n", "is no picture"),
        (b"--b\r\n\r\n" + b"\0" * 20_000, "more than 0 MB is no picture"),
    ],
)
def test_what_is_too_large_or_no_part_is_refused(data: bytes, words: str) -> None:
    with pytest.raises(MultipartError, match=words):
        parts(PartReader("b", 10_000), data, 1000)


@given(st.binary(max_size=300), st.integers(1, 50))
def test_no_bytes_at_all_do_more_than_that(data: bytes, size: int) -> None:
    try:
        for part in parts(PartReader("b", 100), b"--b\r\n\r\n" + data, size):
            assert len(part) <= 100 + size + 8
    except MultipartError:
        pass
