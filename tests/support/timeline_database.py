"""A database of the timeline service, migrated as an operator would."""

from services.timeline.migrating import migrate_database
from tests.support.databases import FreshDatabase

SERVICE, INTERNAL = "timeline_service", "timeline_internal"
PASSWORD = "secret"


async def migrate_timeline(database: FreshDatabase) -> None:
    serving, internal = (database.dsn(role, PASSWORD) for role in (SERVICE, INTERNAL))
    await migrate_database(database.admin_dsn, serving, internal)
