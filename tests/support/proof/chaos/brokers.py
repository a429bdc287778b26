"""Faults of NATS: killed, frozen, emptied, taken back to an older copy, and what it keeps for us taken away."""

import shutil
from random import Random

import nats.errors

from libs.events.jetstream import IMPORTED_API
from tests.support.proof import evidence
from tests.support.proof.chaos.fault import Ground, Strike, done, fault, lasting
from tests.support.proof.chaos.links import CONSUMERS
from tests.support.proof.chaos.spoiling import Spoil, an_older_one, broken, foreign, huge

FLUSH_SECONDS_MAX = 5


async def is_killed(ground: Ground, chance: Random) -> None:
    await ground.campaign.kill("nats")
    await lasting(chance, 0, 2)
    await ground.campaign.start_again("nats")


async def is_frozen(ground: Ground, chance: Random) -> None:
    await ground.campaign.freeze("nats")
    try:
        await lasting(chance, 2, 10)
    finally:
        await ground.campaign.thaw("nats")


async def loses_its_storage(ground: Ground, chance: Random) -> None:
    await ground.campaign.wipe_nats()
    await lasting(chance, 0, 1)
    await ground.campaign.start_again("nats")


async def goes_back_to_an_older_copy(ground: Ground, chance: Random) -> None:
    """A copy is made while it is down; it goes on, dies, and comes back as it was then."""
    store = ground.stack.nats.store
    older = store.with_name("older")
    await ground.campaign.kill("nats")
    shutil.rmtree(older, ignore_errors=True)
    shutil.copytree(store, older)
    await ground.campaign.start_again("nats")
    await lasting(chance, 2, 4)
    await ground.campaign.wipe_nats()
    # The place itself may be a disk, which stays where it is.
    shutil.copytree(older, store, dirs_exist_ok=True)
    await ground.campaign.start_again("nats")


async def loses_the_stream(ground: Ground, chance: Random) -> None:
    """As soon as there is one: the fault before may have taken it already."""
    await done(lambda: evidence.delete_stream(ground.stack))


async def loses_a_consumer(ground: Ground, chance: Random) -> None:
    name = chance.choice(CONSUMERS)
    await done(lambda: _says(ground, name, f"{IMPORTED_API}.CONSUMER.DELETE.PROJECTS.{name}"))


def holds(spoil: Spoil) -> Strike:
    """Somebody wrote into the stream: nothing is relayed behind it, until an operator deletes the stream."""

    async def strike(ground: Ground, chance: Random) -> None:
        async def forged() -> None:
            async with evidence.broker(ground.stack) as client:
                end = await evidence.stream_end(client)
                body = b"{}"
                if end.messages:
                    _, body = await evidence.raw_message(client, chance.randint(end.first, end.last))
            await _says(ground, "relay", "milepost.forged.forged.milestone.planned", spoil(body, body))

        await done(forged)
        ground.counts["messages written into the stream"] += 1
        await lasting(chance, 1, 2)
        await loses_the_stream(ground, chance)

    return strike


async def _says(ground: Ground, user: str, subject: str, body: bytes = b"") -> None:
    async with evidence.broker(ground.stack, user) as client:
        try:
            await client.publish(subject, body)
            await client.flush(FLUSH_SECONDS_MAX)
        except (OSError, nats.errors.Error) as error:
            raise evidence.Unreachable(f"NATS: {error!r}") from error


KILLED = fault("nats is killed", is_killed, "nats")
FROZEN = fault("nats is frozen", is_frozen, "nats")
WIPED = fault("nats loses its storage", loses_its_storage, "nats")
OLDER = fault("nats goes back to an older copy", goes_back_to_an_older_copy, "nats")
STREAM = fault("nats loses the stream", loses_the_stream, "nats")
CONSUMER = fault("nats loses a consumer", loses_a_consumer, "nats")
FORGED = [
    fault(f"the stream holds {what}", holds(spoil), "nats")
    for what, spoil in (
        ("broken JSON", broken),
        ("900 kB", huge),
        ("an old event again", an_older_one),
        ("an event of a foreign organization", foreign),
    )
]
