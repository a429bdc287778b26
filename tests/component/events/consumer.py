"""One consumer of the events: its database, and what has reached a handler that writes down what it is given."""

from collections.abc import AsyncIterator
from uuid import uuid4

import pytest_asyncio

from libs.chassis.postgres import Database
from libs.events import parking
from libs.events.applying import Application
from libs.events.envelope import Envelope
from libs.events.portfolio import ProjectProposed
from tests.component.events.worlds import POISON, Witness, migrate_consumer
from tests.support.databases import FreshDatabaseFactory
from tests.support.history import History


@pytest_asyncio.fixture
async def database(fresh_database: FreshDatabaseFactory) -> AsyncIterator[Database]:
    consumer = await fresh_database("consumer", migrate_consumer)
    opened = await Database.connect(consumer.admin_dsn, application_name="consumer")
    yield opened
    await opened.close()


def proposals(count: int) -> list[Envelope]:
    history = History()
    for number in range(count):
        project_id = uuid4()
        history.record("project", project_id, ProjectProposed(project_id=project_id, name=f"{number}"))
    return [event.envelope for event in history.events]


async def seen(database: Database) -> list[int]:
    async with database.connection() as connection:
        return [row["position"] for row in await connection.fetch("select position from seen order by entry")]


async def applying(database: Database) -> Application:
    application = Application(database, [Witness()], lambda position: None)
    await application.resume()
    return application


def of_a_sick_project() -> list[Envelope]:
    """Its second event can not be applied; the last event is another project's."""
    history = History()
    sick = uuid4()
    for name in ("well", POISON, "after that"):
        history.record("project", sick, ProjectProposed(project_id=sick, name=name))
    other = uuid4()
    history.record("project", other, ProjectProposed(project_id=other, name="other"))
    return [event.envelope for event in history.events]


async def decided(database: Database, application: Application, decision: str) -> None:
    async with database.connection() as connection:
        [parked] = await parking.list_parked(connection)
        await parking.decide(connection, parked.org_id, parked.sequence, decision, "mended", "operator")
    await application.carry_out_decisions()
