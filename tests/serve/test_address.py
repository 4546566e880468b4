"""The address of the page: what is understood, and what is said where nobody can be served."""

from __future__ import annotations

import socket

import pytest

from edgeseg.errors import ConfigError, OutputError
from edgeseg.serve.address import Address, is_loopback, listen, parse_address, url_of


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("8080", Address("127.0.0.1", 8080)),
        ("0.0.0.0:8080", Address("0.0.0.0", 8080)),
        ("localhost:0", Address("localhost", 0)),
        ("[::1]:8080", Address("::1", 8080)),
        ("[fe80::1%eth0]:80", Address("fe80::1%eth0", 80)),
        ("cam-1.local:65535", Address("cam-1.local", 65535)),
    ],
)
def test_an_address_is_read(text: str, expected: Address) -> None:
    assert parse_address(text) == expected
    assert parse_address(str(expected)) == expected


@pytest.mark.parametrize(
    "text", ["", "host", ":8080", "::1:8080", "a:b", "1:65536", "http://a:1", "a b:1"]
)
def test_anything_else_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(ConfigError, match=r"no \[HOST:\]PORT; type --serve 8080"):
        parse_address(text)


def test_a_port_in_use_is_said() -> None:
    with listen(Address("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(OutputError, match=f"port {port} is in use; give another"):
            listen(Address("127.0.0.1", port))


def test_an_address_of_another_device_is_refused() -> None:
    with pytest.raises(OutputError, match=r"192\.0\.2\.1 is not an address of this device"):
        listen(Address("192.0.2.1", 0))


def test_an_unknown_name_is_refused() -> None:
    with pytest.raises(OutputError, match=r"no address is known for nowhere\.invalid"):
        listen(Address("nowhere.invalid", 0))


def test_loopback_is_told_from_the_rest() -> None:
    with listen(Address("localhost", 0)) as here, listen(Address("0.0.0.0", 0)) as everywhere:
        assert is_loopback(here)
        assert not is_loopback(everywhere)
        assert url_of(here) == f"http://127.0.0.1:{here.getsockname()[1]}/"
        assert "0.0.0.0" not in url_of(everywhere)


def test_ipv6_is_served_where_there_is_ipv6() -> None:
    if not socket.has_ipv6:
        pytest.skip("Python was built without IPv6")
    try:
        listening = listen(Address("::1", 0))
    except OutputError as error:
        pytest.skip(f"no IPv6 here: {error}")
    with listening:
        assert is_loopback(listening)
        assert url_of(listening).startswith("http://[::1]:")
