"""The way out is guarded: names are resolved once, every address is checked, connections go to a checked one.

Resolver and sockets are stand-ins that record; no packet leaves this machine.
"""

from datetime import UTC, datetime

import httpx2
import pytest

from services.notifications.channels.webhooks.addresses import EgressPolicy
from services.notifications.channels.webhooks.connecting import guarded_client
from services.notifications.channels.webhooks.sending import Letter, Outcome, Sender
from services.notifications.channels.webhooks.signing import new_secret
from tests.support.notifications.network import RecordedNetwork

PUBLIC = EgressPolicy()
NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)


async def attempt(
    network: RecordedNetwork, url: str, policy: EgressPolicy = PUBLIC
) -> tuple[Outcome, int | None]:
    sender = Sender(guarded_client(policy, resolver=network.resolve, inner=network), policy)
    letter = Letter(url, "id", b"{}", [new_secret()])
    sent = await sender.send(letter, NOW)
    await sender.close()
    return sent.outcome, sent.status


async def test_it_connects_to_the_resolved_address_in_the_name_of_the_host() -> None:
    network = RecordedNetwork({"hooks.example": [["93.184.215.14"]]})

    assert await attempt(network, "https://hooks.example/in?a=b") == (Outcome.DELIVERED, 204)
    assert network.resolved == [("hooks.example", 443)]
    assert network.connected == [("93.184.215.14", 443)]
    (stream,) = network.streams
    assert stream.tls_names == ["hooks.example"]
    assert stream.sent.startswith(b"POST /in?a=b HTTP/1.1\r\nHost: hooks.example\r\n")


async def test_a_name_that_changes_its_address_between_check_and_connection_gains_nothing() -> None:
    network = RecordedNetwork({"rebinding.example": [["93.184.215.14"], ["127.0.0.1"]]})

    assert await attempt(network, "https://rebinding.example/") == (Outcome.DELIVERED, 204)
    assert network.connected == [("93.184.215.14", 443)]
    assert await attempt(network, "https://rebinding.example/") == (Outcome.FORBIDDEN_DESTINATION, None)
    assert network.connected == [("93.184.215.14", 443)]


@pytest.mark.parametrize(
    "addresses",
    [
        ["127.0.0.1"],
        ["93.184.215.14", "10.0.0.1"],
        ["10.0.0.1", "93.184.215.14"],
        ["2606:4700:4700::1111", "64:ff9b::7f00:1"],
        ["::ffff:169.254.169.254"],
        ["fe80::1%eth0"],
        ["93.184.215.14%lo"],
        ["not an address"],
    ],
    ids=lambda addresses: ",".join(addresses),
)
async def test_one_address_inside_refuses_the_name_without_a_single_connection(addresses: list[str]) -> None:
    network = RecordedNetwork({"hooks.example": [addresses]})

    assert await attempt(network, "https://hooks.example/") == (Outcome.FORBIDDEN_DESTINATION, None)
    assert network.connected == []


@pytest.mark.parametrize("host", ["0x7f.1", "2130706433", "127.1", "0177.0.0.1", "①②⑦.⓪.⓪.①", "localhost."])
async def test_whatever_a_resolver_takes_for_loopback_is_refused(host: str) -> None:
    class Lenient(RecordedNetwork):
        async def resolve(self, host: str, port: int) -> list[str]:
            self.resolved.append((host, port))
            return ["127.0.0.1"]

    network = Lenient({})
    assert await attempt(network, f"https://{host}/") == (Outcome.FORBIDDEN_DESTINATION, None)
    assert network.connected == []


async def test_the_next_address_is_tried_where_one_does_not_answer() -> None:
    network = RecordedNetwork(
        {"hooks.example": [["93.184.215.14", "93.184.215.15"]]}, dead=frozenset({"93.184.215.14"})
    )

    assert await attempt(network, "https://hooks.example/") == (Outcome.DELIVERED, 204)
    assert network.connected == [("93.184.215.14", 443), ("93.184.215.15", 443)]


async def test_a_name_with_very_many_addresses_is_tried_a_few_times_only() -> None:
    addresses = [f"93.184.215.{number}" for number in range(1, 100)]
    network = RecordedNetwork({"hooks.example": [addresses]}, dead=frozenset(addresses))

    assert await attempt(network, "https://hooks.example/") == (Outcome.UNREACHABLE, None)
    assert len(network.connected) == 4


async def test_a_name_that_does_not_resolve_is_unreachable() -> None:
    assert await attempt(RecordedNetwork({}), "https://nowhere.example/") == (Outcome.UNREACHABLE, None)


@pytest.mark.parametrize(
    "location", ["https://127.0.0.1/", "http://169.254.169.254/", "https://hooks.example/2"]
)
async def test_a_redirect_is_a_failure_and_is_not_followed(location: str) -> None:
    answer = f"HTTP/1.1 302 Found\r\nLocation: {location}\r\nContent-Length: 0\r\n\r\n".encode()
    network = RecordedNetwork({"hooks.example": [["93.184.215.14"]]}, answers=[answer])

    assert await attempt(network, "https://hooks.example/") == (Outcome.REDIRECTED, 302)
    assert network.connected == [("93.184.215.14", 443)]


async def test_proxies_of_the_environment_are_not_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:3128")
    network = RecordedNetwork({"hooks.example": [["93.184.215.14"]]})

    await attempt(network, "https://hooks.example/")
    assert network.connected == [("93.184.215.14", 443)]


async def test_each_attempt_has_a_connection_of_its_own_so_that_each_is_checked() -> None:
    network = RecordedNetwork(
        {"hooks.example": [["93.184.215.14"]]}, answers=[b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"]
    )
    sender = Sender(guarded_client(PUBLIC, resolver=network.resolve, inner=network), PUBLIC)
    for _ in range(3):
        await sender.send(Letter("https://hooks.example/", "id", b"{}", [new_secret()]), NOW)
    await sender.close()

    assert len(network.resolved) == len(network.connected) == 3


async def test_a_url_that_was_accepted_once_is_checked_again_when_it_is_used() -> None:
    network = RecordedNetwork({"localhost": [["127.0.0.1"]]})

    assert await attempt(network, "http://localhost:8000/") == (Outcome.FORBIDDEN_DESTINATION, None)
    assert network.resolved == []


async def test_the_guard_opens_no_unix_socket() -> None:
    client = guarded_client(PUBLIC, inner=RecordedNetwork({}))
    with pytest.raises(Exception, match=r".") as refused:
        await client.get("unix:///var/run/docker.sock")
    await client.aclose()
    assert isinstance(refused.value, httpx2.HTTPError)
