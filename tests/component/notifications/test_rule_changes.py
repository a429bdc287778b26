"""Rules change while events are being told: each event is matched with the rules before or after, never in between."""

import asyncio
from uuid import UUID

from uuid_utils.compat import uuid7

from libs.events.raid import IssueCommentedOn
from services.notifications import subscriptions
from services.notifications.channels.webhooks import endpoints
from services.notifications.channels.webhooks.endpoints import Endpoint, Wanted
from services.notifications.subscriptions import Wish
from tests.support.eventually import eventually
from tests.support.notifications.events import ISSUE, ORGANIZATION, PROJECT
from tests.support.notifications.world import World, comment

PERSON = UUID(int=0xA1)
HOLD = "select position from checkpoints where name = 'notifications' for update"


async def waits_for_a_lock(world: World) -> None:
    async with world.database.connection() as connection:
        assert await connection.fetchval("select true from pg_locks where not granted limit 1")


async def test_a_subscription_made_during_a_batch_begins_behind_it(world: World) -> None:
    events = [world.happened(IssueCommentedOn(comment_id=ISSUE, text="hello")) for _ in range(3)]
    await world.tell(events[0])
    async with world.database.transaction() as batch:
        await batch.fetchval(HOLD)
        await world.telling.apply(batch, events[1:])
        subscribing = asyncio.create_task(world.subscribe(PERSON))
        await eventually(lambda: waits_for_a_lock(world))
        await batch.execute("update checkpoints set position = 3 where name = 'notifications'")

    assert (await subscribing).since_position == 3
    assert await world.items(PERSON) == []


async def test_a_batch_that_begins_while_a_subscription_is_made_is_matched_with_it(world: World) -> None:
    first, second = (world.happened(IssueCommentedOn(comment_id=ISSUE, text="hello")) for _ in range(2))
    await world.tell(first)

    async def batch() -> None:
        async with world.database.transaction() as connection:
            await connection.fetchval(HOLD)
            await world.telling.apply(connection, [second])

    async with world.database.transaction() as connection:
        made = await subscriptions.subscribe(
            connection, ORGANIZATION, PERSON, uuid7(), Wish(project_id=PROJECT), world.clock()
        )
        telling = asyncio.create_task(batch())
        await eventually(lambda: waits_for_a_lock(world))
    await telling

    assert made.since_position == 1
    assert [item.position for item in await world.items(PERSON)] == [2]


async def test_a_batch_for_an_endpoint_that_is_being_revised_waits_for_nobody(world: World) -> None:
    made = await world.register()
    await world.tell(comment(world))

    async def revise() -> Endpoint:
        async with world.database.transaction() as connection:
            found = await endpoints.locked(connection, ORGANIZATION, made.endpoint_id)
            assert found is not None
            return await endpoints.revise(connection, found, Wanted(url=found.url), True, world.clock())

    async with world.database.transaction() as batch:
        await batch.fetchval(HOLD)
        revising = asyncio.create_task(revise())
        await eventually(lambda: waits_for_a_lock(world))
        await world.telling.apply(batch, [comment(world)])
        await batch.execute("update checkpoints set position = 2 where name = 'notifications'")

    assert (await revising).since_position == 2
    assert [position for position, *_ in await world.states()] == [1, 2]


async def test_rules_kept_in_memory_follow_every_change(world: World) -> None:
    made = await world.subscribe(PERSON)
    await world.tell(world.happened(IssueCommentedOn(comment_id=ISSUE, text="one")))
    async with world.database.transaction() as connection:
        found = await subscriptions.locked(connection, ORGANIZATION, PERSON, made.subscription_id)
        assert found is not None
        await subscriptions.revise(connection, found, Wish(kinds=("milestone.*",)), world.clock())
    await world.tell(world.happened(IssueCommentedOn(comment_id=ISSUE, text="two")))
    async with world.database.transaction() as connection:
        await subscriptions.revise(connection, found, Wish(kinds=("issue.*",)), world.clock())
    await world.tell(world.happened(IssueCommentedOn(comment_id=ISSUE, text="three")))
    async with world.database.transaction() as connection:
        await subscriptions.end(connection, found)
    await world.tell(world.happened(IssueCommentedOn(comment_id=ISSUE, text="four")))

    assert [item.position for item in await world.items(PERSON)] == [3, 1]
