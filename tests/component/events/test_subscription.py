"""The subscription: once, in order, whatever happens to the stream, the process or an event."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from uuid import UUID, uuid4

from deploy.local.ports import LOOPBACK, any_free_port
from libs.events import jetstream, parking
from libs.events.feed import Feed
from libs.events.log.keeper import Keeper, StreamSettings
from tests.component.events.worlds import POISON, World
from tests.support.eventually import eventually
from tests.support.recordings import ORGANIZATION, proposing


async def test_every_event_is_applied_once_and_in_order(world: World) -> None:
    await world.log.append([proposing() for _ in range(30)])
    world.relay()
    world.subscribe()
    await world.expect_everything()
    for _ in range(10):
        await world.log.append([proposing(events=3)])
    await world.expect_everything()


async def test_a_subscription_started_anew_goes_on_at_its_checkpoint(world: World) -> None:
    world.relay()
    first = world.subscribe()
    await world.log.append([proposing() for _ in range(5)])
    await world.expect_everything()
    first.cancel()
    await asyncio.gather(first, return_exceptions=True)
    await world.log.append([proposing() for _ in range(5)])
    world.subscribe()
    await world.expect_everything()


async def test_only_one_of_two_subscriptions_applies(world: World) -> None:
    world.relay()
    world.subscribe()
    world.subscribe()
    for _ in range(20):
        await world.log.append([proposing()])
    await world.expect_everything()


async def test_a_durable_deleted_while_in_use_is_made_anew(world: World) -> None:
    world.relay()
    world.subscribe()
    await world.log.append([proposing() for _ in range(5)])
    await world.expect_everything()
    client = await jetstream.connect(world.nats.url("timeline"), "timeline")
    await jetstream.request(client, "CONSUMER.DELETE.PROJECTS.timeline")
    await client.close()
    await world.log.append([proposing() for _ in range(5)])
    await world.expect_everything(30)


async def test_a_wiped_broker_loses_nothing_and_doubles_nothing(world: World) -> None:
    world.relay()
    world.subscribe()
    await world.log.append([proposing() for _ in range(20)])
    await world.expect_everything()
    await asyncio.to_thread(world.nats.kill)
    await world.log.append([proposing() for _ in range(20)])
    await asyncio.to_thread(world.nats.wipe)
    await asyncio.to_thread(world.nats.start)
    await world.expect_everything(40)


async def test_a_log_exchanged_while_projects_does_not_answer_is_noticed_all_the_same(world: World) -> None:
    subscribed = await world.restore_the_log()
    subscribed.cancel()
    await asyncio.wait([subscribed])
    await world.make_the_stream_anew()

    client = await jetstream.connect(world.nats.url("timeline"), "timeline")
    made: set[str] = set()

    async def begins_again_and_again() -> None:
        """For whoever refuses what arrives begins anew; else one durable would do."""
        try:
            made.add((await jetstream.request(client, "CONSUMER.INFO.PROJECTS.timeline"))["created"])
        except jetstream.ApiError as error:
            raise AssertionError from error
        assert len(made) >= 3

    async with Feed(f"http://{LOOPBACK}:{any_free_port()}", lambda: "token") as nobody:
        world.subscribe(nobody)
        await eventually(begins_again_and_again, 30)
    await client.close()
    assert await world.seen() == [*range(1, 9)]


async def test_what_the_stream_no_longer_has_comes_from_the_log(world: World) -> None:
    await world.log.append([proposing() for _ in range(50)])
    await Keeper(world.nats.url("keeper"), StreamSettings()).create(first_position=41)
    client = await jetstream.connect(world.nats.url("relay"), "relay")
    entries = await world.log.read(40, 10)
    await jetstream.publish_batch(client, [(entry.subject, entry.body) for entry in entries], 40)
    await client.close()
    world.subscribe()
    await world.expect_everything()


async def test_garbage_in_the_stream_is_replaced_by_the_log(world: World) -> None:
    await world.log.append([proposing() for _ in range(3)])
    await Keeper(world.nats.url("keeper"), StreamSettings()).create(first_position=1)
    [first, _, third] = await world.log.read(0, 3)
    client = await jetstream.connect(world.nats.url("relay"), "relay")
    messages = [(first.subject, first.body), (first.subject, b"\xff garbage"), (third.subject, third.body)]
    await jetstream.publish_batch(client, messages, 0)
    await client.close()
    world.subscribe()
    await world.expect_everything()


async def test_a_poison_event_parks_its_project_and_no_other(world: World) -> None:
    sick, healthy = uuid4(), uuid4()
    world.relay()
    world.subscribe()
    await world.log.append(
        [
            proposing(healthy),
            proposing(sick, name=POISON),
            proposing(healthy, version=1),
            proposing(sick, version=1),
            proposing(healthy, version=2),
        ]
    )

    await world.expect_everything(20, missing=(2, 4))

    async with world.database.connection() as connection:
        [parked] = await parking.list_parked(connection)
    assert (parked.sequence, parked.position, parked.events) == (f"project-{sick}", 2, 2)
    assert "RuntimeError" in parked.detail


async def test_a_parked_project_is_retried_in_order(world: World) -> None:
    sick = uuid4()
    world.relay()
    world.subscribe()
    await world.log.append([proposing(sick, name=POISON), proposing(sick, version=1), proposing()])
    await world.expect_everything(20, missing=(1, 2))

    world.witness.is_choosy = False
    await decide(world, sick, "retry")

    await eventually(lambda: _has_seen(world, [3, 1, 2]))
    await world.log.append([proposing(sick, version=2)])
    await eventually(lambda: _has_seen(world, [3, 1, 2, 4]))


async def test_a_poison_event_can_be_skipped_and_the_rest_goes_on(world: World) -> None:
    sick = uuid4()
    world.relay()
    world.subscribe()
    await world.log.append([proposing(sick, name=POISON), proposing(sick, version=1), proposing()])
    await world.expect_everything(20, missing=(1, 2))

    await decide(world, sick, "skip")

    await eventually(lambda: _has_seen(world, [3, 2]))
    async with world.database.connection() as connection:
        assert await parking.skipped_positions(connection) == frozenset({1})
        assert await parking.list_parked(connection) == []


async def test_a_retried_project_does_not_overtake_another_one_that_is_parked_too(world: World) -> None:
    sick, worse, moved = uuid4(), uuid4(), uuid4()
    world.relay()
    world.subscribe()
    stray = proposing(moved)
    here = replace(stray, events=(replace(stray.events[0], project_id=sick),))
    stray = proposing(moved, version=1)
    there = replace(stray, events=(replace(stray.events[0], project_id=worse),))
    await world.log.append([proposing(sick, name=POISON), here, proposing(worse, name=POISON), there])
    await world.log.append([proposing()])
    await eventually(lambda: _has_seen(world, [5]), 20)

    world.witness.is_choosy = False
    await decide(world, sick, "retry")
    await eventually(lambda: _has_seen(world, [5, 1, 2]))
    await decide(world, worse, "retry")
    await eventually(lambda: _has_seen(world, [5, 1, 2, 3, 4]))


async def test_a_retry_that_fails_again_leaves_the_project_parked(world: World) -> None:
    sick = uuid4()
    world.relay()
    world.subscribe()
    await world.log.append([proposing(sick, name=POISON), proposing()])
    await world.expect_everything(20, missing=(1,))

    await decide(world, sick, "retry")

    async def is_carried_out() -> None:
        async with world.database.connection() as connection:
            result = await connection.fetchval("select result from parking_decisions")
            assert result is not None
            assert result.startswith("failed: RuntimeError")
            assert len(await parking.list_parked(connection)) == 1

    await eventually(is_carried_out)
    await world.log.append([proposing()])
    await world.expect_everything(20, missing=(1,))


async def decide(world: World, project_id: UUID, decision: str) -> None:
    async with world.database.connection() as connection:
        await parking.decide(
            connection, ORGANIZATION, f"project-{project_id}", decision, "mended", "operator"
        )


async def _has_seen(world: World, positions: Sequence[int]) -> None:
    assert await world.seen() == list(positions)


async def test_what_the_stream_holds_no_more_is_read_from_the_log_although_nothing_new_happens(
    world: World,
) -> None:
    await world.log.append([proposing() for _ in range(30)])
    world.relay(max_age=timedelta(microseconds=1))
    world.subscribe()
    await world.expect_everything()


async def test_each_of_two_poison_events_of_a_project_can_be_skipped(world: World) -> None:
    sick = uuid4()
    world.relay()
    world.subscribe()
    await world.log.append(
        [proposing(sick, name=POISON), proposing(sick, name=POISON, version=1), proposing(sick, version=2)]
    )
    await world.log.append([proposing()])
    await world.expect_everything(20, missing=(1, 2, 3))

    await decide(world, sick, "skip")

    async def only_the_second_is_in_the_way() -> None:
        async with world.database.connection() as connection:
            [parked] = await parking.list_parked(connection)
            assert (parked.position, parked.events) == (2, 2)
            assert await parking.open_decisions(connection) == []

    await eventually(only_the_second_is_in_the_way)
    await decide(world, sick, "skip")
    await eventually(lambda: _has_seen(world, [4, 3]))
    async with world.database.connection() as connection:
        assert await parking.skipped_positions(connection) == frozenset({1, 2})
        assert await connection.fetchval("select count(*) from parked_sequences") == 0


async def test_a_decision_about_what_is_not_parked_does_not_wait_for_it_to_be(world: World) -> None:
    project_id = uuid4()
    world.relay()
    world.subscribe()
    await world.log.append([proposing(project_id)])
    await world.expect_everything()

    await decide(world, project_id, "skip")

    async def is_over() -> None:
        async with world.database.connection() as connection:
            assert await parking.open_decisions(connection) == []

    await eventually(is_over)


async def test_attempts_at_events_that_were_applied_are_forgotten(world: World) -> None:
    world.relay()
    world.subscribe()
    await world.log.append([proposing(), proposing(), proposing(name=POISON), proposing()])
    await world.expect_everything(20, missing=(3,))
    await world.log.append([proposing(name=POISON)])

    async def both_are_parked_and_nothing_is_left_of_the_attempts() -> None:
        async with world.database.connection() as connection:
            assert [each.position for each in await parking.list_parked(connection)] == [3, 5]
            assert await connection.fetchval("select count(*) from attempts") == 0

    await eventually(both_are_parked_and_nothing_is_left_of_the_attempts, 20)
