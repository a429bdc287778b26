"""Where webhooks may not go: nothing of ours, whatever it is called."""

from ipaddress import ip_address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.notifications.channels.webhooks.addresses import (
    EgressPolicy,
    RefusedDestination,
    check_address,
    check_url,
)

PUBLIC = EgressPolicy()
DEVELOPMENT = EgressPolicy(allow_loopback=True)

INSIDE = [
    "127.0.0.1", "127.8.8.8", "0.0.0.0", "10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.1.1",
    "100.64.0.1", "100.127.255.254", "169.254.169.254", "169.254.170.2", "192.0.0.8", "192.0.0.170",
    "192.0.2.1", "192.88.99.1", "198.18.0.1", "198.51.100.1", "203.0.113.1", "224.0.0.1", "239.255.255.250",
    "240.0.0.1", "255.255.255.255",
    "::", "::1", "::127.0.0.1", "::ffff:127.0.0.1", "::ffff:8.8.8.8", "::ffff:0:127.0.0.1",
    "64:ff9b::7f00:1", "64:ff9b::808:808", "64:ff9b:1::1", "100::1", "2001::1", "2001:db8::1",
    "2002:7f00:1::", "2002:808:808::", "3fff::1", "5f00::1", "fc00::1", "fd00:ec2::254", "fe80::1", "fec0::1",
    "ff02::1", "ff0e::1",
]  # fmt: skip


@pytest.mark.parametrize("text", INSIDE)
def test_an_address_that_is_not_public_is_refused(text: str) -> None:
    with pytest.raises(RefusedDestination):
        check_address(PUBLIC, ip_address(text))


@pytest.mark.parametrize(
    "text", ["8.8.8.8", "1.1.1.1", "93.184.215.14", "2606:4700:4700::1111", "2a00:1450::1"]
)
def test_a_public_address_is_allowed(text: str) -> None:
    check_address(PUBLIC, ip_address(text))


@given(st.ip_addresses())
def test_whatever_is_allowed_is_global_unicast(address: object) -> None:
    found = ip_address(str(address))
    try:
        check_address(PUBLIC, found)
    except RefusedDestination:
        return
    assert found.is_global
    assert not any((found.is_multicast, found.is_loopback, found.is_link_local, found.is_private))


def test_our_own_networks_are_refused_though_public() -> None:
    policy = EgressPolicy(own_networks=(ip_network("93.184.0.0/16"),))

    with pytest.raises(RefusedDestination):
        check_address(policy, ip_address("93.184.215.14"))


def test_development_reaches_this_machine_and_nothing_else_inside() -> None:
    check_address(DEVELOPMENT, ip_address("127.0.0.1"))
    check_address(DEVELOPMENT, ip_address("::1"))
    for text in ("10.0.0.1", "169.254.169.254", "::ffff:127.0.0.1"):
        with pytest.raises(RefusedDestination):
            check_address(DEVELOPMENT, ip_address(text))


@pytest.mark.parametrize(
    ("url", "code"),
    [
        ("", "url_malformed"),
        ("hooks", "url_malformed"),
        ("https://", "url_malformed"),
        ("https:///hooks", "url_malformed"),
        ("https://example.com/#part", "url_malformed"),
        ("https://example.com/\r\nHost: x", "url_malformed"),
        ("https://exa mple.com/", "url_malformed"),
        ("https://example.com:99999/", "port_not_allowed"),
        ("https://[::1/", "url_malformed"),
        ("https://[xn--a/", "url_malformed"),
        ("https://xn--a-\x7f.example.com/", "url_malformed"),
        ("https://xn--.example.com/", "url_malformed"),
        ("https://example.com/" + "a" * 2_048, "url_malformed"),
        ("http://example.com/", "url_not_https"),
        ("http://127.0.0.1:8000/", "url_not_https"),
        ("ftp://example.com/", "url_not_https"),
        ("file:///etc/passwd", "url_malformed"),
        ("https://user@example.com/", "url_has_credentials"),
        ("https://user:word@example.com/", "url_has_credentials"),
        ("https://example.com:22/", "port_not_allowed"),
        ("https://example.com:5432/", "port_not_allowed"),
        ("https://127.0.0.1/", "address_not_public"),
        ("https://[::1]/", "address_not_public"),
        ("https://[::ffff:127.0.0.1]/", "address_not_public"),
        ("https://169.254.169.254/latest/meta-data", "address_not_public"),
        ("https://[fd00:ec2::254]/", "address_not_public"),
    ],
)
def test_a_url_that_no_receiver_may_have_is_refused(url: str, code: str) -> None:
    with pytest.raises(RefusedDestination) as refused:
        check_url(PUBLIC, url)

    assert refused.value.code == code


@pytest.mark.parametrize(
    "url",
    ["https://example.com", "https://example.com/hooks?a=b", "https://example.com:8443/", "https://8.8.8.8/"],
)
def test_a_public_https_url_is_accepted(url: str) -> None:
    assert str(check_url(PUBLIC, url)).startswith(url)


@pytest.mark.parametrize(
    "url", ["http://localhost:5000/hooks", "http://127.0.0.1:5000/", "https://[::1]:5000/"]
)
def test_development_may_use_plain_http_and_any_port_on_this_machine(url: str) -> None:
    check_url(DEVELOPMENT, url)


@pytest.mark.parametrize("url", ["http://example.com/", "http://10.0.0.1/", "http://localhost.example.com/"])
def test_development_may_not_use_plain_http_elsewhere(url: str) -> None:
    with pytest.raises(RefusedDestination):
        check_url(DEVELOPMENT, url)


@given(st.text(max_size=60))
def test_no_text_is_more_than_refused(text: str) -> None:
    for candidate in (
        text,
        f"https://{text}",
        f"https://{text}@example.com/",
        f"https://example.com:{text}/",
    ):
        try:
            check_url(PUBLIC, candidate)
        except RefusedDestination:
            continue
