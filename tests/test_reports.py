"""Pages: whole HTML in one file, everything escaped, pictures inside."""

from __future__ import annotations

import base64
from html.parser import HTMLParser
from pathlib import Path

import cv2
import jinja2
import numpy as np
import pytest

from edgeseg.errors import OutputError
from edgeseg.reports import page, write_page
from edgeseg.reports.pictures import (
    VOID_COLOR,
    WRONG_COLOR,
    data_uri,
    difference_picture,
    mask_picture,
)

VOID_ELEMENTS = {"meta", "img", "br", "link", "input"}


class Checked(HTMLParser):
    """Reads a page and fails where an element is not closed in its turn."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append((tag, dict(attrs)))
        if tag not in VOID_ELEMENTS:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


def test_a_page_needs_nothing_from_elsewhere() -> None:
    text = page("base.html.j2")
    checked = Checked(text)
    tags = {tag for tag, _ in checked.seen}
    assert not tags & {"script", "link", "iframe"}
    assert "http" not in text.replace("http-equiv", "")
    assert "url(" not in text
    assert "@import" not in text
    policy = next(a["content"] for _, a in checked.seen if "http-equiv" in a)
    assert policy is not None
    assert policy.startswith("default-src 'none'")


def test_a_missing_variable_is_an_error() -> None:
    with pytest.raises(jinja2.UndefinedError):
        page("evaluation.html.j2")


def test_pages_are_written_whole_or_not_at_all(tmp_path: Path) -> None:
    write_page(tmp_path / "page.html", "base.html.j2")
    assert (tmp_path / "page.html").read_text(encoding="utf-8") == page("base.html.j2")
    with pytest.raises(OutputError, match="cannot write"):
        write_page(tmp_path / "none" / "page.html", "base.html.j2")
    assert [path.name for path in tmp_path.iterdir()] == ["page.html"]


@pytest.mark.parametrize("format", ["jpeg", "png"])
def test_a_data_uri_holds_the_picture_no_wider_than_asked(format: str) -> None:
    picture = np.zeros((60, 90, 3), np.uint8)
    picture[:, 45:] = (10, 200, 30)
    for width, size in ((None, (60, 90)), (30, (20, 30)), (900, (60, 90))):
        head, _, data = data_uri(picture, width, format).partition(",")  # type: ignore[arg-type]
        assert head == f"data:image/{format};base64"
        found = cv2.imdecode(np.frombuffer(base64.b64decode(data), np.uint8), cv2.IMREAD_COLOR)
        assert found.shape[:2] == size
        assert found[5, -5].tolist() == pytest.approx([10, 200, 30], abs=10)
        assert found[5, 5].tolist() == pytest.approx([0, 0, 0], abs=10)


def test_class_maps_have_their_colours_and_void_its_own() -> None:
    picture = mask_picture(np.array([[0, 1, 255]], np.uint8), [(10, 20, 30), (40, 50, 60)])
    assert picture[0].tolist() == [[30, 20, 10], [60, 50, 40], list(VOID_COLOR)]


def test_differences_stand_out() -> None:
    expected, found = np.zeros((4, 6), np.uint8), np.zeros((4, 6), np.uint8)
    found[0, :2] = 1
    void = np.zeros((4, 6), bool)
    void[0, 1] = True
    picture = difference_picture(np.zeros((8, 12, 3), np.uint8), expected, found, void)
    assert picture.shape == (4, 6, 3)
    assert picture[0, 0].tolist() == list(WRONG_COLOR[::-1])
    assert picture[0, 1].tolist() == list(VOID_COLOR)
    assert picture[1, 1].tolist() == [100, 100, 100]
