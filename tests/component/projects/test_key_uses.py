"""When a key was last used is seen by whoever may see the key, wherever it was used, and nobody waits for it."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import httpx2 as httpx
import pytest
import pytest_asyncio
from prometheus_client import REGISTRY

from libs.access.key_use_reports import PATH, ReportsToProjects
from libs.access.key_uses import EVERY_SECONDS, KEYS_MAX, PORTION, KeyUse, KeyUses, Told
from libs.chassis.development_issuer import DevelopmentIssuer
from libs.chassis.server import Program
from libs.chassis.service_client import ServiceClient, ServiceUnavailable
from services.projects.key_uses import KeyUseTable
from tests.component.projects.conftest import OWNER, Clients
from tests.component.projects.test_api_keys import issue, key_client
from tests.support.eventually import eventually
from tests.support.recordings import ORGANIZATION

LONG_AGO = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass
class Key:
    """A key, who may look at it, and the ways in which projects can be told of its uses."""

    issued: dict[str, Any]
    owner: httpx.AsyncClient
    table: KeyUseTable
    reports: ReportsToProjects

    @property
    def api_key_id(self) -> UUID:
        return UUID(self.issued["api_key_id"])

    async def shown(self, **headers: str) -> httpx.Response:
        return await self.owner.get(f"/v1/api-keys/{self.api_key_id}", headers=headers)

    async def last_used_at(self) -> datetime | None:
        told = (await self.shown()).json()["last_used_at"]
        return None if told is None else datetime.fromisoformat(told)

    def used(self, used_at: datetime) -> KeyUse:
        return KeyUse(ORGANIZATION, self.api_key_id, used_at)


def state_of(running: Program) -> Any:
    app: Any = running.app
    return app.state


def lost() -> float:
    return REGISTRY.get_sample_value("milepost_key_uses_lost_total") or 0.0


def asking(running: Program, token: str) -> ServiceClient:
    return ServiceClient("http://projects", lambda: token, httpx.ASGITransport(running.app))


@pytest_asyncio.fixture
async def key(running: Program, founded: Clients, issuer: DevelopmentIssuer) -> AsyncIterator[Key]:
    owner = founded(OWNER)
    reports = ReportsToProjects(asking(running, issuer.mint_service("timeline")))
    yield Key(await issue(owner), owner, state_of(running).key_use_table, reports)
    await reports.close()


@pytest.fixture(params=["here", "elsewhere"])
def told(request: pytest.FixtureRequest, key: Key) -> Told:
    """Whom a process tells: its own database in projects, projects anywhere else."""
    return key.table if request.param == "here" else key.reports


@asynccontextmanager
async def telling(uses: KeyUses) -> AsyncIterator[None]:
    running = asyncio.create_task(uses.run())
    try:
        yield
    finally:
        running.cancel()
        await asyncio.wait([running])


async def test_who_may_see_a_key_sees_when_it_let_its_holder_in(
    running: Program, founded: Clients, key: Key
) -> None:
    before = datetime.now(UTC)
    program = key_client(founded(OWNER), key.issued["secret"])
    assert (await program.get("/v1/events")).status_code == 200
    after = datetime.now(UTC)
    wrong = key_client(founded(OWNER), f"{key.issued['secret'][:-64]}{'0' * 64}")

    async with telling(state_of(running).key_uses):

        async def is_seen() -> None:
            assert before <= (await key.last_used_at() or LONG_AGO) <= after

        await eventually(is_seen)
        assert (await wrong.get("/v1/events")).status_code == 401
    assert before <= (await key.last_used_at() or LONG_AGO) <= after


async def test_a_key_that_rested_is_told_at_once_and_one_in_use_once_a_minute(key: Key, told: Told) -> None:
    now = 0.0
    uses = KeyUses(told, lambda: now)
    seen = []
    for second in range(0, 121, 20):
        now = float(second)
        uses.note(*key.used(LONG_AGO + timedelta(seconds=second)))
        await uses.tell_due()
        seen.append((await key.last_used_at() or LONG_AGO) - LONG_AGO)
    assert EVERY_SECONDS == 60
    assert [each.total_seconds() for each in seen] == [0, 0, 0, 60, 60, 60, 120]


async def test_a_use_while_others_are_told_is_told_later(key: Key, told: Told) -> None:
    now = 0.0
    last = LONG_AGO + timedelta(seconds=10)

    class Slow:
        """A key is used again before the answer comes."""

        async def tell(self, portion: Sequence[KeyUse]) -> None:
            await told.tell(portion)
            uses.note(*key.used(last))

        async def close(self) -> None:
            await told.close()

    uses = KeyUses(Slow(), lambda: now)
    uses.note(*key.used(LONG_AGO))
    await uses.tell_due()
    first = await key.last_used_at()
    now = EVERY_SECONDS
    await uses.tell_due()
    assert (first, await key.last_used_at()) == (LONG_AGO, last)


async def test_what_waits_when_a_process_ends_is_told(key: Key, told: Told) -> None:
    uses = KeyUses(told, lambda: 0.0)
    uses.note(*key.used(LONG_AGO))
    await uses.tell_due()
    last = LONG_AGO + timedelta(seconds=10)
    async with telling(uses):
        uses.note(*key.used(last))
        assert await key.last_used_at() == LONG_AGO
    assert await key.last_used_at() == last


async def test_while_projects_does_not_listen_uses_wait_and_are_told_later(
    running: Program, key: Key, issuer: DevelopmentIssuer
) -> None:
    tokens = ["not one of a service"]
    client = ServiceClient("http://projects", lambda: tokens[-1], httpx.ASGITransport(running.app))
    uses, last = KeyUses(ReportsToProjects(client), lambda: 0.0), LONG_AGO + timedelta(seconds=10)
    for used_at in (LONG_AGO, last):
        uses.note(*key.used(used_at))
        with pytest.raises(ServiceUnavailable):
            await uses.tell_due()
    assert await key.last_used_at() is None
    tokens.append(issuer.mint_service("timeline"))
    await uses.tell_due()
    assert await key.last_used_at() == last
    await client.close()


async def test_more_keys_than_can_wait_are_counted_and_none_that_waits_is_lost(key: Key) -> None:
    uses, before = KeyUses(key.table), lost()
    uses.note(*key.used(LONG_AGO))
    for _ in range(KEYS_MAX + 1):
        uses.note(ORGANIZATION, uuid4(), LONG_AGO)
    last = LONG_AGO + timedelta(seconds=10)
    uses.note(*key.used(last))
    await uses.tell_due()

    assert lost() - before == 2
    assert await key.last_used_at() == last


async def test_a_use_moves_forward_only_and_never_beyond_now(key: Key) -> None:
    last = LONG_AGO + timedelta(seconds=10)
    for used_at in (last, LONG_AGO):
        await key.reports.tell([key.used(used_at)])
    assert await key.last_used_at() == last
    await key.table.tell([key.used(datetime.now(UTC) + timedelta(days=1))])
    assert LONG_AGO < (await key.last_used_at() or LONG_AGO) <= datetime.now(UTC)


async def test_uses_of_what_is_no_key_are_not_kept(key: Key) -> None:
    strangers = [KeyUse(uuid4(), key.api_key_id, LONG_AGO), KeyUse(ORGANIZATION, uuid4(), LONG_AGO)]
    await key.reports.tell([*strangers, key.used(LONG_AGO)])
    assert [await key.table.last_used_at(each.org_id, each.api_key_id) for each in strangers] == [None, None]
    assert await key.last_used_at() == LONG_AGO


async def test_only_services_report_and_only_so_much_at_a_time(
    running: Program, key: Key, issuer: DevelopmentIssuer
) -> None:
    use = {"org_id": str(ORGANIZATION), "api_key_id": str(key.api_key_id), "used_at": "2026-01-01T00:00:00Z"}
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(running.app), base_url="http://projects"
    ) as client:
        statuses = {}
        for who, token in {
            "owner": key.owner.headers["authorization"][7:],
            "key": key.issued["secret"],
            "service": issuer.mint_service("notifications"),
        }.items():
            headers = {"Authorization": f"Bearer {token}"}
            for what, uses in {
                "one": [use],
                "many": [use] * (PORTION + 1),
                "odd": [{**use, "name": "x"}],
            }.items():
                answer = await client.post(PATH, json={"uses": uses}, headers=headers)
                statuses[who, what] = answer.status_code
    assert statuses == {
        **{(who, what): 401 for who in ("owner", "key") for what in ("one", "many", "odd")},
        ("service", "one"): 204,
        ("service", "many"): 422,
        ("service", "odd"): 422,
    }


async def test_the_tag_of_a_key_is_weak_and_names_the_version_a_command_was_decided_on(key: Key) -> None:
    shown = await key.shown()
    await key.table.tell([key.used(LONG_AGO)])
    later = await key.shown()
    tag = later.headers["etag"]
    assert (shown.headers["etag"], tag, await key.last_used_at()) == ('W/"1"', 'W/"1"', LONG_AGO)
    assert (await key.shown(**{"If-None-Match": tag})).status_code == 304
    revoke = f"/v1/api-keys/{key.api_key_id}/revoke"
    stale = await key.owner.post(revoke, json={}, headers={"If-Match": 'W/"2"'})
    revoked = await key.owner.post(revoke, json={}, headers={"If-Match": tag})
    assert (stale.status_code, revoked.status_code, revoked.headers["etag"]) == (412, 200, '"2"')
