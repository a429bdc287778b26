"""Imports that last: what is taken from whoever sends one counts for the rest of it, read already or not."""

import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any
from uuid import UUID, uuid4

import httpx2 as httpx
import pytest

from libs.chassis.development_issuer import DevelopmentIssuer
from libs.events.log.log import Log
from services.projects import organizations
from tests.component.projects.conftest import OWNER, Clients
from tests.component.projects.test_api_keys import issue, key_client
from tests.component.projects.test_imports import line
from tests.component.projects.test_members import ANN, becomes, give_role, join, propose
from tests.support.recordings import ORGANIZATION


@pytest.fixture
def grants_in_tokens() -> bool:
    return False


class LongImport:
    """An import by `sender` into one project; each line plans a milestone, whose id is its key."""

    def __init__(self, sender: httpx.AsyncClient, project_id: str) -> None:
        self._sender = sender
        self._project_id = project_id
        self.told: list[dict[str, Any]] = []

    def planned(self, milestone_id: UUID) -> bytes:
        stream, key = f"milestone-{milestone_id}", str(milestone_id)
        text = line(key, "milestone.plan", stream, project_id=self._project_id, name="Landing")
        return text.encode() + b"\n"

    async def send(self, body: AsyncIterator[bytes]) -> None:
        headers = {"Content-Type": "application/x-ndjson"}
        answer = await self._sender.post("/v1/imports", content=body, headers=headers)
        assert answer.status_code == 200, answer.text
        self.told = [json.loads(each) for each in answer.text.splitlines()]

    @property
    def outcomes(self) -> list[tuple[str, str | None]]:
        return [(each["outcome"], each.get("code")) for each in self.told[:-1]]


class Days:
    """Three milestones of an import: recorded before a right is taken, read before and recorded after, read after."""

    def __init__(self, long: LongImport, witness: httpx.AsyncClient) -> None:
        self._long = long
        self._witness = witness
        self.before, self.between, self.after = uuid4(), uuid4(), uuid4()

    async def body(self, take: Callable[[], Awaitable[None]]) -> AsyncIterator[bytes]:
        """`take` takes the right away, and returns once everybody knows."""
        yield self._long.planned(self.before)
        # The same key again begins another chunk, so that the first one is recorded.
        yield self._long.planned(self.before)
        yield self._long.planned(self.between)
        await becomes(self._witness, f"/v1/milestones/{self.before}", 200)
        await take()
        yield self._long.planned(self.after)

    async def exist(self) -> list[int]:
        asked = (self.before, self.between, self.after)
        return [(await self._witness.get(f"/v1/milestones/{each}")).status_code for each in asked]


async def test_who_is_removed_from_the_organization_imports_nothing_more(founded: Clients) -> None:
    owner, ann = founded(OWNER), founded(ANN)
    await join(owner, ANN)
    project_id = await propose(ann)
    long = LongImport(ann, project_id)
    days = Days(long, owner)

    async def take() -> None:
        await owner.post(f"/v1/members/{ANN}/leave", json={"reason": "Retired"})
        await becomes(ann, f"/v1/projects/{project_id}", 403)

    await long.send(days.body(take))

    assert long.outcomes == [("recorded", None)]
    total = long.told[-1]
    assert (total["lines"], total["recorded"], total["code"]) == (1, 1, "not_a_member")
    assert "no member" in total["detail"]
    assert await days.exist() == [200, 404, 404]


async def test_who_leaves_a_project_has_the_rest_of_its_lines_refused(founded: Clients) -> None:
    owner, ann = founded(OWNER), founded(ANN)
    await join(owner, ANN)
    project_id = await propose(owner)
    await give_role(owner, ANN, project_id, "manager")
    await becomes(ann, f"/v1/projects/{project_id}", 200)
    long = LongImport(ann, project_id)
    days = Days(long, owner)

    async def take() -> None:
        await owner.post(f"/v1/members/{ANN}/leave-project", json={"project_id": project_id})
        await becomes(ann, f"/v1/projects/{project_id}", 404)

    await long.send(days.body(take))

    # Also what was recorded is told again only to who may still say it.
    assert long.outcomes == [("recorded", None), *[("refused", "not_found")] * 3]
    assert "code" not in long.told[-1]
    assert await days.exist() == [200, 404, 404]


async def test_a_key_that_is_revoked_imports_nothing_more(founded: Clients) -> None:
    owner = founded(OWNER)
    project_id = await propose(owner)
    issued = await issue(owner, scopes=["read", "manage", "contribute"])
    program = key_client(founded(OWNER), issued["secret"])
    long = LongImport(program, project_id)
    days = Days(long, owner)

    async def take() -> None:
        await owner.post(f"/v1/api-keys/{issued['api_key_id']}/revoke", json={})
        await becomes(program, f"/v1/projects/{project_id}", 401)

    await long.send(days.body(take))

    assert long.outcomes == [("recorded", None)]
    assert (long.told[-1]["lines"], long.told[-1]["code"]) == (1, "unauthenticated")
    assert "valid access token" in long.told[-1]["detail"]
    assert await days.exist() == [200, 404, 404]


async def test_an_import_ends_with_its_token(founded: Clients, issuer: DevelopmentIssuer) -> None:
    owner = founded(OWNER)
    project_id = await propose(owner)
    sender = founded(OWNER)
    # A token counts a minute longer than it says: this one for three more seconds.
    now = int(time.time())
    times = {"iat": now - 120, "nbf": now - 120, "exp": now - 57}
    who = {"sub": str(OWNER), "org": str(ORGANIZATION), "aud": "milepost"}
    sender.headers["Authorization"] = f"Bearer {issuer.sign({**who, **times}, 0)}"
    long = LongImport(sender, project_id)
    days = Days(long, owner)

    async def take() -> None:
        await becomes(sender, f"/v1/projects/{project_id}", 401)

    await long.send(days.body(take))

    assert long.outcomes == [("recorded", None)]
    assert (long.told[-1]["lines"], long.told[-1]["code"]) == (1, "unauthenticated")
    assert await days.exist() == [200, 404, 404]


async def test_an_offboarded_organization_imports_nothing_more(founded: Clients, operator_log: Log) -> None:
    owner = founded(OWNER)
    project_id = await propose(owner)
    long = LongImport(owner, project_id)
    days = Days(long, owner)

    async def take() -> None:
        await organizations.offboard(operator_log, ORGANIZATION, "Moved house")
        await becomes(owner, f"/v1/projects/{project_id}", 403)

    await long.send(days.body(take))

    assert long.outcomes == [("recorded", None)]
    assert (long.told[-1]["recorded"], long.told[-1]["code"]) == (1, "not_a_member")


async def test_a_role_given_on_the_way_counts_as_well(founded: Clients) -> None:
    owner, ann = founded(OWNER), founded(ANN)
    await join(owner, ANN)
    project_id = await propose(owner)
    await becomes(ann, f"/v1/projects/{project_id}", 404)
    long = LongImport(ann, project_id)
    early, late = uuid4(), uuid4()

    async def body() -> AsyncIterator[bytes]:
        yield long.planned(early)
        await give_role(owner, ANN, project_id, "manager")
        await becomes(ann, f"/v1/projects/{project_id}", 200)
        yield long.planned(late)

    await long.send(body())

    assert long.outcomes == [("recorded", None)] * 2
