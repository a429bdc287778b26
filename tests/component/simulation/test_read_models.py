"""Timeline's read models, kept the same by PostgreSQL and by its simulation."""

from random import Random
from typing import Any

import pytest
from pydantic import SecretStr

from libs.access.projecting import AccessHandler
from libs.chassis.postgres import Database
from libs.events import catalogue
from libs.events.applying import Handler
from libs.events.writing import write_together
from services.timeline import projecting, projections
from tests.component.simulation.playing import in_simulated_database, told_of
from tests.simulation import databases
from tests.simulation.history import script
from tests.simulation.reference import TABLES
from tests.support.databases import FreshDatabaseFactory
from tests.support.timeline_database import INTERNAL, PASSWORD, migrate_timeline


async def told(database: Database, number: int) -> dict[str, Any]:
    """Apply a history in batches of any size; handlers forget what they know now and then."""
    chance = Random(number)
    handlers: list[Handler] = [*projections.all_projections(), AccessHandler()]
    events = [catalogue.read(envelope) for envelope in script(number).envelopes]
    while events:
        batch = events[: chance.choice((1, 3, 10, 40))]
        events = events[len(batch) :]
        async with database.transaction() as connection:
            left = [write for handler in handlers for write in await handler.apply(connection, batch) or ()]
            await write_together(connection, left)
        if chance.random() < 0.2:
            for handler in handlers:
                handler.forget()
    return {table: await told_of(database, table) for table in (*TABLES, "stream_names")}


@pytest.mark.parametrize("number", range(2))
async def test_read_models_come_out_as_with_postgres(
    fresh_database: FreshDatabaseFactory, number: int
) -> None:
    fresh = await fresh_database("timeline", migrate_timeline)
    database = await projecting.connect(SecretStr(fresh.dsn(INTERNAL, PASSWORD)), "contract", 2)

    real = await told(database, number)
    await database.close()

    assert await in_simulated_database(databases.timeline(), lambda database: told(database, number)) == real
