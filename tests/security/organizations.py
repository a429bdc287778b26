"""Two organizations with everything in them that can be looked at, and one person of the first for every role."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID, uuid4

import httpx2

from deploy.local.stack import Stack
from tests.security.operations import SERVICES

NO_RECEIVER = "http://127.0.0.1:9/hooks"
PROJECT_ROLES = ("viewer", "stakeholder", "contributor", "manager")
ORGANIZATION_ROLES = ("auditor", "admin", "owner")
SCOPES = ("read", "comment", "contribute", "manage")
KEYS = {f"{scope} key": SCOPES[: number + 1] for number, scope in enumerate(SCOPES)}
WAITS = {"Prefer": "wait=10"}

Clients = Mapping[str, httpx2.Client]


@dataclass(frozen=True)
class Place:
    """One project with something of everything; `ids` by the names the API documents give them."""

    ids: dict[str, str]
    canary: str


@dataclass
class Organization:
    """`people` are clients by role; `shared` is the project they have roles in, `hidden` one they have none in."""

    org_id: UUID
    person_ids: dict[str, UUID]
    people: dict[str, Clients] = field(default_factory=dict)
    places: dict[str, Place] = field(default_factory=dict)

    @property
    def owner(self) -> Clients:
        return self.people["owner"]

    @property
    def shared(self) -> Place:
        return self.places["shared"]

    @property
    def hidden(self) -> Place:
        return self.places["hidden"]


@contextmanager
def settled(stack: Stack, canary: str) -> Iterator[Organization]:
    """An organization as its operator founds it, with its people, a shared and a hidden project, and keys."""
    names = ("outsider", *PROJECT_ROLES, *ORGANIZATION_ROLES)
    made = Organization(uuid4(), {name: uuid4() for name in names})
    founded = (
        "organization",
        "found",
        str(made.org_id),
        "--name",
        canary,
        "--owner",
        str(made.person_ids["owner"]),
    )
    assert stack.call("projects", *founded) == 0
    with ExitStack() as opened:
        for name in names:
            made.people[name] = opened.enter_context(clients(stack, token_of(stack, made, name)))
        for name in (*names[:-1],):
            role = name if name in ORGANIZATION_ROLES else "member"
            say(made.owner, "projects", "members", member_id=str(made.person_ids[name]), role=role)
        profile = made.owner["projects"].put(
            f"/v1/profiles/{made.person_ids['owner']}", json={"name": canary}
        )
        assert profile.is_success, profile.text
        for name in ("shared", "hidden"):
            made.places[name] = furnished(made, f"{canary}-{name}")
        for name, scopes in KEYS.items():
            key = key_for(made, made.shared, name, scopes)
            made.people[name] = opened.enter_context(clients(stack, key["secret"]))
        for role in PROJECT_ROLES:
            grant(made, made.shared, role)
        yield made


def token_of(stack: Stack, made: Organization, name: str, lifetime_seconds: float = 86_400) -> str:
    """A token that says who somebody is, and nothing of what they may do."""
    return stack.whereabouts.token(
        org_id=made.org_id, actor=made.person_ids[name], org_role=None, lifetime_seconds=lifetime_seconds
    )


def key_for(made: Organization, place: Place, name: str, scopes: Sequence[str]) -> dict[str, Any]:
    wish = {"name": name, "scopes": list(scopes), "project_ids": [place.ids["project_id"]]}
    key: dict[str, Any] = say(made.owner, "projects", "api-keys", **wish).json()
    return key


def grant(made: Organization, place: Place, role: str) -> None:
    """Give the person of that name the role in the project, and wait until every service knows."""
    member = f"members/{made.person_ids[role]}/join-project"
    said = say(made.owner, "projects", member, project_id=place.ids["project_id"], role=role)
    position = said.headers["milepost-position"]
    ask(made.owner, "timeline", "timeline/projects", min_position=position)
    ask(made.owner, "notifications", "notifications/inbox/unread-count", min_position=position)


@contextmanager
def clients(stack: Stack, token: str | None) -> Iterator[Clients]:
    headers = {} if token is None else {"Authorization": f"Bearer {token}"}
    with ExitStack() as opened:
        yield {
            service: opened.enter_context(
                httpx2.Client(base_url=stack.url(service), headers=headers, timeout=20, trust_env=False)
            )
            for service in SERVICES
        }


def furnished(made: Organization, canary: str) -> Place:
    """A project, a milestone and an issue with the canary in every text, a key, and who is told of it all."""
    owner, admin = made.owner, made.people["admin"]
    own = ("project_id", "milestone_id", "issue_id", "subscription_id", "endpoint_id")
    ids = {name: str(uuid4()) for name in own}
    ids |= {"organization_id": str(made.org_id), "member_id": str(made.person_ids["owner"])}
    ids |= {"person_id": ids["member_id"], "target": f"milestone-{ids['milestone_id']}"}
    place, within = Place(ids, canary), {"project_id": ids["project_id"]}
    said = say(owner, "projects", "projects", name=canary, **within)
    ids["api_key_id"] = key_for(made, place, canary, ["read"])["api_key_id"]
    ask(
        owner,
        "notifications",
        "notifications/inbox/unread-count",
        min_position=said.headers["milepost-position"],
    )
    say(
        owner,
        "notifications",
        "notifications/subscriptions",
        subscription_id=ids["subscription_id"],
        **within,
    )
    hook = {"endpoint_id": ids["endpoint_id"], "url": NO_RECEIVER, "description": canary}
    say(owner, "notifications", "notifications/webhooks", **hook, **within)
    say(admin, "projects", "milestones", milestone_id=ids["milestone_id"], name=canary, **within)
    said = say(admin, "projects", "issues", issue_id=ids["issue_id"], title=canary, **within)
    position = said.headers["milepost-position"]
    inbox = ask(
        owner, "notifications", "notifications/inbox", min_position=position, since_position=0, **within
    )
    ask(owner, "timeline", f"timeline/issues/{ids['issue_id']}", min_position=position)
    ids["event_id"] = inbox.json()["items"][0]["event_id"]
    return place


def say(person: Clients, service: str, path: str, **wish: Any) -> httpx2.Response:
    answer = person[service].post(f"/v1/{path}", json=wish)
    assert answer.is_success, answer.text
    return answer


def ask(person: Clients, service: str, path: str, **parameters: Any) -> httpx2.Response:
    answer = person[service].get(f"/v1/{path}", params=parameters, headers=WAITS)
    assert answer.is_success, answer.text
    return answer
