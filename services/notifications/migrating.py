"""Bring the database up to the program: its roles, its tables, and the walls around every organization's rows."""

from libs.access.access_log.recording import MIGRATIONS as ACCESS_LOG_MIGRATIONS
from libs.chassis.migrations import ROOT, migrate
from libs.chassis.provisioning import provision
from libs.chassis.walls import Roles, migrate_walls

ROLES = Roles("notifications_owner", internal="notifications_internal", serving="notifications_service")
DIRECTORIES = (
    ROOT / "libs/events/consumer_migrations",
    ROOT / "libs/access/migrations",
    ROOT / "services/notifications/migrations",
    ACCESS_LOG_MIGRATIONS,
)


async def migrate_database(admin_dsn: str, serving_dsn: str, internal_dsn: str) -> list[str]:
    """Create and change what is missing; returns the names of what was applied. May be repeated at any time.

    `admin_dsn` is an administrator's, of any database of the server; the others name the two roles of the service
    with their passwords, and its database.
    """
    database_dsn = await provision(admin_dsn, [serving_dsn, internal_dsn], ROLES.owner)
    applied = await migrate(database_dsn, DIRECTORIES, owner=ROLES.owner)
    await migrate_walls(database_dsn, ROLES)
    return [each.name for each in applied]
