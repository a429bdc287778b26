"""Starting over, where timeline knows of events that the log does not have.

The log is right: every read model is emptied, and fills again as that of any consumer that is behind.
"""

from libs.access import projecting as access
from libs.access.access_log.entries import operator_name, record_operator
from libs.chassis.provisioning import Login, in_database
from libs.chassis.sessions import Connection
from libs.events import parking
from libs.events.feed import Feed
from libs.events.parting import parted
from services.timeline import projections
from services.timeline.migrating import connect_as_owner, empty_schemas
from services.timeline.projecting import DURABLE
from services.timeline.settings import AdoptionSettings


async def adopt_log(settings: AdoptionSettings, feed: Feed) -> int:
    """Forget all that was made of events; returns the position that had been reached. Raises `NotAdopted`.

    Answers are empty afterwards and grow; who may ask them is known at once.
    """
    internal = settings.internal_database_url.get_secret_value()
    names = [*projections.names(), access.CHECKPOINT_NAME]
    admin = in_database(settings.admin_database_url.get_secret_value(), Login.of(internal).database)
    async with parted(internal, DURABLE, names, feed) as (leader, reached):
        async with leader.transaction():
            await record_operator(leader, operator_name(), "adopt-log")
        connection = await connect_as_owner(admin)
        try:
            async with connection.transaction():
                await empty_schemas(connection)
                await parking.forget_after(connection, 0)
                await _know_who_may_ask(connection, feed)
        finally:
            await connection.close(timeout=5)
    return reached.number


async def _know_who_may_ask(connection: Connection, feed: Feed) -> None:
    head = await feed.head()
    await access.read_anew(connection, feed.pages(0, head))
    await connection.execute("delete from checkpoints")
    await connection.execute(
        "insert into checkpoints (name, position, event_id) values ($1, $2, $3)",
        access.CHECKPOINT_NAME,
        *await feed.place(head),
    )
