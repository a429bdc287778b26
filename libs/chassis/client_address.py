"""Where a request comes from: the peer, or, behind proxies of ours, the last address that is none of them."""

from collections.abc import Sequence
from functools import lru_cache
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network

Network = IPv4Network | IPv6Network

UNKNOWN = "unknown"
HOPS_MAX = 20


class ClientAddresses:
    """Believes `X-Forwarded-For` as far as `trusted` proxies wrote it, and without any not at all."""

    def __init__(self, trusted: Sequence[Network] = ()) -> None:
        self._trusted = tuple(trusted)

    def of(self, peer: str | None, forwarded_for: str | None) -> str:
        """The address to which limits apply: of IPv6 the network of 64 bits, since one client has all of it."""
        if peer is None:
            return UNKNOWN
        if self._trusted and forwarded_for is not None and self._is_proxy(peer):
            peer = self._told_by_proxies(peer, forwarded_for)
        return network_of(peer) if ":" in peer else peer

    def _told_by_proxies(self, peer: str, forwarded_for: str) -> str:
        """The list grows at its end: read from there up to the first one that is no proxy of ours."""
        for hop in reversed(forwarded_for.split(",")[-HOPS_MAX:]):
            if not _is_address(hop.strip()):
                return peer
            peer = hop.strip()
            if not self._is_proxy(peer):
                return peer
        return peer

    def _is_proxy(self, address: str) -> bool:
        return _is_address(address) and any(ip_address(address) in network for network in self._trusted)


@lru_cache(maxsize=4_096)
def network_of(address: str) -> str:
    """`2001:db8::1` is in `2001:db8::/64`; what is no address stays as it is."""
    if not _is_address(address):
        return address
    return str(ip_network(f"{address.partition('%')[0]}/64", strict=False))


@lru_cache(maxsize=4_096)
def _is_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True
