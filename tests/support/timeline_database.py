"""A database of the timeline service, migrated as an operator would."""

from services.timeline.migrating import migrate_database
from tests.support.databases import FreshDatabase

SERVICE = "timeline_service"
PASSWORD = "secret"


async def migrate_timeline(database: FreshDatabase) -> None:
    await migrate_database(database.admin_dsn, database.dsn(SERVICE, PASSWORD))
