"""A database of the notifications service, migrated as an operator would."""

from libs.chassis.migrations import ROOT, migrate
from libs.chassis.provisioning import provision
from tests.support.databases import FreshDatabase

DIRECTORIES = (ROOT / "libs/events/consumer_migrations", ROOT / "services/notifications/migrations")
SERVICE = "notifications_service"
PASSWORD = "secret"


async def migrate_notifications(database: FreshDatabase) -> None:
    admin_dsn = await provision(database.admin_dsn, [database.dsn(SERVICE, PASSWORD)], "notifications_owner")
    await migrate(admin_dsn, list(DIRECTORIES), owner="notifications_owner")
