"""A system at rest and what can be damaged of it: each damage is done to copies, which the checker is pointed at."""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import asyncpg
from pydantic import SecretStr

from deploy.local.nats import EmbeddedNats
from deploy.local.stack import Stack
from libs.events import jetstream
from libs.events.log.keeper import Keeper, StreamSettings
from services.projects.verifying.findings import Finding, Report
from services.projects.verifying.verifying import CHECKS, verify
from tests.support.databases import with_database
from tests.support.proof import evidence, invariants

SETTING_OF = {
    "projects": "database_url",
    "timeline": "timeline_database_url",
    "notifications": "notifications_database_url",
}
# Nothing else can have changed by what is done to one of them.
OF_NOTIFICATIONS = (
    *("notifications", "inbox", "deliveries", "webhooks"),
    *("notifications_names", "notifications_rights"),
)
OF_THE_LOG = ("log", "answers", "streams", "stream")
CHECKS_OF = {
    "projects": CHECKS,
    "timeline": tuple(each for each in CHECKS if each not in (*OF_THE_LOG, *OF_NOTIFICATIONS)),
    "notifications": OF_NOTIFICATIONS,
}
NOBODY = UUID(int=0)
Message = tuple[str, bytes]
Spoil = Callable[[list[Message]], None]


@dataclass(frozen=True, slots=True)
class AtRest:
    """A stack whose services have ended; its servers go on, so that what they hold can be copied and read."""

    stack: Stack

    async def verified(self, *only: str) -> Report:
        return await verify(invariants.places(self.stack), only or CHECKS)

    async def damaged(self, service: str, *statements: str, only: Sequence[str] = ()) -> Report:
        """What the checker says of a copy of a service's database to which an administrator did this."""
        async with self._copy(service) as name:
            await execute(with_database(self.stack.whereabouts.admin_dsn, name), *statements)
            settings = invariants.places(self.stack)
            url = getattr(settings, SETTING_OF[service]).get_secret_value()
            return await verify(
                settings.model_copy(update={SETTING_OF[service]: SecretStr(with_database(url, name))}),
                only or CHECKS_OF[service],
            )

    async def published_otherwise(self, nats: EmbeddedNats, spoil: Spoil, first: int = 1) -> Report:
        """What the checker says of a stream, on another server, to which the relay published something else."""
        messages = await self._messages()
        spoil(messages)
        await Keeper(nats.url("keeper"), StreamSettings()).create(first)
        client = await jetstream.connect(nats.url("relay"), "relay")
        try:
            for start in range(0, len(messages), jetstream.BATCH_EVENTS_MAX):
                part = messages[start : start + jetstream.BATCH_EVENTS_MAX]
                await jetstream.publish_batch(client, part, start + first - 1)
        finally:
            await client.close()
        places = invariants.places(self.stack)
        return await verify(places.model_copy(update={"nats_url": SecretStr(nats.url("relay"))}), ("stream",))

    async def row(self, service: str, statement: str) -> Any:
        """The first row a statement finds in the sound database, by name."""
        connection = await asyncpg.connect(self.stack.whereabouts.database_dsn(service))
        try:
            return await connection.fetchrow(statement)
        finally:
            await connection.close()

    async def _messages(self) -> list[Message]:
        async with evidence.broker(self.stack) as client:
            end = await evidence.stream_end(client)
            return [await evidence.raw_message(client, each) for each in range(end.first, end.last + 1)]

    @asynccontextmanager
    async def _copy(self, service: str) -> AsyncIterator[str]:
        admin_dsn = self.stack.whereabouts.admin_dsn
        name = f"damaged_{service}"
        await execute(admin_dsn, f"create database {name} template milepost_{service} strategy file_copy")
        try:
            yield name
        finally:
            await execute(admin_dsn, f"drop database {name} with (force)")


async def execute(dsn: str, *statements: str) -> None:
    """Each statement in a transaction of its own, as databases are made by."""
    connection = await asyncpg.connect(dsn)
    try:
        for statement in statements:
            await connection.execute(statement)
    finally:
        await connection.close()


def only_broken(report: Report, *checks: str) -> list[Finding | None]:
    """The first differences of these checks, and nothing else is broken."""
    broken = {verdict.check for verdict in report.verdicts if verdict.wrong}
    assert (broken, report.exit_code) == (set(checks), 1), report.to_json()
    return [report.of(check).first for check in checks]
