"""Going back to where the log and this service were last alike, where it told of events that the log does not have.

What people asked for stays. What was told of lost events is taken back here; who has heard it already has heard it.
"""

from dataclasses import dataclass

from libs.access import projecting as access
from libs.access.access_log.entries import operator_name, record_operator
from libs.chassis.sessions import Connection
from libs.events import consuming, parking
from libs.events.feed import Feed
from libs.events.parting import NotParted, parted
from services.notifications.rules import CHECKPOINT_NAME, DURABLE
from services.notifications.settings import AdoptionSettings

# Marks and beginnings move back, or the events that the log has there now would be taken for told ones.
GO_BACK = (
    "update streams set told_position = $1 where told_position > $1",
    "update subscriptions set since_position = $1 where since_position > $1",
    "update webhook_endpoints set since_position = $1 where since_position > $1",
    "update rule_revisions set revision = revision + 1 where $1::bigint is not null",
)


@dataclass(frozen=True, slots=True)
class TakenBack:
    """What was told of lost events: messages in inboxes, and deliveries to webhooks, some of which had arrived."""

    messages: int
    deliveries: int
    delivered: int


async def adopt_log(settings: AdoptionSettings, feed: Feed, common: int) -> TakenBack:
    """Go back to `common`, the last position at which the lost log and the present one are alike.

    Raises `NotParted`.
    """
    internal = settings.internal_database_url.get_secret_value()
    names = [CHECKPOINT_NAME, access.CHECKPOINT_NAME]
    async with parted(internal, DURABLE, names, feed) as (connection, reached):
        place = await feed.place(common)
        if common > reached.number or (common and place.event_id is None):
            raise NotParted(
                f"position {common:,} is not one that the log has and this service had reached ({reached.number:,}); "
                "projects adopt-log names the right one"
            )
        async with connection.transaction():
            taken_back = await _take_back(connection, common)
            for statement in GO_BACK:
                await connection.execute(statement, common)
            await parking.forget_after(connection, common)
            await access.read_anew(connection, feed.pages(0, common))
            await consuming.set_checkpoints(connection, names, place)
            await record_operator(connection, operator_name(), f"adopt-log {common}")
    return taken_back


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
    return TakenBack(messages, deliveries["made"], deliveries["delivered"])
