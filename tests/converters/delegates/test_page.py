"""docs/targets.md says what the tables say."""

from __future__ import annotations

from pathlib import Path

import pytest

from edgeseg.converters.delegates import TARGETS
from edgeseg.converters.delegates.examples import examples
from edgeseg.converters.delegates.page import main, page

PAGE = Path(__file__).parents[3] / "docs" / "targets.md"


def test_the_committed_page_is_what_the_tables_say() -> None:
    command = "python -m edgeseg.converters.delegates.page -o docs/targets.md"
    assert PAGE.read_text(encoding="utf-8") == page(), f"outdated; type: {command}"


def test_it_has_every_target_and_every_source() -> None:
    text = " ".join(page().split())
    for target in TARGETS.values():
        assert f"`{target.name}`" in text
        for rule in target.rules.values():
            assert " ".join(rule.source.split()) in text


def test_its_tables_are_whole() -> None:
    rows = [line for line in page().splitlines() if line.startswith("|")]
    assert {row.count("|") for row in rows} == {6, len(examples("int8")) + 2}
    assert all(row.endswith("|") for row in rows)


def test_it_goes_to_a_file_or_to_the_terminal(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    main(["-o", str(tmp_path / "page.md")])
    main([])
    assert (tmp_path / "page.md").read_text(encoding="utf-8") == capsys.readouterr().out == page()
