"""What clients say: one function a command, each of which carries its key in words of its own where it has any."""

from collections.abc import Callable, Iterable
from datetime import date, timedelta
from itertools import count
from random import Random
from typing import Any

from tests.support.proof.ledger import Asked
from tests.support.proof.world import STATES, Place, World, asked

NOTHING_OR_ONE = frozenset({0, 1})
ROLES = ("admin", "member", "auditor")
PROJECT_ROLES = ("manager", "contributor", "viewer", "stakeholder")
# Each forecast is another day, so that no reforecast is a repetition.
_days = count(1)

Saying = Callable[[Place, Random, World], Asked]


def reforecast(place: Place, chance: Random, _: World) -> Asked:
    day = date(2027, 1, 1) + timedelta(days=next(_days))
    return _of_milestone(place, chance, "reforecast", "reason", forecast_on=day.isoformat())


def achieve(place: Place, chance: Random, _: World) -> Asked:
    day = date(2026, 1, 1) - timedelta(days=chance.randrange(300))
    return _of_milestone(place, chance, "achieve", "note", NOTHING_OR_ONE, achieved_on=day.isoformat())


def withdraw(place: Place, chance: Random, _: World) -> Asked:
    return _of_milestone(place, chance, "withdraw-achievement", "reason")


def transition(place: Place, chance: Random, _: World) -> Asked:
    return _of_issue(place, chance, "transition", "note", state=chance.choice(STATES))


def transition_nowhere(place: Place, chance: Random, _: World) -> Asked:
    return _of_issue(place, chance, "transition", "note", state="Nowhere")


def comment(place: Place, chance: Random, _: World) -> Asked:
    return _of_issue(place, chance, "comment", "text")


def block(place: Place, chance: Random, _: World) -> Asked:
    return _of_issue(place, chance, "block", "reason")


def unblock(place: Place, chance: Random, _: World) -> Asked:
    return _of_issue(place, chance, "unblock", "reason", NOTHING_OR_ONE)


def triage(place: Place, chance: Random, _: World) -> Asked:
    priority = chance.choice(("low", "medium", "high", "critical"))
    return _of_issue(place, chance, "triage", "note", NOTHING_OR_ONE, priority=priority)


def move(place: Place, chance: Random, world: World) -> Asked:
    target = chance.choice(world.neighbors(place)).project_id
    return _of_issue(place, chance, "move", "reason", frozenset({0, 2}), project_id=str(target))


def join(place: Place, chance: Random, _: World) -> Asked:
    member_id = str(chance.choice(place.organization.members))
    wish = {"member_id": member_id, "role": chance.choice(ROLES)}
    return _of_member(place, chance, member_id, "/v1/members", None, NOTHING_OR_ONE, **wish)


def grant_role(place: Place, chance: Random, _: World) -> Asked:
    role = chance.choice(ROLES)
    return _of_some_member(place, chance, "grant-role", None, NOTHING_OR_ONE, role=role)


def join_project(place: Place, chance: Random, _: World) -> Asked:
    wish = {"project_id": str(place.project_id), "role": chance.choice(PROJECT_ROLES)}
    return _of_some_member(place, chance, "join-project", None, NOTHING_OR_ONE, **wish)


def leave_project(place: Place, chance: Random, _: World) -> Asked:
    project_id = str(place.project_id)
    return _of_some_member(place, chance, "leave-project", "reason", NOTHING_OR_ONE, project_id=project_id)


def leave(place: Place, chance: Random, world: World) -> Asked:
    """Whoever leaves, leaves all projects too, each with an event of its own."""
    up_to_all = range(len(world.neighbors(place)) + 2)
    return _of_some_member(place, chance, "leave", "reason", up_to_all)


def issue_key(place: Place, chance: Random, _: World) -> Asked:
    api_key_id = chance.choice(place.organization.api_keys)
    wish: dict[str, Any] = {
        "api_key_id": str(api_key_id),
        "scopes": ["read"],
        "project_ids": [str(place.project_id)],
    }
    actor = chance.choice(place.organization.people)
    return asked(place.organization, actor, f"api_key-{api_key_id}", "/v1/api-keys", "name", **wish)


def revoke_key(place: Place, chance: Random, _: World) -> Asked:
    api_key_id = chance.choice(place.organization.api_keys)
    actor = chance.choice(place.organization.people)
    path = f"/v1/api-keys/{api_key_id}/revoke"
    organization, stream = place.organization, f"api_key-{api_key_id}"
    return asked(organization, actor, stream, path, "reason", events=NOTHING_OR_ONE)


COMMANDS: dict[Saying, int] = {
    reforecast: 33,
    transition: 22,
    comment: 17,
    block: 4,
    unblock: 4,
    triage: 4,
    achieve: 3,
    withdraw: 3,
    move: 3,
    transition_nowhere: 2,
    join: 2,
    grant_role: 2,
    join_project: 2,
    leave_project: 1,
    leave: 1,
    issue_key: 1,
    revoke_key: 1,
}
ONE = frozenset({1})


def anything(place: Place, chance: Random, world: World) -> Asked:
    """Some command, the frequent ones more often."""
    [saying] = chance.choices(list(COMMANDS), list(COMMANDS.values()))
    return saying(place, chance, world)


def _of_milestone(
    place: Place, chance: Random, verb: str, words: str, events: frozenset[int] = ONE, **body: str
) -> Asked:
    milestone_id = chance.choice(place.milestones)
    actor = chance.choice(place.organization.people)
    path = f"/v1/milestones/{milestone_id}/{verb}"
    return asked(place.organization, actor, f"milestone-{milestone_id}", path, words, events=events, **body)


def _of_issue(
    place: Place, chance: Random, verb: str, words: str, events: frozenset[int] = ONE, **body: str
) -> Asked:
    issue_id = chance.choice(place.issues)
    actor = chance.choice(place.organization.people)
    path = f"/v1/issues/{issue_id}/{verb}"
    return asked(place.organization, actor, f"issue-{issue_id}", path, words, events=events, **body)


def _of_some_member(
    place: Place, chance: Random, verb: str, words: str | None, events: Iterable[int], **body: str
) -> Asked:
    member_id = str(chance.choice(place.organization.members))
    return _of_member(place, chance, member_id, f"/v1/members/{member_id}/{verb}", words, events, **body)


def _of_member(
    place: Place,
    chance: Random,
    who: str,
    path: str,
    words: str | None,
    events: Iterable[int],
    **body: str,
) -> Asked:
    actor = chance.choice(place.organization.people)
    stream = f"member-{who}"
    return asked(place.organization, actor, stream, path, words, events=frozenset(events), **body)
