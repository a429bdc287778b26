"""No webhook leads inside (T11): not when it is registered, not when it is sent, and not with the first wall gone.

Resolver and sockets are recording stand-ins, so that no packet leaves this machine whatever fails.
"""

import base64
import ssl
from datetime import UTC, datetime
from ipaddress import ip_network

import httpx2
import pytest
from pydantic import SecretStr

from services.notifications.channels.webhooks.addresses import (
    EgressPolicy,
    RefusedDestination,
    check_address,
    check_url,
    read_address,
)
from services.notifications.channels.webhooks.connecting import guarded_client
from services.notifications.channels.webhooks.sending import Letter, Outcome, Sender
from services.notifications.channels.webhooks.signing import new_secret
from services.notifications.settings import Settings
from tests.security.destinations import ACCEPTED_URLS, OWN_NETWORKS, REFUSED_NAMES, REFUSED_URLS
from tests.support.notifications.network import PUBLIC_ADDRESS, LenientNetwork

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
PUBLIC = EgressPolicy(own_networks=tuple(ip_network(text) for text in OWN_NETWORKS))
TLS = ssl.create_default_context()
EVERY_URL = [url for urls in REFUSED_URLS.values() for url in urls]
REDIRECTED_TO = [
    "https://127.0.0.1/",
    "http://169.254.169.254/latest/",
    "https://[::1]/",
    "//10.0.0.1/",
    "/inside",
]


def network_of_names() -> LenientNetwork:
    return LenientNetwork({name.removesuffix("."): [answer] for name, answer in REFUSED_NAMES.items()})


async def outcome_of_sending(network: LenientNetwork, url: str, policy: EgressPolicy = PUBLIC) -> Outcome:
    sender = Sender(guarded_client(policy, resolver=network.resolve, inner=network, tls=TLS), policy)
    attempt = await sender.send(Letter(url, "id", b"{}", [new_secret()]), NOW)
    await sender.close()
    return attempt.outcome


async def request_past_the_first_wall(network: LenientNetwork, url: str) -> None:
    """Ask for a URL with the connecting wall alone; whatever it raises, what counts is where it connected."""
    async with guarded_client(PUBLIC, resolver=network.resolve, inner=network, tls=TLS) as client:
        try:
            await client.post(url, content=b"{}")
        except (RefusedDestination, httpx2.HTTPError, httpx2.InvalidURL, UnicodeError):
            return


def assert_only_public(network: LenientNetwork) -> None:
    for host, _ in network.connected:
        address = read_address(host)
        assert address is not None, f"connected to {host}, which nobody checked"
        check_address(PUBLIC, address)


def test_the_table_is_as_long_as_promised() -> None:
    assert len({*EVERY_URL, *REFUSED_NAMES}) == len(EVERY_URL) + len(REFUSED_NAMES) >= 180


@pytest.mark.parametrize("url", EVERY_URL, ids=ascii)
def test_a_url_that_leads_inside_or_nowhere_is_not_registered(url: str) -> None:
    with pytest.raises(RefusedDestination) as refused:
        check_url(PUBLIC, url)

    assert "example" not in refused.value.detail


@pytest.mark.parametrize("url", ACCEPTED_URLS)
def test_a_url_of_an_ordinary_receiver_is_registered(url: str) -> None:
    check_url(PUBLIC, url)


@pytest.mark.parametrize("url", EVERY_URL, ids=ascii)
async def test_with_the_first_wall_gone_the_second_connects_to_nothing_inside(url: str) -> None:
    network = LenientNetwork({})
    await request_past_the_first_wall(network, url)

    assert_only_public(network)
    assert await outcome_of_sending(network, url) is Outcome.FORBIDDEN_DESTINATION
    assert_only_public(network)


@pytest.mark.parametrize("name", REFUSED_NAMES)
async def test_a_name_with_one_address_inside_is_never_connected_to(name: str) -> None:
    network = network_of_names()
    check_url(PUBLIC, f"https://{name}/hooks")

    assert await outcome_of_sending(network, f"https://{name}/hooks") is Outcome.FORBIDDEN_DESTINATION
    assert network.connected == []
    assert len(network.resolved) == 1


@pytest.mark.parametrize("inside", ["127.0.0.1", "10.96.0.1", "169.254.169.254", "::1", "fd00:ec2::254"])
async def test_a_name_that_turns_inside_after_it_was_registered_gains_nothing(inside: str) -> None:
    network = LenientNetwork({"rebinding.example.com": [[PUBLIC_ADDRESS], [inside]]})
    url = "https://rebinding.example.com/"

    assert await outcome_of_sending(network, url) is Outcome.DELIVERED
    assert network.connected == [(PUBLIC_ADDRESS, 443)]
    assert network.resolved == [("rebinding.example.com", 443)]
    assert await outcome_of_sending(network, url) is Outcome.FORBIDDEN_DESTINATION
    assert network.connected == [(PUBLIC_ADDRESS, 443)]


@pytest.mark.parametrize("status", [300, 301, 302, 303, 307, 308])
@pytest.mark.parametrize("location", REDIRECTED_TO)
async def test_no_redirect_is_followed(status: int, location: str) -> None:
    answer = f"HTTP/1.1 {status} Elsewhere\r\nLocation: {location}\r\nContent-Length: 0\r\n\r\n".encode()
    network = LenientNetwork({}, answers=[answer])

    assert await outcome_of_sending(network, "https://hooks.example.com/") is Outcome.REDIRECTED
    assert network.connected == [(PUBLIC_ADDRESS, 443)]


@pytest.mark.parametrize("name", ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"])
async def test_a_proxy_in_the_environment_is_not_asked(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in (name, name.lower()):
        monkeypatch.setenv(variable, "http://127.0.0.1:3128")
    network = LenientNetwork({})

    assert await outcome_of_sending(network, "https://hooks.example.com/") is Outcome.DELIVERED
    assert network.connected == [(PUBLIC_ADDRESS, 443)]


async def test_networks_of_our_own_come_from_the_settings() -> None:
    settings = Settings(
        database_url=SecretStr("postgresql://nobody@localhost/none"),
        internal_database_url=SecretStr("postgresql://nobody@localhost/none"),
        nats_url=SecretStr("nats://nobody"),
        projects_url="http://127.0.0.1:1",
        service_token=SecretStr("none"),
        secrets_key=SecretStr("test:" + base64.b64encode(bytes(32)).decode()),
        webhooks_refused_networks=OWN_NETWORKS,
    )
    for name in ("own.example.com", "own-six.example.com"):
        network = network_of_names()
        outcome = await outcome_of_sending(network, f"https://{name}/", settings.egress)
        assert (outcome, network.connected) == (Outcome.FORBIDDEN_DESTINATION, [])
    with pytest.raises(RefusedDestination):
        check_url(settings.egress, "https://93.184.216.34/")


async def test_the_development_setting_opens_loopback_and_nothing_else() -> None:
    policy = EgressPolicy(allow_loopback=True)
    for url in EVERY_URL:
        network = LenientNetwork({})
        await outcome_of_sending(network, url, policy)
        for host, _ in network.connected:
            address = read_address(host)
            assert address is not None
            check_address(policy, address)
            assert address.is_loopback or host == PUBLIC_ADDRESS
