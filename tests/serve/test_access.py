"""Tokens and headers: who is let in."""

from __future__ import annotations

import pytest

from edgeseg.errors import ConfigError
from edgeseg.serve.access import TOKEN_VARIABLE, Gate, choose_token


@pytest.fixture(autouse=True)
def _no_token(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(TOKEN_VARIABLE, raising=False)


def test_only_this_device_needs_no_token() -> None:
    assert choose_token(None, loopback=True) is None
    first, second = (choose_token(None, loopback=False) for _ in range(2))
    assert first is not None
    assert len(first) >= 20
    assert first != second


def test_a_given_token_counts_everywhere(monkeypatch: pytest.MonkeyPatch) -> None:
    assert choose_token("a-good-token", loopback=True) == "a-good-token"
    monkeypatch.setenv(TOKEN_VARIABLE, "from-the-environment")
    assert choose_token(None, loopback=True) == "from-the-environment"
    assert choose_token("a-good-token", loopback=False) == "a-good-token"


@pytest.mark.parametrize(
    "token", ["", "short", "with space in it", "sémicolon;", "line\nbreak-token"]
)
def test_a_token_that_is_weak_or_needs_quoting_is_refused(token: str) -> None:
    with pytest.raises(ConfigError, match="expected 8 or more"):
        choose_token(token, loopback=False)


@pytest.mark.parametrize(
    ("host", "known"),
    [
        ("localhost:8080", True),
        ("127.0.0.1", True),
        ("[::1]:8080", True),
        ("LOCALHOST:9", True),
        ("cam.localhost:8080", True),
        ("evil.example:8080", False),
        ("127.0.0.1.evil.example", False),
        ("localhost.evil.example", False),
        ("[::1", False),
        ("", False),
    ],
)
def test_on_loopback_a_host_must_be_of_this_device(host: str, known: bool) -> None:
    assert Gate(None, loopback=True, host="127.0.0.1").knows_host(host) is known
    assert Gate("a-good-token", loopback=False, host="0.0.0.0").knows_host(host)


def test_pages_of_other_sites_are_told_by_their_origin() -> None:
    gate = Gate(None, loopback=True, host="127.0.0.1")
    assert gate.same_site(None, "localhost:8080")
    assert gate.same_site("http://localhost:8080", "localhost:8080")
    assert not gate.same_site("http://localhost:9090", "localhost:8080")
    assert not gate.same_site("https://evil.example", "localhost:8080")
    assert not gate.same_site("null", "localhost:8080")


def test_the_cookie_is_not_the_token_and_opens_this_page_alone() -> None:
    gate = Gate("a-good-token", loopback=False, host="0.0.0.0")
    other = Gate("another-token", loopback=False, host="0.0.0.0")
    assert "a-good-token" not in gate.cookie
    assert gate.takes_cookie(gate.cookie)
    assert not gate.takes_cookie(other.cookie)
    assert not gate.takes_cookie("")
    assert not gate.takes_token(gate.cookie)
    assert gate.takes_header("Bearer a-good-token")
    assert not gate.takes_header("Basic a-good-token")
