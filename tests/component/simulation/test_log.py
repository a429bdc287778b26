"""The log as the relay reads it, from PostgreSQL and from its simulation."""

from typing import Any

from libs.chassis.postgres import Database
from libs.events.envelope import read_cloud_event
from libs.events.log.log import Log, LogEntry, first_position_since, read_entries, read_head
from tests.component.simulation.playing import simulated
from tests.simulation import databases
from tests.simulation.history import row_of
from tests.simulation.network import Network
from tests.simulation.postgres.server import SimulatedPostgres
from tests.support.databases import FreshDatabaseFactory
from tests.support.projects_database import PASSWORD, RELAY, SERVICE, migrate_projects
from tests.support.recordings import proposing


async def told(database: Database) -> list[Any]:
    async with database.connection() as connection:
        entries = await read_entries(connection, 0, 100)
        return [
            entries,
            await read_entries(connection, 3, 2),
            await read_entries(connection, 100, 2),
            await read_head(connection),
            await first_position_since(connection, entries[4].recorded_at),
            await connection.fetchval("select event_id from events where position = $1", 2),
            await connection.fetchval("select event_id from events where position = $1", 100),
        ]


async def test_the_log_is_read_as_from_postgres(fresh_database: FreshDatabaseFactory) -> None:
    fresh = await fresh_database("projects", migrate_projects)
    appending = await Database.connect(fresh.dsn(SERVICE, PASSWORD), application_name="contract")
    for _ in range(3):
        await Log(appending).append([proposing(events=2), proposing()])
    await appending.close()
    relay = await Database.connect(fresh.dsn(RELAY, PASSWORD), application_name="contract")
    real = await told(relay)
    await relay.close()
    entries: list[LogEntry] = real[0]

    async def act(network: Network) -> list[Any]:
        log = SimulatedPostgres(network, "log", databases.projects())
        for entry in entries:
            log.database.tables["events"].rows[(entry.position,)] = row_of(read_cloud_event(entry.body))
        return await told(log.pool(1))

    assert await simulated(act) == real
