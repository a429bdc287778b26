"""A consumer whose log was exchanged, and the commands that bring it to the log there is now."""

import asyncio

import pytest

from libs.chassis.sessions import CONNECT_SECONDS
from libs.events.log.adopting import StreamUnknown, compared
from libs.events.parting import NotAdopted, parted
from tests.component.events.worlds import World
from tests.support.projects_database import PASSWORD, RELAY
from tests.support.recordings import proposing


async def test_a_consumer_whose_log_was_exchanged_stands_still_until_an_operator_comes(world: World) -> None:
    await world.restore_the_log()
    await world.make_the_stream_anew()
    seen = await world.seen()
    async with parted(world.consumer.admin_dsn, "timeline", ["witness"], world.feed) as (_, reached):
        assert reached.number == 8
        assert await world.seen() == seen


async def test_a_consumer_may_take_as_long_for_adopting_a_log_as_reading_it_takes(world: World) -> None:
    await world.restore_the_log()
    await world.make_the_stream_anew()
    async with (
        parted(world.consumer.admin_dsn, "timeline", ["witness"], world.feed) as (connection, _),
        connection.transaction(),
    ):
        # Longer than a step of a leader may take.
        await connection.execute("select pg_sleep($1)", CONNECT_SECONDS + 0.5)


async def test_a_consumer_that_follows_the_log_can_not_adopt_it(world: World) -> None:
    world.relay()
    subscribed = world.subscribe()
    await world.log.append([proposing() for _ in range(3)])
    await world.expect_everything()
    subscribed.cancel()
    await asyncio.wait([subscribed])
    with pytest.raises(NotAdopted, match=r"up to position 3(.|\n)*services\.projects verify"):
        async with parted(world.consumer.admin_dsn, "timeline", ["witness"], world.feed):
            pass


async def test_a_consumer_can_not_adopt_the_log_before_projects_has(world: World) -> None:
    """It would be told again of what the stream still holds; the command says which one comes first."""
    await world.restore_the_log()
    with pytest.raises(NotAdopted, match=r"python -m services\.projects adopt-log"):
        async with parted(world.consumer.admin_dsn, "timeline", ["witness"], world.feed):
            pass


async def test_nobody_adopts_a_log_while_what_the_stream_holds_is_not_known(world: World) -> None:
    await asyncio.to_thread(world.nats.kill)
    with pytest.raises(StreamUnknown, match="can not be compared now: "):
        await compared(world.projects.dsn(RELAY, PASSWORD), world.nats.url("relay"))
