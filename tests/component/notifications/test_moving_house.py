"""An organization moves house: what people asked for and were told is written into a file, and kept somewhere else."""

from collections import Counter
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

import httpx2
import pytest
import pytest_asyncio
from pydantic_core import from_json
from starlette.applications import Starlette

from libs.access.projecting import AccessHandler
from libs.chassis.organization_files import Item, NotImportable
from libs.chassis.postgres import Database
from libs.events.access import OrganizationFounded, OrganizationOffboarded, PersonErased
from libs.events.envelope import Event
from libs.events.feed import Feed
from libs.events.log.log import Log
from libs.events.log.recording import Answer, Expectation, NewEvent, Recording
from services.notifications import moving_house
from services.notifications.channels.webhooks import endpoints
from services.notifications.channels.webhooks.moving import Resealing
from services.notifications.channels.webhooks.recording import Recorded
from services.notifications.channels.webhooks.signing import Sealer
from services.notifications.inbox import mark_read
from services.notifications.matching import Channel
from services.notifications.rules import load_rules
from services.notifications.subscriptions import Wish
from services.projects.api import log_feed
from tests.component.events.worlds import AnyService
from tests.support import projects_database
from tests.support.databases import FreshDatabaseFactory
from tests.support.notifications.databases import INTERNAL, PASSWORD, SERVICE, migrate_notifications
from tests.support.notifications.events import ORGANIZATION, recorded
from tests.support.notifications.world import World, comment, reader
from tests.support.projects_database import migrate_projects
from tests.support.recordings import proposing

ANN, BEN = UUID(int=0xA1), UUID(int=0xA2)
OTHER_ORGANIZATION = UUID(int=99)
# Where the organization comes from, and where it goes, secrets are sealed with keys that have the same id.
KEYS_THERE = Sealer({"test": bytes(range(32))})


@dataclass
class Place:
    """Another installation: its log, which has others' events too, and its notifications."""

    log: Log
    world: World
    feed: Feed
    resealing: Resealing

    async def receive(self, *events: Event) -> None:
        """The events arrive in the log of this place and are told there, as they are after an import."""
        for event in events:
            envelope = event.envelope
            new = NewEvent(
                envelope.event_id,
                envelope.stream,
                envelope.version,
                envelope.project_id,
                event.data,
                envelope.effective_at,
            )
            expectation = Expectation(envelope.stream, envelope.version - 1)
            await self.log.append(
                [Recording(envelope.org_id, envelope.actor, (expectation,), (new,), Answer(200, b""))]
            )

    async def take_in(self, items: Sequence[Item], resealing: Resealing | None = None) -> Counter[str]:
        return await moving_house.take_in(
            self.world.database, self.feed, resealing or self.resealing, ORGANIZATION, items
        )


@pytest_asyncio.fixture
async def there(world: World, fresh_database: FreshDatabaseFactory) -> AsyncIterator[Place]:
    projects = await fresh_database("projects", migrate_projects)
    log_database = await Database.connect(
        projects.dsn(projects_database.SERVICE, projects_database.PASSWORD), application_name="log there"
    )
    fresh = await fresh_database("notifications", migrate_notifications)
    database = await Database.connect(fresh.dsn(INTERNAL, PASSWORD), application_name="there")
    serving = await Database.connect(fresh.dsn(SERVICE, PASSWORD), application_name="there")
    log = Log(log_database)
    await log.append([proposing(org_id=OTHER_ORGANIZATION) for _ in range(3)])
    app = Starlette(routes=log_feed.routes())
    app.state.log, app.state.service_token_verifier = log, AnyService()
    there = replace(world, database=database, serving=serving, sealer=KEYS_THERE)
    await found(there)
    async with Feed("http://projects", lambda: "token", httpx2.ASGITransport(app)) as feed:
        yield Place(log, there, feed, Resealing(world.sealer, KEYS_THERE))
    await there.sender.close()
    for each in (log_database, database, serving):
        await each.close()


async def found(world: World) -> None:
    event = recorded(OrganizationFounded(name="Apollo program"), project_id=None)
    async with world.database.transaction() as connection:
        await AccessHandler().apply(connection, [event])


async def exported(database: Database) -> list[Item]:
    items = moving_house.export(database, ORGANIZATION, lambda done, total: None)
    return [item async for item in items]


def contents(items: Sequence[Item]) -> list[tuple[str, dict[str, Any]]]:
    """What can be compared: a secret is sealed differently each time."""
    return [
        (item.kind, {name: value for name, value in from_json(item.body).items() if "secret" not in name})
        for item in items
    ]


async def read_by(world: World, person_id: UUID, event: Event) -> None:
    async with world.database.transaction() as connection:
        assert await mark_read(connection, reader(person_id), [event.envelope.event_id], world.clock()) == 1


async def lived_in(world: World) -> list[Event]:
    """Two people who asked and were told, one of whom read something, and a webhook."""
    await world.subscribe(ANN)
    await world.subscribe(BEN, Wish(kinds=("issue.*",), mute_own=False))
    await world.register()
    events = [comment(world) for _ in range(3)]
    await world.tell(*events)
    await read_by(world, ANN, events[1])
    return events


async def test_what_was_exported_is_kept_and_exported_again(world: World, there: Place) -> None:
    events = await lived_in(world)
    await there.receive(*events)
    items = await exported(world.database)

    assert await there.take_in(items) == Counter(
        {"subscriptions kept": 2, "webhooks kept": 1, "inbox items kept": 6}
    )

    assert contents(await exported(there.world.database)) == contents(items)
    assert await there.take_in(items) == Counter(
        {"subscriptions that were here": 2, "webhooks that were here": 1, "inbox items that were here": 6}
    )


async def test_an_inbox_has_the_positions_of_the_log_it_is_in(world: World, there: Place) -> None:
    events = await lived_in(world)
    await there.receive(*events)
    await there.take_in(await exported(world.database))

    newest_first = [event.envelope.event_id for event in reversed(events)]
    told = await there.world.items(ANN)
    assert [(item.position, item.event_id) for item in told] == list(
        zip((6, 5, 4), newest_first, strict=True)
    )
    assert [item.read_at is not None for item in told] == [False, True, False]
    assert [item.sentence for item in told] == [item.sentence for item in await world.items(ANN)]
    logged = [envelope.recorded_at for envelope in await there.feed.page(3)]
    assert [item.recorded_at for item in told] == list(reversed(logged))


async def test_nothing_is_told_again_and_what_happens_next_is_told(world: World, there: Place) -> None:
    await there.receive(*await lived_in(world))
    await there.take_in(await exported(world.database))

    async with there.world.database.connection() as connection:
        rules = (await load_rules(connection, [ORGANIZATION]))[ORGANIZATION]
    last, following = comment(world), comment(world)
    assert rules.matching(replace(last.envelope, position=6)) == []
    assert sorted(rule.channel for rule in rules.matching(replace(following.envelope, position=7))) == [
        Channel.INBOX,
        Channel.INBOX,
        Channel.WEBHOOK,
    ]


async def test_receivers_go_on_verifying_with_the_secret_they_have(world: World, there: Place) -> None:
    await there.receive(*await lived_in(world))
    await there.take_in(await exported(world.database))
    there.world.position = 6

    await there.world.tell(comment(there.world))

    (outcome,) = await there.world.deliver()
    assert outcome is Recorded.DELIVERED
    assert b"whsec_" not in b"".join(item.body for item in await exported(world.database))


async def test_without_the_key_a_webhook_gets_another_secret_and_waits(world: World, there: Place) -> None:
    await there.receive(*await lived_in(world))

    await there.take_in(await exported(world.database), Resealing(KEYS_THERE, KEYS_THERE))

    (endpoint,) = await endpoints.Endpoints(there.world.organizations).page(ORGANIZATION, None, None, 10)
    assert (endpoint.state, endpoint.state_reason) == (
        "paused",
        "its secret did not move with it: rotate the secret, then resume",
    )


async def test_an_erased_person_stays_erased(world: World, there: Place) -> None:
    events = await lived_in(world)
    items = await exported(world.database)
    erased = recorded(
        PersonErased(person_id=ANN), 9, event_id=UUID(int=9), stream=f"member-{ANN}", project_id=None
    )
    await there.receive(*events, erased)

    await there.take_in(items)

    assert await there.world.items(ANN) == []
    assert len(await there.world.items(BEN)) == 3
    kinds = [
        (item.kind, from_json(item.body).get("person_id")) for item in await exported(there.world.database)
    ]
    assert ("subscription", str(ANN)) not in kinds
    assert ("subscription", str(BEN)) in kinds


async def test_events_come_first(world: World, there: Place) -> None:
    events = await lived_in(world)
    await there.receive(*events[:2])
    items = await exported(world.database)

    with pytest.raises(NotImportable, match="is not in the log here: import the newest export of projects"):
        await there.take_in(items)

    await there.receive(events[2])
    assert (await there.take_in(items))["inbox items kept"] == 6


async def test_nobody_moves_in_where_nobody_knows_them_or_where_they_moved_out(
    world: World, there: Place
) -> None:
    async with there.world.database.transaction() as connection:
        await connection.execute("delete from access_organizations")
    with pytest.raises(NotImportable, match="not known here"):
        await there.take_in([])

    await found(there.world)
    async with there.world.database.transaction() as connection:
        await AccessHandler().apply(connection, [recorded(OrganizationOffboarded(), project_id=None)])
    with pytest.raises(NotImportable, match="is offboarded here"):
        await there.take_in([])


@pytest.mark.parametrize(
    ("item", "reason"),
    [
        (Item("event", b"{}", 7), "line 7: notifications keeps no event"),
        (Item("inbox_item", b'{"event_id":"x"}', 7), "line 7: not of a inbox_item"),
        (Item("webhook", b"{}", 7), "lines 7 to 7"),
    ],
)
async def test_what_is_none_of_this_service_is_refused_by_its_line(
    there: Place, item: Item, reason: str
) -> None:
    with pytest.raises(NotImportable, match=reason):
        await there.take_in([item])
