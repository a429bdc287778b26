"""What consumers keep in their database, whatever they do: the same in PostgreSQL and in its simulation."""

from collections.abc import Callable
from random import Random
from typing import Any

import pytest

from libs.chassis.migrations import ROOT, migrate
from libs.chassis.postgres import Connection, Database
from libs.events import consuming, parking
from libs.events.consuming import Position
from libs.events.envelope import Envelope
from libs.events.parking_lot import ParkingLot
from tests.component.simulation.playing import in_simulated_database, told_of
from tests.simulation import databases
from tests.simulation.history import script
from tests.support.databases import FreshDatabase, FreshDatabaseFactory

STEPS = 120
NAMES = ["first", "second"]
TIMES = ("parked_at", "updated_at", "decided_at", "carried_out_at", "decision_id")


class Undone(Exception):
    """Raised inside a transaction so that it never was."""


class Steps:
    """Random calls of what consumers do, the same for the same number; `told` is what they answered."""

    def __init__(self, number: int) -> None:
        self._chance = Random(number)
        self._envelopes = script(number).envelopes
        self.told: list[Any] = []

    async def __call__(self, database: Database) -> list[Any]:
        for _ in range(STEPS):
            step: Callable[[Connection], Any] = self._chance.choice(self._steps())
            try:
                async with database.transaction() as connection:
                    self.told.append(await step(connection))
                    if self._chance.random() < 0.2:
                        raise Undone
            except Undone:
                self.told.append("undone")
        for table in ("checkpoints", "parked_sequences", "parked_events", "attempts", "parking_decisions"):
            self.told.append(await told_of(database, table, TIMES))
        return self.told

    def _steps(self) -> list[Callable[[Connection], Any]]:
        return [
            self._checkpoints,
            self._park,
            self._wait,
            self._attempt,
            self._retry,
            self._skip,
            self._decide,
        ]

    def _any(self) -> Envelope:
        return self._chance.choice(self._envelopes)

    async def _checkpoints(self, connection: Connection) -> Any:
        envelope = self._any()
        position = await consuming.lock_checkpoints(connection, NAMES)
        names = self._chance.choice((NAMES, NAMES[:1]))
        await consuming.set_checkpoints(connection, names, Position(envelope.position, envelope.event_id))
        return position, await consuming.read_checkpoints(connection, NAMES)

    async def _park(self, connection: Connection) -> Any:
        await parking.park(connection, self._any(), "cannot_apply", "broken")
        return await self._parked(connection)

    async def _wait(self, connection: Connection) -> Any:
        await parking.park_waiting(connection, [self._any()])
        return await self._parked(connection)

    async def _parked(self, connection: Connection) -> Any:
        lot = await ParkingLot.load(connection)
        found = await parking.list_parked(connection)
        told = [(each.sequence, each.position, each.code, each.detail, each.events) for each in found]
        return len(lot), sorted(told)

    async def _attempt(self, connection: Connection) -> Any:
        return await parking.count_attempt(connection, self._chance.randint(1, 9))

    async def _retry(self, connection: Connection) -> Any:
        envelope = self._any()
        sequence = parking.sequence_of(envelope)
        waiting = await parking.waiting_events(connection, envelope.org_id, sequence)
        if self._chance.random() < 0.3:
            await parking.release(connection, waiting, envelope.org_id, sequence)
        return waiting, await self._parked(connection)

    async def _skip(self, connection: Connection) -> Any:
        envelope = self._any()
        sequence = parking.sequence_of(envelope)
        waiting = await parking.waiting_events(connection, envelope.org_id, sequence)
        if len(waiting) > 1:
            await parking.skip_first(connection, waiting, sequence)
        return await self._parked(connection)

    async def _decide(self, connection: Connection) -> Any:
        envelope = self._any()
        sequence, decision = parking.sequence_of(envelope), self._chance.choice(("retry", "skip"))
        await parking.decide(connection, envelope.org_id, sequence, decision, "because", "somebody")
        decisions = await parking.open_decisions(connection)
        if self._chance.random() < 0.5:
            await parking.close_decision(connection, decisions[0].decision_id, envelope.position, "done")
        told = [(each.sequence, each.decision) for each in decisions]
        return told, await parking.skipped_positions(connection)


async def migrate_consumer(database: FreshDatabase) -> None:
    await migrate(database.admin_dsn, [ROOT / "libs/events/consumer_migrations"])


@pytest.mark.parametrize("number", range(4))
async def test_what_consumers_do_goes_as_with_postgres(
    fresh_database: FreshDatabaseFactory, number: int
) -> None:
    fresh = await fresh_database("simulated consumer", migrate_consumer)
    database = await Database.connect(fresh.admin_dsn, application_name="contract")

    real = await Steps(number)(database)
    await database.close()

    assert await in_simulated_database(databases.timeline(), Steps(number)) == real
