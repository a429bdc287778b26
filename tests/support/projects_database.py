"""A database of the projects service, migrated as an operator would, for tests of the log and the relay."""

from pathlib import Path

from libs.chassis.migrations import ROOT, migrate
from libs.chassis.provisioning import provision
from tests.support.databases import FreshDatabase

DIRECTORIES = (ROOT / "libs/events/log/migrations", ROOT / "services/projects/migrations")
SERVICE, RELAY = "projects_service", "projects_relay"
PASSWORD = "secret"


async def migrate_projects(database: FreshDatabase) -> None:
    dsns = [database.dsn(role, PASSWORD) for role in (SERVICE, RELAY)]
    admin_dsn = await provision(database.admin_dsn, dsns, "projects_owner")
    await migrate(admin_dsn, [Path(directory) for directory in DIRECTORIES], owner="projects_owner")
