"""Clients that hang up in the middle of a command and send it again under its key: it is recorded once."""

import asyncio
from collections.abc import Sequence
from urllib.parse import urlsplit

import pytest

from tests.support.proof.campaign import Campaign
from tests.support.proof.ledger import Asked, Fate
from tests.support.proof.sayings import block, comment, reforecast, transition

COMMANDS = 40


def request_of(campaign: Campaign, asked: Asked) -> bytes:
    lines = [
        f"POST {asked.path} HTTP/1.1",
        "Host: projects",
        f"Authorization: Bearer {campaign.token(asked.org_id, asked.actor)}",
        f"Idempotency-Key: {asked.key}",
        "Content-Type: application/json",
        f"Content-Length: {len(asked.content)}",
    ]
    return "\r\n".join([*lines, "", ""]).encode() + asked.content


def commands(campaign: Campaign) -> Sequence[Asked]:
    chance, world = campaign.chance, campaign.world
    sayings = (reforecast, transition, comment, block)
    return [chance.choice(sayings)(chance.choice(world.places), chance, world) for _ in range(COMMANDS)]


async def hang_up_after(campaign: Campaign, sent: bytes) -> None:
    """Send these bytes and close the connection without waiting for anything."""
    address = urlsplit(campaign.stack.url("projects"))
    _, writer = await asyncio.open_connection(address.hostname, address.port)
    writer.write(sent)
    await writer.drain()
    writer.transport.abort()


@pytest.mark.parametrize("share", [1.0, 0.97, 0.5], ids=["at its end", "in its body", "in its head"])
async def test_a_client_hangs_up_and_asks_again(campaign: Campaign, share: float) -> None:
    async def ask_twice(asked: Asked) -> Fate:
        request = request_of(campaign, asked)
        entry = campaign.ledger.ask(asked)
        await hang_up_after(campaign, request[: int(len(request) * share)])
        await campaign.sender.ask_again(entry)
        return entry.fate

    fates = await asyncio.gather(*map(ask_twice, commands(campaign)))
    assert fates.count(Fate.ACKNOWLEDGED) > COMMANDS // 2
    await campaign.everything_holds()
