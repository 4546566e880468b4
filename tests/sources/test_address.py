"""Addresses of cameras: taken apart, shown without their secrets, and the logins they carry."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgeseg.sources.address import Address, read_address, redacted
from edgeseg.sources.grabber import GrabError
from edgeseg.sources.login import answer


def test_the_parts_of_an_address() -> None:
    assert read_address("rtsp://joe:a%40b@10.0.0.2/live?x=1") == Address(
        "rtsp", "10.0.0.2", 554, "/live?x=1", "joe", "a@b"
    )
    there = read_address("https://[::1]:8443")
    assert (there.host, there.port, there.target) == ("::1", 8443, "/")
    assert there.bare_url == "https://[::1]:8443/"
    assert there.encrypted
    assert "a@b" not in repr(read_address("rtsp://joe:a%40b@10.0.0.2/live"))


@pytest.mark.parametrize(
    "url", ["rtsp://", "http://host:port/", "http://host:99999/", "http://[::1/", "http://h/a b"]
)
def test_what_is_no_address_is_final(url: str) -> None:
    with pytest.raises(GrabError, match="no address; expected something like") as caught:
        read_address(url)
    assert caught.value.final


def test_a_password_that_breaks_the_address_is_explained_and_not_shown() -> None:
    with pytest.raises(GrabError, match=r"write / \? # @ : of a password as %2F") as caught:
        read_address("rtsp://joe:se/cret@10.0.0.2/live")
    assert "cret" not in str(caught.value)


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("rtsp://10.0.0.2:554/live", "rtsp://10.0.0.2:554/live"),
        ("rtsp://joe:secret@10.0.0.2/live", "rtsp://***@10.0.0.2/live"),
        ("rtsp://joe:sec@ret@10.0.0.2/live", "rtsp://***@10.0.0.2/live"),
        ("rtsp://joe:sec/ret@10.0.0.2/live", "rtsp://***@10.0.0.2/live"),
        ("rtsp://joe:12#34@10.0.0.2/live", "rtsp://***@10.0.0.2/live"),
        ("http://h/x.cgi?user=joe&pwd=secret&n=1", "http://h/x.cgi?user=joe&pwd=***&n=1"),
        ("http://h/x?loginpas=secret", "http://h/x?loginpas=***"),
        ("http://h/x?access_token=secret#a", "http://h/x?access_token=***#a"),
        ("http://h/people@home", "http://h/people@home"),
    ],
)
def test_no_password_is_shown(url: str, shown: str) -> None:
    assert redacted(url) == shown


@given(st.text("abc019/?#:@%.-", min_size=1, max_size=8).filter(lambda word: "@" not in word))
def test_no_password_is_shown_whatever_it_is_made_of(word: str) -> None:
    assert f"X{word}Y" not in redacted(f"rtsp://joe:X{word}Y@10.0.0.2:554/live")


def test_digest_without_qop_as_in_the_errata_of_rfc_2069() -> None:
    challenge = (
        'Digest realm="testrealm@host.com", nonce="dcd98b7102dd2f0e8b11d0f600bfb0c093", '
        'opaque="5ccc069c403ebaf9f0171e9517f40e41"'
    )
    given = answer([challenge], "GET", "/dir/index.html", "Mufasa", "CircleOfLife")
    assert given is not None
    assert 'response="1949323746fe6a43ef61f9606e7febea"' in given
    assert 'opaque="5ccc069c403ebaf9f0171e9517f40e41"' in given


def test_digest_with_sha_256_and_what_is_not_understood() -> None:
    strong = 'Digest realm="a", nonce="b", qop="auth", algorithm=SHA-256'
    given = answer([strong], "GET", "/", "joe", "secret")
    assert given is not None
    assert "algorithm=SHA-256" in given
    assert answer(['Digest realm="a", nonce="b", algorithm=SHA-512'], "GET", "/", "j", "s") is None
    assert answer(["Negotiate"], "GET", "/", "joe", "secret") is None
    assert answer([strong], "GET", "/", "", "") is None
    assert answer(["Negotiate", 'Basic realm="a"'], "GET", "/", "a", "b") == "Basic YTpi"
