"""Projecting: the loop that keeps every read model in step with the log, in the replica that leads."""

from collections.abc import Callable, Mapping
from types import MappingProxyType

from pydantic import SecretStr

from libs.access import projecting as access
from libs.access.offboarding import Offboarding
from libs.access.projecting import AccessHandler
from libs.chassis.postgres import Database
from libs.events import vocabulary
from libs.events.feed import Feed
from libs.events.subscription import Subscription, SubscriptionSettings
from services.timeline import projections
from services.timeline.settings import Settings

DURABLE = "timeline"
CONNECTIONS_MAX = 2
NOTHING: Mapping[str, str] = MappingProxyType({})
# Whatever a crash of Postgres takes away here, its checkpoint goes with it, and the log has it still.
WITHOUT_WAITING_FOR_THE_DISK = MappingProxyType({"synchronous_commit": "off"})

# Reading an event needs its model in the catalogue.
assert vocabulary.CONTEXTS


def subscription(
    settings: Settings,
    database: Database,
    feed: Feed,
    on_progress: Callable[[int], None] = lambda position: None,
) -> Subscription:
    """The subscription of all projections; `run` it in one task."""
    return Subscription(
        SubscriptionSettings(
            durable=DURABLE,
            nats_url=settings.nats_url.get_secret_value(),
            database_url=settings.internal_database_url.get_secret_value(),
        ),
        database,
        [*projections.all_projections(), AccessHandler()],
        feed,
        on_progress,
    )


def offboarding(settings: Settings, database: Database) -> Offboarding:
    """What removes the rows of organizations that were offboarded; `run` it in one task."""
    return Offboarding(
        database, [*projections.names(), access.CHECKPOINT_NAME], settings.offboarded_kept_days
    )


async def connect(
    dsn: SecretStr, application_name: str, connections_max: int, settings: Mapping[str, str] = NOTHING
) -> Database:
    """A pool that finds the live read models and the books without naming their schemas."""
    return await Database.connect(
        dsn.get_secret_value(),
        application_name=application_name,
        connections_max=connections_max,
        server_settings={"search_path": projections.search_path(), **settings},
    )
