"""A service that is told histories about who may do what, and the directory that its requests ask."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from uuid import UUID

import pytest_asyncio

from libs.access.projecting import AccessHandler
from libs.access.table_directory import TableDirectory
from libs.chassis.organizations import Organizations
from libs.chassis.postgres import Database
from libs.events import parking
from libs.events.applying import Application, Handler
from libs.events.envelope import Envelope
from tests.support.access_history import AccessHistory
from tests.support.databases import FreshDatabaseFactory
from tests.support.history import ORG, History
from tests.support.notifications.databases import INTERNAL, PASSWORD, SERVICE, migrate_notifications


@dataclass
class World:
    """A service that is told histories, and the directory its requests ask."""

    database: Database
    organizations: Organizations
    now: float = 0.0
    others: list[Handler] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.directory = TableDirectory(self.organizations, lambda: self.now)

    async def tell(self, history: History) -> None:
        """Apply what is new in a history, as the subscription does."""
        await self.tell_envelopes([event.envelope for event in history.events])

    async def tell_envelopes(self, envelopes: Sequence[Envelope]) -> None:
        """Apply what is new of these."""
        application = await self._application()
        await application.apply([each for each in envelopes if each.position > application.position.number])
        self.now += 1

    async def leave_out(self, sequence: str) -> None:
        """Do what an operator decided: leave out the first event that waits, and apply the others."""
        async with self.database.transaction() as connection:
            await parking.decide(connection, ORG, sequence, "skip", "understood", "operator")
        for _ in range(2):
            await (await self._application()).carry_out_decisions()
        self.now += 1

    async def _application(self) -> Application:
        application = Application(self.database, [AccessHandler(), *self.others], lambda position: None)
        await application.resume()
        return application


@pytest_asyncio.fixture
async def world(fresh_database: FreshDatabaseFactory) -> AsyncIterator[World]:
    fresh = await fresh_database("notifications", migrate_notifications)
    database = await Database.connect(fresh.dsn(INTERNAL, PASSWORD), application_name="test")
    serving = await Database.connect(fresh.dsn(SERVICE, PASSWORD), application_name="test")
    yield World(database, Organizations(serving))
    await serving.close()
    await database.close()


async def says_what_it_says(world: World, history: AccessHistory) -> None:
    """The directory answers as the history stands now."""
    for person_id, standing in history.standings.items():
        grants = await world.directory.person(ORG, person_id)
        if standing.role is None:
            assert grants is None
            continue
        assert grants is not None
        assert (grants.org_role, grants.project_roles) == (standing.role, standing.project_roles)
        assert grants.requires_if_match
    for key_id in history.keys:
        key = await world.directory.api_key(ORG, key_id)
        state = history.states.get(key_id, "revoked")
        assert (key.secret_hash if key else "revoked") == state


async def somebody(world: World, history: AccessHistory) -> UUID:
    """Somebody who is a member."""
    members = [each for each, standing in history.standings.items() if standing.role]
    assert await world.directory.person(ORG, members[0]) is not None
    return members[0]
