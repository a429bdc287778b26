"""A database of the projects service, migrated as an operator would, for tests of the log and the relay."""

from libs.chassis.migrations import migrate
from libs.chassis.provisioning import provision
from services.projects.app import MIGRATIONS
from tests.support.databases import FreshDatabase

SERVICE, RELAY = "projects_service", "projects_relay"
PASSWORD = "secret"


async def migrate_projects(database: FreshDatabase) -> None:
    dsns = [database.dsn(role, PASSWORD) for role in (SERVICE, RELAY)]
    admin_dsn = await provision(database.admin_dsn, dsns, "projects_owner")
    await migrate(admin_dsn, MIGRATIONS, owner="projects_owner")
