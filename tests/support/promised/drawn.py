"""Wishes as hypothesis draws them: of few things and few values, so that they meet and contradict one another."""

from typing import Any
from uuid import UUID

from hypothesis import strategies as st

from tests.support.promised.world import CREATING, FUTURE, Wish
from tests.support.recordings import ACTOR as CALLER

Strategy = st.SearchStrategy[Any]

ACTOR = str(CALLER)


def ids(first: int, count: int) -> list[str]:
    return [str(UUID(int=first + number)) for number in range(count)]


PROJECTS, MILESTONES, ISSUES, KEYS = ids(100, 2), ids(200, 2), ids(300, 2), ids(400, 2)
THINGS = {
    "project": PROJECTS,
    "milestone": MILESTONES,
    "issue": ISSUES,
    "member": [ACTOR, *ids(500, 1)],
    "api_key": KEYS,
}
OTHER_PROJECTS = st.sampled_from([*PROJECTS, PROJECTS[0], *ids(900, 1)])
STREAMS = st.sampled_from([*(f"milestone-{each}" for each in MILESTONES), f"issue-{ISSUES[1]}"])
WORDS = st.sampled_from(["One", "Another"])
DAYS = st.sampled_from(["2026-01-01", "2026-02-01"])
INSTANTS = st.sampled_from(["2030-01-01T00:00:00Z", "2031-01-01T00:00:00Z"])
PAST = st.sampled_from(["1961-05-25T20:00:00Z", "1969-07-16T13:32:00Z", FUTURE])
STATES = st.sampled_from(["To do", "Waiting", "Done", "Cancelled", "Reported", "Solved"])
WORKFLOWS = st.sampled_from(
    [
        [{"name": "Reported", "category": "waiting"}, {"name": "Solved", "category": "done"}],
        [{"name": "Done", "category": "done"}],
        [
            {"name": "To do", "category": "todo"},
            {"name": "Done", "category": "active"},
            {"name": "Cancelled", "category": "cancelled"},
        ],
    ]
)
ORGANIZATION_ROLES = st.sampled_from(["owner", "admin", "member", "auditor"])
PROJECT_ROLES = st.sampled_from(["manager", "contributor", "viewer", "stakeholder"])
CAUSES = st.lists(
    st.fixed_dictionaries({"cause_class": st.just("external")}, optional={"stream": STREAMS}), max_size=2
)


def body(optional: dict[str, Strategy] | None = None, **needed: Strategy) -> Strategy:
    """A body with these fields, those that are optional, and sometimes when it was true."""
    return st.fixed_dictionaries(needed, optional={**(optional or {}), "effective_at": PAST})


BODIES: dict[str, dict[str, Strategy]] = {
    "project": {
        "propose": body({"summary": WORDS}, name=WORDS),
        "approve-charter": body({"objectives": st.lists(WORDS, max_size=1)}, purpose=WORDS),
        "adopt-methodology": body(methodology=st.sampled_from(["scrum", "kanban"])),
        "adopt-workflow": body(states=WORKFLOWS),
        "enter-phase": body(phase=st.sampled_from(["planning", "executing", "closing"])),
        "put-on-hold": body(reason=WORDS),
        "resume": body(),
        "close": body({"outcome": WORDS}),
        "cancel": body(reason=WORDS),
    },
    "milestone": {
        "plan": body({"target_on": DAYS}, project_id=OTHER_PROJECTS, name=WORDS),
        "commit": body({"baseline_on": DAYS}),
        "rebaseline": body({"forecast_on": DAYS}, baseline_on=DAYS, change=WORDS),
        "reforecast": body({"caused_by": CAUSES}, forecast_on=DAYS, reason=WORDS),
        "achieve": body(achieved_on=DAYS),
        "correct-achievement": body(achieved_on=DAYS, reason=WORDS),
        "withdraw-achievement": body(reason=WORDS),
        "cancel": body(reason=WORDS),
        "reinstate": body(reason=WORDS),
    },
    "issue": {
        "raise": body({"state": STATES, "priority": st.just("high")}, project_id=OTHER_PROJECTS, title=WORDS),
        "triage": body({"kind": st.sampled_from(["bug", "task"])}, priority=st.sampled_from(["low", "high"])),
        "assign": body({"assignee_id": st.just(ACTOR), "team": WORDS}),
        "estimate": body(estimate=st.sampled_from(["1", "2.5"]), unit=st.sampled_from(["days", "points"])),
        "transition": body(state=STATES),
        "block": body({"blocked_by": STREAMS}, reason=WORDS),
        "unblock": body(),
        "link": body(relation=st.sampled_from(["blocks", "delivers"]), target=STREAMS),
        "comment": body(comment_id=st.sampled_from(ids(600, 2)), text=WORDS),
        "cancel": body(reason=WORDS),
        "reopen": body({"state": STATES}, reason=WORDS),
        "move": body(project_id=OTHER_PROJECTS),
    },
    "member": {
        "join": body(role=ORGANIZATION_ROLES),
        "grant-role": body(role=ORGANIZATION_ROLES),
        "leave": body(),
        "join-project": body(project_id=OTHER_PROJECTS, role=PROJECT_ROLES),
        "leave-project": body(project_id=OTHER_PROJECTS),
        "erase": body(),
    },
    "api_key": {
        "issue": body(
            {"project_ids": st.lists(OTHER_PROJECTS, min_size=1, max_size=2), "expires_at": INSTANTS},
            name=WORDS,
            scopes=st.lists(st.sampled_from(["read", "comment", "manage"]), min_size=1, max_size=3),
        ),
        "rotate": body({"former_valid_until": INSTANTS, "expires_at": INSTANTS}),
        "revoke": body(),
    },
}


# After these little is left to happen, so they are wished for less often than all others.
ENDS = {"project": ("close", "cancel"), "member": ("erase", "leave"), "api_key": ("revoke",)}
OFTEN = 4


def wishes_for(kind: str, entity_id: str) -> Strategy:
    """Any command for one thing; what creates it names it in its body."""
    verbs = [
        verb
        for verb in sorted(BODIES[kind])
        for _ in range(1 if verb in (*ENDS.get(kind, ()), CREATING[kind]) else OFTEN)
    ]

    def wished(verb: str) -> Strategy:
        named = {f"{kind}_id": entity_id} if CREATING[kind] == verb else {}
        return BODIES[kind][verb].map(lambda said: Wish(kind, entity_id, verb, {**named, **said}))

    return st.sampled_from(verbs).flatmap(wished)


def beginning(kind: str, entity_id: str, **said: str) -> Wish:
    return Wish(kind, entity_id, CREATING[kind], {f"{kind}_id": entity_id, **said})


THING = st.sampled_from([(kind, entity_id) for kind, found in THINGS.items() for entity_id in found])
WISHES = THING.flatmap(lambda thing: wishes_for(*thing))
# What a run begins with, so that most wishes are about something that is there.
BEGINNING = (
    beginning("project", PROJECTS[0], name="One"),
    beginning("project", PROJECTS[1], name="Another"),
    Wish("project", PROJECTS[1], "approve-charter", {"purpose": "One"}),
    *(beginning("milestone", each, project_id=PROJECTS[0], name="One") for each in MILESTONES),
    *(beginning("issue", each, project_id=PROJECTS[1], title="One") for each in ISSUES),
    beginning("member", THINGS["member"][1], role="member"),
)
