"""What is told and how it is delivered, the same over PostgreSQL and over its simulation."""

from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

import pytest

from libs.chassis.postgres import Database
from libs.events import catalogue
from services.notifications.channels.webhooks import jobs
from services.notifications.channels.webhooks.recording import record
from services.notifications.channels.webhooks.sending import Attempt, Outcome
from services.notifications.telling import Telling
from tests.component.simulation.playing import in_simulated_database, told_of
from tests.simulation import databases
from tests.simulation.history import script
from tests.simulation.people import sign_up
from tests.simulation.programs import POLICY
from tests.support.databases import FreshDatabaseFactory
from tests.support.notifications.databases import INTERNAL, PASSWORD, migrate_notifications

BEGINNING = datetime(2026, 7, 1, 12, tzinfo=UTC)
ROUNDS = 150
# What is random can not be the same twice; arrays that travel as text are text to the simulation.
LEFT_OUT = ("attempt_id", "subscription_ids")
TABLES = ("inbox_items", "deliveries", "delivery_attempts", "webhook_bodies", "webhook_health", "streams")
OUTCOMES = (Outcome.DELIVERED,) * 5 + (Outcome.REFUSED,) * 3 + (Outcome.TIMED_OUT, Outcome.GONE)


class Days:
    """Events are told, claimed, attempted with any outcome and recorded, in any order, by a clock that runs."""

    def __init__(self, number: int) -> None:
        self._chance = Random(number)
        self._events = [catalogue.read(envelope) for envelope in script(number).envelopes]
        self._telling = Telling(lambda: self._now)
        self._now = BEGINNING
        self._claims: list[jobs.Claim] = []
        self.told: list[Any] = []

    async def __call__(self, database: Database) -> list[Any]:
        async with database.transaction() as connection:
            await sign_up(connection, BEGINNING)
        for _ in range(ROUNDS):
            self._now += timedelta(seconds=self._chance.choice((0.1, 0.5, 2.0, 90.0)))
            await self._chance.choice((self._tell, self._claim, self._claim, self._record, self._record))(
                database
            )
        for table in TABLES:
            self.told.append(await told_of(database, table, LEFT_OUT))
        return self.told

    async def _tell(self, database: Database) -> None:
        batch = self._events[: self._chance.randint(1, 20)]
        self._events = self._events[len(batch) :]
        if batch:
            async with database.transaction() as connection:
                await self._telling.apply(connection, batch)

    async def _claim(self, database: Database) -> None:
        async with database.transaction() as connection:
            claims = await jobs.claim(connection, self._now, self._chance.choice((1, 5)))
        self._claims += claims
        self.told.append(
            sorted(
                (str(each.endpoint_id), each.event_id, each.number, each.lane, each.body, tuple(each.skipped))
                for each in claims
            )
        )

    async def _record(self, database: Database) -> None:
        if not self._claims:
            return
        claim = self._claims.pop(self._chance.randrange(len(self._claims)))
        attempt = Attempt(self._chance.choice(OUTCOMES), 0.5, 200, "answered")
        async with database.transaction() as connection:
            self.told.append(await record(connection, claim, attempt, POLICY, self._now, 0.5))


@pytest.mark.parametrize("number", range(3))
async def test_deliveries_go_as_with_postgres(fresh_database: FreshDatabaseFactory, number: int) -> None:
    fresh = await fresh_database("notifications", migrate_notifications)
    database = await Database.connect(fresh.dsn(INTERNAL, PASSWORD), application_name="contract")

    real = await Days(number)(database)
    await database.close()

    assert await in_simulated_database(databases.telling(), Days(number)) == real
