"""Which addresses a webhook may be sent to, and which URLs have the form of one."""

import socket

import pytest

from orchestrator.delivery.targets import (
    TargetRefused,
    Targets,
    checked_url,
    guarded,
    is_allowed,
    shown_host,
)

PUBLIC = ("93.184.215.14", "8.8.8.8", "2606:4700:4700::1111", "2a00:1450:4001:82a::200e")
PRIVATE = ("10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.1.1", "100.64.0.1", "fd12::1")
NEVER = (
    "127.0.0.1",
    "127.255.0.9",
    "0.0.0.0",  # noqa: S104 (an address to refuse)
    "0.1.2.3",
    "169.254.169.254",
    "169.254.0.1",
    "100.100.100.200",
    "168.63.129.16",
    "192.0.0.192",
    "192.0.0.8",
    "192.0.2.1",
    "192.88.99.1",
    "198.18.0.1",
    "198.51.100.1",
    "203.0.113.1",
    "224.0.0.1",
    "239.255.255.255",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "::127.0.0.1",
    "::ffff:127.0.0.1",
    "::ffff:8.8.8.8",
    "::ffff:0:8.8.8.8",
    "64:ff9b::7f00:1",
    "64:ff9b::808:808",
    "64:ff9b:1::1",
    "100::1",
    "2001::1",
    "2001:0:4137:9e76::1",
    "2001:db8::1",
    "2002:7f00:1::",
    "2002:808:808::1",
    "3fff::1",
    "5f00::1",
    "fe80::1",
    "fe80::1%eth0",
    "fec0::1",
    "1::1",
    "4000::1",
    "e000::1",
    "ff02::1",
    "fd00:ec2::254",
    "fd20:ce::254",
)


@pytest.mark.parametrize("address", PUBLIC)
@pytest.mark.parametrize("targets", ["public", "private", "any"])
def test_the_internet_is_always_allowed(address: str, targets: Targets) -> None:
    assert is_allowed(address, targets)


@pytest.mark.parametrize("address", PRIVATE)
def test_ones_own_network_is_allowed_where_the_operator_says_so(address: str) -> None:
    allowed = [is_allowed(address, targets) for targets in ("public", "private", "any")]
    assert allowed == [False, True, True]


@pytest.mark.parametrize("address", NEVER)
def test_the_rest_is_allowed_only_where_anything_is(address: str) -> None:
    allowed = [is_allowed(address, targets) for targets in ("public", "private", "any")]
    assert allowed == [False, False, True]


@pytest.mark.parametrize("text", ["", "localhost", "1.2.3", "::g", "8.8.8.8.8"])
def test_what_is_not_an_address_is_not_allowed(text: str) -> None:
    assert not is_allowed(text, "any")


def test_no_socket_is_opened_for_an_address_that_is_not_allowed() -> None:
    found = (socket.AF_INET, socket.SOCK_STREAM, 6, "", ("10.0.0.1", 80))
    with pytest.raises(TargetRefused):
        guarded("public")(found)
    with guarded("private")(found) as opened:
        assert opened.family is socket.AF_INET


@pytest.mark.parametrize(
    "url",
    [
        "https://example.com",
        "https://example.com:8443/hooks?key=1",
        "https://EXAMPLE.com./a",
        "https://xn--bcher-kva.example/",
        "https://93.184.215.14/",
        "https://[2606:4700:4700::1111]/",
    ],
)
def test_a_url_of_the_right_form_is_kept_as_it_is(url: str) -> None:
    assert checked_url(url, "public") == url


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("", "https"),
        ("example.com/hook", "https"),
        ("http://example.com/", "https"),
        ("ftp://example.com/", "https"),
        ("javascript:alert(1)", "https"),
        ("https://", "https"),
        ("https:///hook", "https"),
        ("https://a b.example/", "https"),
        ("https://example.com/\n", "https"),
        (" https://example.com/", "https"),
        ("https://example.com\\@127.0.0.1/", "https"),
        ("https://user@example.com/", "user"),
        ("https://user:secret@example.com/", "user"),
        ("https://@example.com/", "user"),
        ("https://example.com/#part", "fragment"),
        ("https://example.com/#", "fragment"),
        ("https://example.com:0/", "port"),
        ("https://example.com:99999/", "well-formed"),
        ("https://example.com:port/", "well-formed"),
        ("https://[::1/", "well-formed"),
        ("https://bücher.example/", "ASCII"),
        ("https://ex%61mple.com/", "name a host"),
        ("https://127.0.0.1/", "address"),
        ("https://2130706433/", "address"),
        ("https://10.0.0.1/", "address"),
        ("https://[::1]/", "address"),
        ("https://[64:ff9b::7f00:1]/", "address"),
        ("https://example.com/" + "a" * 2_048, "2048"),
    ],
)
def test_a_url_of_another_form_is_refused_with_what_is_wrong(url: str, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        checked_url(url, "public")


def test_plain_http_is_for_ones_own_network() -> None:
    assert checked_url("http://hooks.internal:8000/", "private") == "http://hooks.internal:8000/"


@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("https://example.com/secret?key=1", "example.com"),
        ("https://example.com:8443/", "example.com:8443"),
        ("https://[2606:4700:4700::1111]:1/x", "[2606:4700:4700::1111]:1"),
        ("https://203.0.113.77/x", "203.0.113.77"),
        ("https://16505550123.example.com:8443/x", "165****0123.example.com:8443"),
    ],
)
def test_only_the_host_is_shown(url: str, host: str) -> None:
    assert shown_host(url) == host
