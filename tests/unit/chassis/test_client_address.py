"""Limits apply to clients, not to the proxies before us; and nobody chooses their own address."""

from ipaddress import ip_network

import pytest

from libs.chassis.client_address import ClientAddresses

PROXIES = [ip_network("10.0.0.0/8"), ip_network("fd00::/8")]


@pytest.mark.parametrize(
    ("peer", "forwarded_for", "address"),
    [
        ("10.0.0.1", "192.0.2.7", "192.0.2.7"),
        ("10.0.0.1", "198.51.100.1, 192.0.2.7, 10.9.9.9", "192.0.2.7"),
        ("10.0.0.1", "10.0.0.2", "10.0.0.2"),
        ("10.0.0.1", None, "10.0.0.1"),
        ("10.0.0.1", "nonsense", "10.0.0.1"),
        ("10.0.0.1", "192.0.2.7, nonsense, 10.9.9.9", "10.9.9.9"),
        ("203.0.113.5", "192.0.2.7", "203.0.113.5"),
        ("fd00::1", "2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::9", None, "2001:db8:1:2::/64"),
        (None, "192.0.2.7", "unknown"),
        ("10.0.0.1", "," * 10_000 + "192.0.2.7", "192.0.2.7"),
    ],
)
def test_the_last_address_that_is_no_proxy_of_ours_counts(
    peer: str | None, forwarded_for: str | None, address: str
) -> None:
    assert ClientAddresses(PROXIES).of(peer, forwarded_for) == address


def test_without_proxies_nobody_is_believed() -> None:
    assert ClientAddresses().of("10.0.0.1", "192.0.2.7") == "10.0.0.1"
