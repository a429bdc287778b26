"""Where a webhook may go: which URLs, ports and addresses, so that no receiver is inside our own walls."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

from httpx2 import URL, InvalidURL

URL_LENGTH_MAX = 2_048
LOOPBACK_NAMES = frozenset({"localhost", "127.0.0.1", "::1"})

# Other scripts come as punycode, so that every reader of the URL sees the host that is connected to.
AUTHORITY = re.compile(r"https?://(?:\[[0-9a-f:.]+\]|[0-9a-z.-]+)(?::[0-9]{1,5})?(?=[/?]|$)", re.IGNORECASE)
NAME_LENGTH_MAX = 253
LABEL = re.compile(r"[0-9a-z](?:[0-9a-z-]{0,61}[0-9a-z])?")
# Resolvers read `0x7f.1`, `127.1` and `2130706433` as addresses; no top-level domain looks like that.
NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*")
NAMES_OF_PRIVATE_NETWORKS = frozenset({"alt", "internal", "invalid", "local", "localhost", "onion"})

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

IPV6_UNICAST = IPv6Network("2000::/3")
# `is_global` alone lets some of these through (NAT64 and 6to4 of loopback, multicast, site-local).
REFUSED_NETWORKS: tuple[Network, ...] = tuple(
    ip_network(text)
    for text in (
        "0.0.0.0/8",
        "10.0.0.0/8",
        "100.64.0.0/10",
        "127.0.0.0/8",
        "169.254.0.0/16",
        "172.16.0.0/12",
        "192.0.0.0/24",
        "192.0.2.0/24",
        "192.88.99.0/24",
        "192.168.0.0/16",
        "198.18.0.0/15",
        "198.51.100.0/24",
        "203.0.113.0/24",
        "224.0.0.0/4",
        "240.0.0.0/4",
        "::/96",
        "::ffff:0:0/96",
        "::ffff:0:0:0/96",
        "64:ff9b::/96",
        "64:ff9b:1::/48",
        "100::/64",
        "2001::/23",
        "2001:db8::/32",
        "2002::/16",
        "3fff::/20",
        "5f00::/16",
        "fc00::/7",
        "fd00:ec2::254/128",
        "fe80::/10",
        "fec0::/10",
        "ff00::/8",
    )
)


class RefusedDestination(Exception):
    """A webhook may not go there; `code` says why in a word, the message in a sentence."""

    def __init__(self, code: str, detail: str) -> None:
        self.code = code
        self.detail = detail
        super().__init__(detail)


@dataclass(frozen=True, slots=True)
class EgressPolicy:
    """`allow_loopback` is for development: plain http, any port, but to this machine only."""

    allow_loopback: bool = False
    ports: frozenset[int] = frozenset({443, 8443})
    own_networks: Sequence[Network] = ()


def check_url(policy: EgressPolicy, text: str) -> URL:
    """Read the URL of an endpoint; raises `RefusedDestination`. Addresses are checked when connecting."""
    url = _read(text)
    is_local = policy.allow_loopback and url.host in LOOPBACK_NAMES
    if url.scheme != "https" and not (is_local and url.scheme == "http"):
        raise RefusedDestination("url_not_https", "The URL must begin with https://.")
    port = 443 if url.port is None else url.port
    if not is_local and port not in policy.ports:
        raise RefusedDestination("port_not_allowed", f"The port must be one of {sorted(policy.ports)}.")
    literal = read_address(url.host)
    if literal is not None:
        check_address(policy, literal)
    elif not is_local:
        _check_name(url.raw_host.decode("ascii"))
    return url


def _read(text: str) -> URL:
    if len(text) > URL_LENGTH_MAX or not text.isascii() or not text.isprintable() or " " in text:
        raise RefusedDestination("url_malformed", "The URL is too long or has characters no URL has.")
    try:
        url = URL(text)
        # The library reads a name in Punycode when it is asked for it, and not before.
        host = url.host
    except (InvalidURL, ValueError) as error:
        raise RefusedDestination("url_malformed", "This is not a URL.") from error
    if url.userinfo:
        raise RefusedDestination("url_has_credentials", "The URL may not contain a user name or password.")
    if not host or "#" in text:
        raise RefusedDestination("url_malformed", "The URL needs a host and may not have a fragment.")
    if url.scheme in ("http", "https") and AUTHORITY.match(text) is None:
        raise RefusedDestination("url_malformed", "The URL needs a host name or an address, and nothing odd.")
    return url


def _check_name(host: str) -> None:
    """Raises `RefusedDestination` unless the public DNS could know such a name."""
    name = host.removesuffix(".").lower()
    labels = name.split(".")
    if len(name) > NAME_LENGTH_MAX or not all(map(LABEL.fullmatch, labels)) or NUMBER.fullmatch(labels[-1]):
        raise RefusedDestination("url_malformed", "The host is neither a name nor an address.")
    if len(labels) == 1 or labels[-1] in NAMES_OF_PRIVATE_NETWORKS or labels[-2:] == ["home", "arpa"]:
        raise RefusedDestination("address_not_public", "The host's name is not a public one.")


def check_address(policy: EgressPolicy, address: Address) -> None:
    """Raises `RefusedDestination` unless the address is a public one (or loopback, where that is allowed)."""
    if policy.allow_loopback and address.is_loopback:
        return
    refused = (
        not address.is_global
        or address.is_multicast
        or (address.version == 6 and address not in IPV6_UNICAST)
        or any(_within(address, network) for network in (*REFUSED_NETWORKS, *policy.own_networks))
    )
    if refused:
        raise RefusedDestination("address_not_public", "The host's address is not a public one.")


def read_address(text: str) -> Address | None:
    """The address a host literally is, or `None` for a name. Scoped addresses are no public ones."""
    try:
        return ip_address(text.partition("%")[0].strip("[]"))
    except ValueError:
        return None


def _within(address: Address, network: Network) -> bool:
    return address.version == network.version and address in network
