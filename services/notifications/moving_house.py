"""An organization moves house: subscriptions, webhooks and inboxes, out of one installation and into another.

What events say is not in the file: the log of the place where it arrives says it, positions included. Nothing that was
recorded there before is told again. Deliveries, health and remembered answers stay behind.
"""

from collections import Counter
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from itertools import groupby, islice
from typing import Any
from uuid import UUID

from pydantic_core import from_json, to_json

from libs.chassis.organization_files import Item, NotImportable, Report
from libs.chassis.postgres import Connection, Database
from libs.events import catalogue
from libs.events.envelope import Envelope, Event
from libs.events.feed import Feed
from services.notifications.channels.webhooks.moving import Resealing
from services.notifications.inbox import InboxItem
from services.notifications.rules import begin_rule_change
from services.notifications.telling import forget_erased

SUBSCRIPTION, WEBHOOK, INBOX_ITEM = "subscription", "webhook", "inbox_item"
EXPORT_SECONDS = 3_600.0
PREFETCHED = 500
CHUNK = 500

# By kind: the columns that belong to where the row is, and which rows move, in which order.
OF_THE_PLACE: Mapping[str, Sequence[str]] = {
    SUBSCRIPTION: ("org_id", "since_position"),
    WEBHOOK: ("org_id", "since_position"),
    INBOX_ITEM: (
        *("org_id", "position", "type", "project_id", "stream", "stream_version", "actor", "on_behalf_of"),
        *("recorded_at", "effective_at"),
    ),
}
EXPORTED = {
    SUBSCRIPTION: "subscriptions as moving where org_id = $1 order by subscription_id",
    WEBHOOK: "webhook_endpoints as moving where org_id = $1 and state <> 'retired' order by endpoint_id",
    # That of the offboarding has no event where the organization lives on.
    INBOX_ITEM: "inbox_items as moving where org_id = $1 and type <> 'organization.offboarded'"
    " order by position, person_id",
}
TABLES = {SUBSCRIPTION: "subscriptions", WEBHOOK: "webhook_endpoints", INBOX_ITEM: "inbox_items"}
HEALTH = """
    insert into webhook_health (org_id, endpoint_id)
    select org_id, endpoint_id from webhook_endpoints where org_id = $1 on conflict do nothing
"""


class History:
    """The events of one organization in this log, read once from the beginning on."""

    def __init__(self, feed: Feed, organization_id: UUID) -> None:
        self.erased: list[Event] = []
        self._events = self._of(feed, organization_id)
        self._last: Envelope | None = None

    async def find(self, event_id: UUID) -> Envelope | None:
        """The event; ask in the order in which they are in the log, for one as often as wanted."""
        if self._last is not None and self._last.event_id == event_id:
            return self._last
        async for envelope in self._events:
            if envelope.event_id == event_id:
                self._last = envelope
                return envelope
        return None

    async def read_to_the_end(self) -> None:
        """Know of everybody who was erased until now."""
        async for _ in self._events:
            pass

    async def _of(self, feed: Feed, organization_id: UUID) -> AsyncIterator[Envelope]:
        async for page in feed.pages(0):
            for envelope in page:
                if envelope.org_id == organization_id:
                    if envelope.type == "person.erased":
                        self.erased.append(catalogue.read(envelope))
                    yield envelope


async def export(database: Database, organization_id: UUID, report: Report) -> AsyncIterator[Item]:
    """What moves, of one instant; `report` is told how many rows were read, and how many there are."""
    async with database.transaction(seconds=EXPORT_SECONDS, readonly=True) as connection:
        done, total = 0, 0
        for rows in EXPORTED.values():
            counted = rows.partition(" order by ")[0]
            total += await connection.fetchval(f"select count(*) from {counted}", organization_id)
        for kind, rows in EXPORTED.items():
            moving = f"select to_jsonb(moving) - $2::text[] from {rows}"
            left_out = list(OF_THE_PLACE[kind])
            async for row in connection.cursor(moving, organization_id, left_out, prefetch=PREFETCHED):
                yield Item(kind, row[0].encode())
                done += 1
                report(done, total)


async def take_in(
    database: Database, feed: Feed, resealing: Resealing, organization_id: UUID, items: Iterable[Item]
) -> Counter[str]:
    """Keep what is not here yet, and count it; interrupted, it is called again with the same items.

    What is here already stays as it is. Raises `NotImportable` where the log does not have the events, and
    `FeedUnavailable`.
    """
    await _check_known(database, organization_id)
    history, head, counts = History(feed, organization_id), await feed.head(), Counter[str]()
    for kind, alike in groupby(items, key=lambda item: item.kind):
        while chunk := list(islice(alike, CHUNK)):
            if kind == INBOX_ITEM:
                told = [await _inbox_row(history, item) for item in chunk]
                counts.update(await _keep_told(database, told))
            elif kind in (SUBSCRIPTION, WEBHOOK):
                rules = _rules(kind, resealing, organization_id, chunk)
                counts.update(await _keep_rules(database, organization_id, kind, rules, head))
            else:
                raise NotImportable(f"line {chunk[0].number}: notifications keeps no {kind}")
    # Last: whoever is erased after this was read is told of by an event that comes after what was kept.
    await history.read_to_the_end()
    async with database.transaction() as connection:
        await forget_erased(connection, history.erased)
    return counts


async def _check_known(database: Database, organization_id: UUID) -> None:
    async with database.connection() as connection:
        is_offboarded = await connection.fetchval(
            "select is_offboarded from access_organizations where org_id = $1", organization_id
        )
    if is_offboarded is None:
        raise NotImportable(f"{organization_id} is not known here: import its events into projects first")
    if is_offboarded:
        raise NotImportable(f"{organization_id} is offboarded here")


def _rules(
    kind: str, resealing: Resealing, organization_id: UUID, chunk: Sequence[Item]
) -> list[dict[str, Any]]:
    rows = [_read(item) for item in chunk]
    if kind == SUBSCRIPTION:
        return rows
    try:
        return [resealing.endpoint(organization_id, row) for row in rows]
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise NotImportable(f"lines {chunk[0].number} to {chunk[-1].number}: {error}") from None


async def _keep_rules(
    database: Database, organization_id: UUID, kind: str, rows: Sequence[dict[str, Any]], head: int
) -> Counter[str]:
    """Rules that begin behind everything the log has, and behind everything that was told."""
    async with database.transaction() as connection:
        since_position = max(head, await begin_rule_change(connection, organization_id))
        here = {"org_id": str(organization_id), "since_position": since_position}
        kept = await _insert(connection, kind, [{**row, **here} for row in rows])
        if kind == WEBHOOK:
            await connection.execute(HEALTH, organization_id)
    return _counted(kind, kept, len(rows))


async def _inbox_row(history: History, item: Item) -> dict[str, Any]:
    row = _read(item)
    event = await history.find(UUID(row["event_id"]))
    if event is None:
        raise NotImportable(
            f"line {item.number}: event {row['event_id']} is not in the log here: "
            "import the newest export of projects first"
        )
    said = InboxItem.of(event, UUID(row["person_id"]), row["sentence"], ())
    return {**{name: getattr(said, name) for name in OF_THE_PLACE[INBOX_ITEM]}, **row}


async def _keep_told(database: Database, rows: Sequence[dict[str, Any]]) -> Counter[str]:
    async with database.transaction() as connection:
        return _counted(INBOX_ITEM, await _insert(connection, INBOX_ITEM, rows), len(rows))


async def _insert(connection: Connection, kind: str, rows: Sequence[Mapping[str, Any]]) -> int:
    """Insert rows that are not there yet; returns how many that were."""
    table = TABLES[kind]
    status = await connection.execute(
        f"insert into {table} select * from jsonb_populate_recordset(null::{table}, $1::jsonb)"
        " on conflict do nothing",
        to_json(rows).decode(),
    )
    return int(status.rpartition(" ")[2])


def _counted(kind: str, kept: int, rows: int) -> Counter[str]:
    name = kind.replace("_", " ")
    return +Counter({f"{name}s kept": kept, f"{name}s that were here": rows - kept})


def _read(item: Item) -> dict[str, Any]:
    try:
        row = from_json(item.body)
        if item.kind == INBOX_ITEM:
            UUID(row["event_id"]), UUID(row["person_id"]), str(row["sentence"])
        return dict(row)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise NotImportable(f"line {item.number}: not of a {item.kind}: {error}") from None
