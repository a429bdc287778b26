"""The HTTP side of each service, by what conventions speak of: a single resource, a list, a command."""

from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import uuid4

import httpx2

from tests.end_to_end.people import Person

Answer = httpx2.Response
JSON = {"Content-Type": "application/json"}


@dataclass(frozen=True)
class Surface:
    """One service to one person. `lists` is empty where it has none: projects answers single resources only."""

    name: str
    client: httpx2.AsyncClient
    resource: str
    lists: str
    creating: str
    creation: dict[str, Any]
    # A command on an existing resource, with its body; timeline has none.
    command: str = ""
    body: dict[str, Any] | None = None

    async def ask(self, method: str, path: str, **options: Any) -> Answer:
        return await self.client.request(method, path, **options)


async def surfaces_of(person: Person) -> dict[str, Surface]:
    """The services, after somebody planned a milestone and asked to be told."""
    project = (await person.says("projects", name="Data center"))["project_id"]
    planned = {"project_id": project, "name": "Go live", "target_on": str(date(2027, 1, 31))}
    milestone = (await person.says("milestones", **planned))["milestone_id"]
    for _ in range(3):
        await person.says("milestones", **planned)
    wish = {"project_id": project}
    subscription = (await person.wishes("subscriptions", **wish))["subscription_id"]
    await person.wishes("subscriptions", **wish, kinds=["milestone.reforecast"])
    await person.asks(f"milestones/{milestone}")
    return _surfaces(person, milestone, planned, subscription, wish)


def _surfaces(
    person: Person, milestone: str, planned: dict[str, Any], subscription: str, wish: dict[str, Any]
) -> dict[str, Surface]:
    one, told = f"/v1/milestones/{milestone}", "/v1/notifications/subscriptions"
    return {
        "projects": Surface(
            "projects",
            person.projects,
            one,
            "",
            "/v1/milestones",
            planned,
            f"{one}/reforecast",
            {"forecast_on": "2027-03-15", "reason": "The lease was extended"},
        ),
        "timeline": Surface(
            "timeline",
            person.timeline,
            f"/v1/timeline/milestones/{milestone}",
            "/v1/timeline/milestones",
            "",
            {},
        ),
        "notifications": Surface(
            "notifications",
            person.notifications,
            f"{told}/{subscription}",
            told,
            told,
            wish,
            f"{told}/{subscription}/revise",
            {**wish, "mute_own": False},
        ),
    }


def problem(answer: Answer, status: int, code: str | None = None) -> dict[str, Any]:
    """The body of an answer that must be a problem with every member it promises."""
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json"), (
        answer.text
    )
    body: dict[str, Any] = answer.json()
    assert {"type", "title", "status", "detail", "instance", "code", "trace_id"} <= set(body)
    assert (body["status"], body["type"]) == (status, f"/problems/{body['code']}")
    assert code is None or body["code"] == code, body
    assert len(body["trace_id"]) == 32
    return body


def foreign(path: str, identifier: str | None = None) -> str:
    """The same path with an id nobody has, or with what is no id."""
    parts = path.split("/")
    place = next(number for number, part in enumerate(parts) if part.count("-") == 4)
    parts[place] = identifier or str(uuid4())
    return "/".join(parts)
