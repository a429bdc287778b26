"""Going back to where the log and this service were last alike, where it told of events that the log does not have.

What people asked for stays. What was told of lost events is taken back here; who has heard it already has heard it.
"""

from collections.abc import AsyncIterator
from dataclasses import dataclass

from libs.access import projecting as access
from libs.access.access_log.entries import operator_name, record_operator
from libs.chassis.sessions import Connection
from libs.events import catalogue, consuming, parking
from libs.events.consuming import Position
from libs.events.envelope import Envelope, StreamKey
from libs.events.feed import Feed
from libs.events.parting import NotAdopted, parted
from services.notifications.rules import CHECKPOINT_NAME, DURABLE
from services.notifications.settings import AdoptionSettings
from services.notifications.telling import note_streams

# Beginnings move back, or the events that the log has there now would be taken for told ones.
GO_BACK = (
    "update subscriptions set since_position = $1 where since_position > $1",
    "update webhook_endpoints set since_position = $1 where since_position > $1",
    "update rule_revisions set revision = revision + 1 where $1::bigint is not null",
)


FORGET_BODIES = """
delete from webhook_bodies where not exists (
    select from deliveries
    where deliveries.org_id = webhook_bodies.org_id and deliveries.event_id = webhook_bodies.event_id
)
"""
LAST_TOLD = """
select position, event_id from (
    (select position, event_id from inbox_items where position <= $1 order by position desc limit 1)
    union all
    (select position, event_id from deliveries where position <= $1 and not is_test order by position desc limit 1)
) as told
order by position desc limit 1
"""


@dataclass(frozen=True, slots=True)
class TakenBack:
    """What was told of lost events: messages in inboxes, and deliveries to webhooks, some of which had arrived."""

    messages: int
    deliveries: int
    delivered: int


async def adopt_log(settings: AdoptionSettings, feed: Feed, common: int) -> TakenBack:
    """Go back to `common`, the last position at which the lost log and the present one are alike.

    Raises `NotAdopted`.
    """
    internal = settings.internal_database_url.get_secret_value()
    names = [CHECKPOINT_NAME, access.CHECKPOINT_NAME]
    async with parted(internal, DURABLE, names, feed) as (connection, reached):
        place = await feed.place(common)
        await _refuse_unless_alike(connection, feed, common, reached)
        async with connection.transaction():
            taken_back = await _take_back(connection, common)
            for statement in GO_BACK:
                await connection.execute(statement, common)
            await parking.forget_after(connection, common)
            await access.read_anew(connection, await _noted_again(connection, feed, common))
            await consuming.set_checkpoints(connection, names, place)
            await record_operator(connection, operator_name(), f"adopt-log {common}")
    return taken_back


async def _refuse_unless_alike(connection: Connection, feed: Feed, common: int, reached: Position) -> None:
    """From where log and service part they differ for good: the last that was told before must be in the log."""
    place = await feed.place(common)
    if common > reached.number or (common and place.event_id is None):
        raise NotAdopted(
            f"position {common:,} is not one that the log has and this service had reached ({reached.number:,}); "
            "adopt-log of projects names the right one"
        )
    told = await connection.fetchrow(LAST_TOLD, common)
    if told is not None and (await feed.place(told["position"])).event_id != told["event_id"]:
        raise NotAdopted(
            f"log and service are not alike up to position {common:,}: what was told of position {told['position']:,} "
            f"is of event {told['event_id']}, which the log does not have there; give an earlier position"
        )


async def _noted_again(connection: Connection, feed: Feed, common: int) -> AsyncIterator[list[Envelope]]:
    """The log up to there; as it is read, streams that went on in the lost log are noted as they are in this one."""
    rows = await connection.fetch(
        "delete from streams where told_position > $1 returning org_id, stream", common
    )
    gone_on = {StreamKey(row["org_id"], row["stream"]) for row in rows}
    left_out = await parking.left_out_positions(connection)

    async def pages() -> AsyncIterator[list[Envelope]]:
        async for page in feed.pages(0, common):
            again = [each for each in page if each.key in gone_on and each.position not in left_out]
            await note_streams(connection, [catalogue.read(each) for each in again])
            yield page

    return pages()


async def _take_back(connection: Connection, common: int) -> TakenBack:
    messages = await connection.fetchval(
        "with gone as (delete from inbox_items where position > $1 returning 1) select count(*) from gone",
        common,
    )
    [deliveries] = await connection.fetch(
        "with gone as (delete from deliveries where position > $1 and not is_test returning state)"
        " select count(*) as made, count(*) filter (where state = 'delivered') as delivered from gone",
        common,
    )
    await connection.execute(FORGET_BODIES)
    return TakenBack(messages, deliveries["made"], deliveries["delivered"])
