"""A database of the notifications service, migrated as an operator would."""

from services.notifications.migrating import migrate_database
from tests.support.databases import FreshDatabase

SERVICE, INTERNAL = "notifications_service", "notifications_internal"
PASSWORD = "secret"


async def migrate_notifications(database: FreshDatabase) -> None:
    serving, internal = (database.dsn(role, PASSWORD) for role in (SERVICE, INTERNAL))
    await migrate_database(database.admin_dsn, serving, internal)
