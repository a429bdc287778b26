"""Somebody who uses Milepost: commands, questions and notifications over HTTP, with a token of their own."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

import httpx2

from deploy.local.stack import Stack

WAITS = {"Prefer": "wait=5"}


@dataclass
class Person:
    """`position` is that of the last command; every question is asked from there on."""

    org_id: UUID
    actor: UUID
    projects: httpx2.AsyncClient
    timeline: httpx2.AsyncClient
    notifications: httpx2.AsyncClient
    position: int = 0

    async def says(self, path: str, **wish: Any) -> dict[str, Any]:
        """Give a command that must be accepted; the resource after it."""
        answer = await self.projects.post(f"/v1/{path}", json=wish)
        assert answer.is_success, answer.text
        self.position = int(answer.headers["Milepost-Position"])
        said: dict[str, Any] = answer.json()
        return said

    async def asks(self, path: str, **parameters: Any) -> dict[str, Any]:
        """Ask timeline about the world after the last command."""
        found: dict[str, Any] = (await self.reads(path, **parameters)).json()
        return found

    async def reads(self, path: str, **parameters: Any) -> httpx2.Response:
        """The answer as it came."""
        parameters.setdefault("min_position", self.position)
        answer = await self.timeline.get(f"/v1/timeline/{path}", params=parameters, headers=WAITS)
        assert answer.is_success, answer.text
        return answer

    async def wishes(self, path: str, **wish: Any) -> dict[str, Any]:
        """Give notifications a command that must be accepted."""
        answer = await self.notifications.post(f"/v1/notifications/{path}", json=wish)
        assert answer.is_success, answer.text
        made: dict[str, Any] = answer.json()
        return made

    async def hears(self, path: str, **parameters: Any) -> dict[str, Any]:
        """Ask the inbox about the world after the last command."""
        parameters.setdefault("min_position", self.position)
        return await self.looks_up(path, **parameters)

    async def looks_up(self, path: str, **parameters: Any) -> dict[str, Any]:
        """Ask notifications about anything else, as it is now."""
        answer = await self.notifications.get(f"/v1/notifications/{path}", params=parameters, headers=WAITS)
        assert answer.is_success, answer.text
        found: dict[str, Any] = answer.json()
        return found


@asynccontextmanager
async def somebody(
    stack: Stack, *, org_id: UUID | None = None, org_role: str = "owner"
) -> AsyncIterator[Person]:
    """A person in an organization; by default the owner of a new one."""
    org_id, actor = org_id or uuid4(), uuid4()
    token = stack.whereabouts.token(org_id=org_id, actor=actor, org_role=org_role)
    async with AsyncExitStack() as opened:
        projects, timeline, notifications = [
            await opened.enter_async_context(
                httpx2.AsyncClient(
                    base_url=stack.url(service),
                    headers={"Authorization": f"Bearer {token}"},
                    timeout=20,
                    trust_env=False,
                )
            )
            for service in ("projects", "timeline", "notifications")
        ]
        yield Person(org_id, actor, projects, timeline, notifications)
